// SPDX-License-Identifier: Apache-2.0

package multipart

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"
	"github.com/aws/smithy-go/middleware"

	"github.com/novasphere/provider-wukong/internal/mover/crc64nvme"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// ContentType of what is sent.
const ContentType = "application/octet-stream"

// An Upload is an open multipart upload. It may be used by many goroutines at
// once.
type Upload struct {
	ID string

	object  store.Object
	checked bool        // it was begun with a CRC64NVME
	silent  atomic.Bool // and the store does not say that it compares one
}

// Begin begins an upload, with a checksum if the store knows it.
func Begin(ctx context.Context, o store.Object) (*Upload, error) {
	u, err := begin(ctx, o, true)
	var r *store.Refusal
	if !errors.As(err, &r) || !refusesChecksum(r) {
		return u, err
	}
	return begin(ctx, o, false)
}

// refusesChecksum reports whether a refusal may be about the checksum. There is
// no one code for that: each store has words of its own.
func refusesChecksum(r *store.Refusal) bool {
	return store.Unknown(r) || r.Status == http.StatusBadRequest && !store.KeyRefused(r.Code) && !store.Expired(r.Code)
}

func begin(ctx context.Context, o store.Object, checked bool) (*Upload, error) {
	out, err := store.Call(ctx, o, func(ctx context.Context) (*api.CreateMultipartUploadOutput, error) {
		in := &api.CreateMultipartUploadInput{Bucket: &o.Bucket, Key: &o.Key, ContentType: aws.String(ContentType)}
		if checked {
			in.ChecksumAlgorithm, in.ChecksumType = types.ChecksumAlgorithmCrc64nvme, types.ChecksumTypeFullObject
		}
		return o.Conn.CreateMultipartUpload(ctx, in)
	})
	if err != nil {
		return nil, err
	}
	named := out.ChecksumAlgorithm == types.ChecksumAlgorithmCrc64nvme
	return &Upload{ID: aws.ToString(out.UploadId), object: o, checked: named}, nil
}

// A Part is a part that the store has.
type Part struct {
	Size int64
	CRC  uint64 // CRC64NVME
	Tag  string // the ETag, in its quotes

	// Hashed says that the tag is known to be the MD5 of the bytes, and not
	// only what the store calls them.
	Hashed bool
}

// Send sends a part.
func (u *Upload) Send(ctx context.Context, n int32, p *Piece) (Part, error) {
	if !u.checked || u.silent.Load() {
		return u.send(ctx, n, p, true)
	}
	part, err := u.send(ctx, n, p, false)
	if !errors.Is(err, errSilent) {
		return part, err
	}
	u.silent.Store(true)
	return u.send(ctx, n, p, true)
}

var errSilent = errors.New("store does not say whether it has compared a checksum")

func (u *Upload) send(ctx context.Context, n int32, p *Piece, hashed bool) (Part, error) {
	o := u.object
	out, err := store.Call(ctx, o, func(ctx context.Context) (*api.UploadPartOutput, error) {
		body := lend(p.data)
		defer body.takeBack()
		in := &api.UploadPartInput{Bucket: &o.Bucket, Key: &o.Key, UploadId: &u.ID, PartNumber: &n, Body: body}
		if u.checked {
			in.ChecksumCRC64NVME = aws.String(crc64nvme.Encode(p.crc))
		}
		if hashed {
			in.ContentMD5 = aws.String(p.contentMD5())
			return o.Conn.UploadPart(ctx, in, Unsigned)
		}
		if o.Conn.Secure() {
			return o.Conn.UploadPart(ctx, in, Unsigned)
		}
		return o.Conn.UploadPart(ctx, in, signed(p))
	})
	if err != nil {
		return Part{}, err
	}
	part := Part{Size: p.Size(), CRC: p.crc, Tag: aws.ToString(out.ETag)}
	part.Hashed = hashed && p.hasTag(part.Tag)
	switch has := aws.ToString(out.ChecksumCRC64NVME); {
	case has == "" && !hashed:
		return Part{}, errSilent
	case has != "" && has != crc64nvme.Encode(p.crc):
		return Part{}, transfer.Retryable(transfer.ReasonTargetUnavailable, fmt.Errorf("store has taken the part with CRC64NVME %.20q; sent was %s", has, crc64nvme.Encode(p.crc)))
	}
	return part, nil
}

// Unsigned leaves the body out of a request's signature.
func Unsigned(o *api.Options) {
	o.APIOptions = append(o.APIOptions, v4.SwapComputePayloadSHA256ForUnsignedPayloadMiddleware)
}

// signed puts a piece into a request's signature. The SDK would do it as well, but
// copy the bytes for it, and again for each attempt.
func signed(p *Piece) func(*api.Options) {
	hash := middleware.InitializeMiddlewareFunc("PayloadHashOfPiece", func(ctx context.Context, in middleware.InitializeInput, next middleware.InitializeHandler) (middleware.InitializeOutput, middleware.Metadata, error) {
		return next.HandleInitialize(v4.SetPayloadHash(ctx, p.payloadHash()), in)
	})
	return func(o *api.Options) {
		o.APIOptions = append(o.APIOptions, func(s *middleware.Stack) error { return s.Initialize.Add(hash, middleware.Before) })
	}
}

// Complete makes the object of the parts, which are numbered from 1, if the key
// has what the conditions say, and returns its tag. crc is the whole object's: a
// store that knows the checksum compares it before anything stands under the
// key.
func (u *Upload) Complete(ctx context.Context, parts map[int32]Part, crc uint64, c Conditions) (string, error) {
	o := u.object
	in := &api.CompleteMultipartUploadInput{
		Bucket: &o.Bucket, Key: &o.Key, UploadId: &u.ID, IfMatch: c.Match, IfNoneMatch: c.NoneMatch,
		MultipartUpload: &types.CompletedMultipartUpload{Parts: u.completed(parts)},
	}
	if u.checked {
		in.ChecksumCRC64NVME, in.ChecksumType = aws.String(crc64nvme.Encode(crc)), types.ChecksumTypeFullObject
	}
	out, err := store.Call(ctx, o, func(ctx context.Context) (*api.CompleteMultipartUploadOutput, error) {
		return o.Conn.CompleteMultipartUpload(ctx, in)
	})
	if err != nil {
		return "", err
	}
	return aws.ToString(out.ETag), nil
}

// Conditions are what the key must have; nil: anything.
type Conditions struct{ Match, NoneMatch *string }

func (u *Upload) completed(parts map[int32]Part) []types.CompletedPart {
	out := make([]types.CompletedPart, len(parts))
	for n, p := range parts {
		out[n-1] = types.CompletedPart{PartNumber: aws.Int32(n), ETag: aws.String(p.Tag)}
		if u.checked {
			out[n-1].ChecksumCRC64NVME = aws.String(crc64nvme.Encode(p.CRC))
		}
	}
	return out
}

// Abort ends uploads of a key and what they hold, those too that another one
// has ended.
func Abort(ctx context.Context, o store.Object, ids []string) error {
	var errs []error
	for _, id := range ids {
		_, err := store.Call(ctx, o, func(ctx context.Context) (*api.AbortMultipartUploadOutput, error) {
			return o.Conn.AbortMultipartUpload(ctx, &api.AbortMultipartUploadInput{Bucket: &o.Bucket, Key: &o.Key, UploadId: &id})
		})
		if err != nil && !ended(err) {
			errs = append(errs, err)
		}
	}
	if err := errors.Join(errs...); err != nil {
		return o.Cannot("end uploads of", err)
	}
	return nil
}
