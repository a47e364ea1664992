// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"errors"
	"net/http"

	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/multipart"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Remove ends every open upload to the place and removes the object that was
// made there. It reports whether another one has replaced that: then it stays.
// Neither this nor that nothing is there is an error. Without made only the
// uploads end.
func Remove(ctx context.Context, p store.Place, made *transfer.ArtifactFacts) (replaced bool, err error) {
	o := store.Target(p)
	if made != nil {
		if replaced, err = removeMade(ctx, o, made); err != nil {
			return false, o.Cannot("remove", err)
		}
	}
	ids, err := multipart.IDs(ctx, o)
	if err != nil {
		return replaced, o.Cannot("list uploads of", err)
	}
	return replaced, multipart.Abort(ctx, o, ids)
}

func removeMade(ctx context.Context, o store.Object, made *transfer.ArtifactFacts) (replaced bool, err error) {
	now, err := o.Find(ctx, made.VersionID)
	switch {
	case err != nil:
		return false, err
	case !now.Exists:
		return false, nil
	case multipart.BareTag(now.Tag) != multipart.BareTag(made.Validator):
		return true, nil
	}
	err = remove(ctx, o, now, made.VersionID)
	var r *store.Refusal
	if errors.As(err, &r) && r.Status == http.StatusPreconditionFailed {
		return true, nil // In this very moment.
	}
	return false, err
}

// remove removes an object, or one version of it, if it is still the one that
// was looked at.
func remove(ctx context.Context, o store.Object, f store.Facts, version string) error {
	in := &api.DeleteObjectInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: store.Some(version)}
	if version == "" {
		in.IfMatch = store.Some(f.Tag)
	}
	request := func(ctx context.Context) (*api.DeleteObjectOutput, error) { return o.Conn.DeleteObject(ctx, in) }
	_, err := store.Call(ctx, o, request)
	var r *store.Refusal
	if errors.As(err, &r) && in.IfMatch != nil && store.Unknown(r) {
		in.IfMatch = nil
		_, err = store.Call(ctx, o, request)
	}
	if errors.As(err, &r) && r.Status == http.StatusNotFound && r.Code != "NoSuchBucket" {
		return nil
	}
	return err
}
