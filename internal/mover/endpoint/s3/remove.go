// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/multipart"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Remove ends every open upload to the place and removes the object that was
// made there. An object that is not there any more is no error; another one is
// transfer.ReasonTargetChanged, and stays. Without made only the uploads end.
func Remove(ctx context.Context, p store.Place, made *transfer.ArtifactFacts) error {
	o := store.Target(p)
	if made != nil {
		if err := removeMade(ctx, o, made); err != nil {
			return o.Cannot("remove", err)
		}
	}
	ids, err := multipart.IDs(ctx, o)
	if err != nil {
		return o.Cannot("list uploads of", err)
	}
	return multipart.Abort(ctx, o, ids)
}

func removeMade(ctx context.Context, o store.Object, made *transfer.ArtifactFacts) error {
	now, err := o.Find(ctx, made.VersionID)
	switch {
	case err != nil:
		return err
	case !now.Exists:
		return nil
	case multipart.BareTag(now.Tag) != multipart.BareTag(made.Validator):
		return transfer.Terminal(transfer.ReasonTargetChanged, fmt.Errorf("the object there has entity tag %.80q, and what was made had %.80q: it is another one, and stays", now.Tag, made.Validator))
	}
	return remove(ctx, o, now, made.VersionID)
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
