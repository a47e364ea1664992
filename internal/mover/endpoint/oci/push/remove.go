// SPDX-License-Identifier: Apache-2.0

package push

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
)

// Remove deletes the image that a tag names, if its manifest still has the
// digest. It reports whether another writer has put something else under the tag:
// that stays, and so does what the tag does not name any more: the registry's own
// clean-up is for that.
func Remove(ctx context.Context, o oci.Options, digest string) (replaced bool, err error) {
	replaced, err = remove(ctx, o, digest)
	if err != nil {
		return replaced, fmt.Errorf("cannot remove %s: %w", o.Image, ofTarget(err))
	}
	return replaced, nil
}

func remove(ctx context.Context, o oci.Options, digest string) (replaced bool, err error) {
	tag, err := target(o)
	if err != nil {
		return false, err
	}
	c, err := o.Dial(ctx, tag, "pull,push,delete")
	if err != nil {
		return false, err
	}
	now, err := tagged(ctx, c, tag.TagStr())
	if err != nil || now != digest {
		return now != "", err
	}
	_, err = c.Call(ctx, remote.Request{Method: http.MethodDelete, URL: c.URL("manifests/" + digest)},
		http.StatusAccepted, http.StatusOK, http.StatusNoContent, http.StatusNotFound)
	if remote.Status(err) == http.StatusMethodNotAllowed {
		return false, errors.Join(errDeletionOff, err)
	}
	return false, err
}

var errDeletionOff = errors.New("the registry does not permit to delete images")
