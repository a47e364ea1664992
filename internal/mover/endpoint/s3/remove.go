// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Remove ends every open upload to the place and removes the object that was
// made there. An object that is not there any more is no error; another one is
// transfer.ReasonTargetChanged, and stays. Without made only the uploads end.
func Remove(ctx context.Context, p Place, made *transfer.ArtifactFacts) error {
	o := object{p, target()}
	if made != nil {
		if err := o.removeMade(ctx, made); err != nil {
			return o.cannot("remove", err)
		}
	}
	open, err := o.uploads(ctx)
	if unlisted(err) {
		return nil
	}
	if err != nil {
		return o.cannot("list uploads of", err)
	}
	ids := make([]string, 0, len(open))
	for _, f := range open {
		ids = append(ids, f.id)
	}
	return o.abort(ctx, ids)
}

func (o object) removeMade(ctx context.Context, made *transfer.ArtifactFacts) error {
	now, err := o.find(ctx, made.VersionID)
	switch {
	case err != nil:
		return err
	case !now.exists:
		return nil
	case bareTag(now.tag) != bareTag(made.Validator):
		return transfer.Terminal(transfer.ReasonTargetChanged, fmt.Errorf("the object there has entity tag %.80q, and what was made had %.80q: it is another one, and stays", now.tag, made.Validator))
	}
	return o.remove(ctx, now, made.VersionID)
}

// remove removes an object, or one version of it, if it is still the one that
// was looked at.
func (o object) remove(ctx context.Context, f facts, version string) error {
	in := &api.DeleteObjectInput{Bucket: &o.Bucket, Key: &o.Key, VersionId: some(version)}
	if version == "" {
		in.IfMatch = some(f.tag)
	}
	request := func(ctx context.Context) (*api.DeleteObjectOutput, error) { return o.Conn.DeleteObject(ctx, in) }
	_, err := call(ctx, o, request)
	var r *refusal
	if errors.As(err, &r) && in.IfMatch != nil && unknown(r) {
		in.IfMatch = nil
		_, err = call(ctx, o, request)
	}
	if errors.As(err, &r) && r.status == http.StatusNotFound && r.code != "NoSuchBucket" {
		return nil
	}
	return err
}
