// SPDX-License-Identifier: Apache-2.0

package multipart

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/aws-sdk-go-v2/service/s3/types"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
)

// maxUploads bounds how many open uploads of one key are looked at. Each
// attempt goes on with the last one's, so that more than a few are not ours.
const maxUploads = 32

// Listed is a part as the store lists it.
type Listed struct {
	Size int64
	Tag  string // the ETag, in its quotes
	CRC  string // base64; "" when the store does not tell it
}

// Found is an open upload of a key.
type Found struct {
	*Upload

	// Unit is the size of its parts; 0 when it is not ours.
	Unit  int64
	Parts map[int32]Listed
}

// Find lists the open uploads of exactly this key with their parts, the newest
// first. A store that does not list uploads, or not to us, has none: that is no
// hindrance.
func Find(ctx context.Context, o store.Object) ([]Found, error) {
	ids, err := IDs(ctx, o)
	if err != nil {
		return nil, err
	}
	found := make([]Found, 0, min(maxUploads, len(ids)))
	for _, id := range ids[:min(maxUploads, len(ids))] {
		f := Found{Upload: &Upload{object: o, ID: id}}
		if err := f.list(ctx); err != nil && !unlisted(err) {
			return nil, err
		}
		found = append(found, f)
	}
	return found, nil
}

// IDs lists the open uploads of exactly this key, the newest first, as Find
// does.
func IDs(ctx context.Context, o store.Object) ([]string, error) {
	open, err := uploads(ctx, o)
	if err != nil && !unlisted(err) {
		return nil, err
	}
	slices.SortStableFunc(open, func(a, b begun) int { return b.at.Compare(a.at) })
	ids := make([]string, 0, len(open))
	for _, b := range open {
		ids = append(ids, b.id)
	}
	return ids, nil
}

// unlisted reports whether a store refuses to list uploads.
func unlisted(err error) bool {
	var r *store.Refusal
	if !errors.As(err, &r) {
		return false
	}
	return r.Status == http.StatusForbidden && !store.KeyRefused(r.Code) || r.Status == http.StatusMethodNotAllowed || store.Unknown(r)
}

type begun struct {
	id string
	at time.Time
}

func uploads(ctx context.Context, o store.Object) ([]begun, error) {
	var open []begun
	in := &api.ListMultipartUploadsInput{Bucket: &o.Bucket, Prefix: &o.Key}
	for {
		out, err := store.Call(ctx, o, func(ctx context.Context) (*api.ListMultipartUploadsOutput, error) {
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
			open = append(open, begun{aws.ToString(up.UploadId), aws.ToTime(up.Initiated)})
		}
		if !aws.ToBool(out.IsTruncated) || out.NextKeyMarker == nil {
			return open, nil
		}
		in.KeyMarker, in.UploadIdMarker = out.NextKeyMarker, out.NextUploadIdMarker
	}
}

// list learns the parts of an upload. One that has ended meanwhile has none.
func (f *Found) list(ctx context.Context) error {
	f.Parts = map[int32]Listed{}
	o := f.object
	in := &api.ListPartsInput{Bucket: &o.Bucket, Key: &o.Key, UploadId: &f.ID}
	for {
		out, err := store.Call(ctx, o, func(ctx context.Context) (*api.ListPartsOutput, error) { return o.Conn.ListParts(ctx, in) })
		if ended(err) {
			return nil
		}
		if err != nil {
			return err
		}
		f.checked = f.checked || out.ChecksumAlgorithm == types.ChecksumAlgorithmCrc64nvme
		for _, p := range out.Parts {
			f.Parts[aws.ToInt32(p.PartNumber)] = Listed{aws.ToInt64(p.Size), aws.ToString(p.ETag), aws.ToString(p.ChecksumCRC64NVME)}
			f.checked = f.checked || aws.ToString(p.ChecksumCRC64NVME) != ""
		}
		if !aws.ToBool(out.IsTruncated) || out.NextPartNumberMarker == nil {
			f.Unit = unit(f.Parts)
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
