// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/crc64nvme"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
)

// maxUploads bounds how many open uploads of one key are looked at. Each
// attempt goes on with the last one's, so that more than a few are not ours.
const maxUploads = 32

// listed is a part as the store lists it.
type listed struct {
	size int64
	tag  string
	crc  string // base64; "" when the upload has none
}

// found is an open upload of the key.
type found struct {
	id        string
	begun     time.Time
	algorithm types.ChecksumAlgorithm
	parts     map[int32]listed
	unit      int64 // size of its parts; 0 when it is not ours
}

// resume finds what earlier attempts have left: the newest upload of ours with
// parts of today's size is continued, the others are to be ended. A store that
// does not list uploads, or not to us, is no hindrance.
func (u *Upload) resume(ctx context.Context) error {
	open, err := u.object.uploads(ctx)
	if unlisted(err) {
		return nil
	}
	if err != nil {
		return err
	}
	slices.SortFunc(open, func(a, b found) int { return b.begun.Compare(a.begun) })
	for _, f := range open[:min(maxUploads, len(open))] {
		if err := u.object.list(ctx, &f); err != nil && !unlisted(err) {
			return err
		}
		switch {
		case f.unit == 0:
		case u.id == "" && f.unit == u.size && (f.algorithm != "") == u.object.Conn.AWS():
			u.id, u.listed = f.id, f.parts
		default:
			u.abandoned = append(u.abandoned, f.id)
		}
	}
	return nil
}

// unlisted reports whether a store refuses to list uploads.
func unlisted(err error) bool {
	var r *store.Refusal
	if !errors.As(err, &r) {
		return false
	}
	return r.Status == http.StatusForbidden && !store.Expired(r.Code) || r.Status == http.StatusMethodNotAllowed || store.Unknown(r)
}

// uploads lists the open uploads of exactly this key.
func (o target) uploads(ctx context.Context) ([]found, error) {
	var open []found
	in := &api.ListMultipartUploadsInput{Bucket: &o.Bucket, Prefix: &o.Key}
	for {
		out, err := store.Call(ctx, o.Object, func(ctx context.Context) (*api.ListMultipartUploadsOutput, error) {
			return o.Conn.ListMultipartUploads(ctx, in)
		})
		if err != nil {
			return nil, err
		}
		for _, up := range out.Uploads {
			if aws.ToString(up.Key) != o.Key {
				// Keys ascend, and this one is the first with its prefix.
				return open, nil
			}
			open = append(open, found{id: aws.ToString(up.UploadId), begun: aws.ToTime(up.Initiated)})
		}
		if !aws.ToBool(out.IsTruncated) || out.NextKeyMarker == nil {
			return open, nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// list learns the parts of an upload. One that has ended meanwhile has none.
func (o target) list(ctx context.Context, f *found) error {
	f.parts = map[int32]listed{}
	in := &api.ListPartsInput{Bucket: &o.Bucket, Key: &o.Key, UploadId: &f.id}
	for {
		out, err := store.Call(ctx, o.Object, func(ctx context.Context) (*api.ListPartsOutput, error) { return o.Conn.ListParts(ctx, in) })
		if ended(err) {
			return nil
		}
		if err != nil {
			return err
		}
		if out.ChecksumAlgorithm == types.ChecksumAlgorithmCrc64nvme {
			f.algorithm = out.ChecksumAlgorithm
		}
		for _, p := range out.Parts {
			f.parts[aws.ToInt32(p.PartNumber)] = listed{aws.ToInt64(p.Size), aws.ToString(p.ETag), aws.ToString(p.ChecksumCRC64NVME)}
		}
		if !aws.ToBool(out.IsTruncated) || out.NextPartNumberMarker == nil {
			f.unit = unit(f.parts)
			return nil
		}
		in.PartNumberMarker = out.NextPartNumberMarker
	}
}

// ended reports whether an upload is no longer there.
func ended(err error) bool {
	var r *store.Refusal
	return errors.As(err, &r) && r.Code == "NoSuchUpload"
}

// unit returns the size of an upload's parts when it is one of ours: each part
// has it, but for the last, and it bears our mark.
func unit(parts map[int32]listed) int64 {
	size, last := int64(0), int32(0)
	for n, p := range parts {
		size, last = max(size, p.size), max(last, n)
	}
	if size%mib != partMark || size < minPart {
		return 0
	}
	for n, p := range parts {
		if p.size != size && n != last {
			return 0
		}
	}
	return size
}

// has returns the tag of a part that the store has already.
func (u *Upload) has(n int32, p part) (string, bool) {
	l, ok := u.listed[n]
	if !ok || l.size != p.size {
		return "", false
	}
	if strings.EqualFold(strings.Trim(l.tag, `"`), hex.EncodeToString(p.md5[:])) || l.crc == crc64nvme.Encode(p.crc) {
		return l.tag, true
	}
	return "", false
}

// abort ends uploads and what they hold, those too that another one has ended.
func (o target) abort(ctx context.Context, ids []string) error {
	var errs []error
	for _, id := range ids {
		_, err := store.Call(ctx, o.Object, func(ctx context.Context) (*api.AbortMultipartUploadOutput, error) {
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
