// SPDX-License-Identifier: Apache-2.0

package push

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// errOther is in the error of an image that is none that this export would make.
var errOther = errors.New("it is another image")

// An earlier image is one that was made before.
type earlier struct {
	repository name.Repository
	document   []byte // its manifest
	layer      oci.Descriptor
	config     oci.Descriptor
	sum        disk.Sum // of the layer
}

// Reuse gives the tag to an image that an export has made before of the same
// disk, named by its digest, in place of one whose parts are put. Its blobs are
// mounted where they stand in another repository of the registry. It is not found
// when that cannot be: it is gone, it was not made as this one would be, or the
// registry does not mount. Then nothing has changed.
func (w *Writer) Reuse(ctx context.Context, image string) (s disk.Sum, p disk.Placed, found bool, err error) {
	e, err := w.reuse(ctx, image)
	switch {
	case err != nil && useless(err):
		return s, p, false, nil
	case err != nil:
		return s, p, false, fmt.Errorf("cannot use %s again: %w", image, ofTarget(err))
	}
	if err := w.putManifest(ctx, e.document); err != nil {
		return s, p, false, fmt.Errorf("cannot finish upload to %s: %w", w.tag, ofTarget(err))
	}
	_ = w.cancel(ctx) // The registry ends by itself what it was not told to end.
	return e.sum, w.placed(oci.DigestOf(e.document)), true, nil
}

// useless reports whether an error says that the image cannot be used, and not
// that it could not be asked for now.
func useless(err error) bool {
	status := remote.Status(err)
	return errors.Is(err, errOther) || status != 0 && !oci.Busy(status) || transfer.ReasonOf(err) == transfer.ReasonUnauthorized
}

// reuse brings the blobs of an image into the tag's repository.
func (w *Writer) reuse(ctx context.Context, image string) (*earlier, error) {
	ref, err := name.NewDigest(image)
	if err != nil || ref.RegistryStr() != w.tag.RegistryStr() {
		return nil, errOther // Of another registry nothing can be mounted.
	}
	e, err := w.read(ctx, ref)
	if err != nil {
		return nil, err
	}
	for _, d := range []oci.Descriptor{e.layer, e.config} {
		if there, err := w.has(ctx, d); err == nil && there {
			continue
		}
		if err := w.mount(ctx, d, e.repository); err != nil {
			return nil, err
		}
	}
	return e, nil
}

// read reads an image, and compares it with what this export would make of the
// layer that it has.
func (w *Writer) read(ctx context.Context, ref name.Digest) (*earlier, error) {
	c, err := w.options.Dial(ctx, ref, "pull")
	if err != nil {
		return nil, err
	}
	e := &earlier{repository: ref.Context()}
	if e.document, err = fetch(ctx, c, "manifests/", ref.DigestStr()); err != nil {
		return nil, err
	}
	var m oci.Manifest
	if json.Unmarshal(e.document, &m) != nil || len(m.Layers) != 1 || m.Layers[0].MediaType != w.layer {
		return nil, errOther
	}
	e.layer, e.config = m.Layers[0], m.Config
	b, err := fetch(ctx, c, "blobs/", e.config.Digest)
	if err != nil {
		return nil, err
	}
	var has imageConfig
	if json.Unmarshal(b, &has) != nil || len(has.RootFS.DiffIDs) != 1 {
		return nil, errOther
	}
	diffID := has.RootFS.DiffIDs[0]
	e.sum.Size = e.layer.Size
	if !digestTo(e.sum.SHA256[:], e.layer.Digest) || !digestTo(e.sum.DiffID[:], diffID) {
		return nil, errOther
	}
	_, would, err := w.describe(e.layer, diffID)
	if err == nil && oci.DigestOf(would) != ref.DigestStr() {
		err = errOther
	}
	return e, err
}

// digestTo reads a digest, and reports whether it is a SHA-256.
func digestTo(sum []byte, digest string) bool {
	b, err := hex.DecodeString(strings.TrimPrefix(digest, "sha256:"))
	return err == nil && copy(sum, b) == len(sum) && len(b) == len(sum)
}

// fetch reads a small blob, or a manifest, by its digest.
func fetch(ctx context.Context, c *remote.Client, kind, digest string) ([]byte, error) {
	r, err := c.Call(ctx, remote.Request{
		Method: http.MethodGet, URL: c.URL(kind + digest), Header: http.Header{"Accept": {oci.Accepted}},
	}, http.StatusOK)
	if err != nil {
		return nil, err
	}
	if oci.DigestOf(r.Body) != digest {
		return nil, errOther
	}
	return r.Body, nil
}

// mount makes a blob of another repository one of the tag's (distribution
// specification, "Mounting a blob from another repository"). A token permits it
// that permits to read the other one.
func (w *Writer) mount(ctx context.Context, d oci.Descriptor, from name.Repository) error {
	c, err := w.options.Dial(ctx, w.tag, "pull,push", from.Scope("pull"))
	if err != nil {
		return err
	}
	u := c.URL("blobs/uploads/")
	q := u.Query()
	q.Set("mount", d.Digest)
	q.Set("from", from.RepositoryStr())
	u.RawQuery = q.Encode()
	r, err := c.Call(ctx, remote.Request{Method: http.MethodPost, URL: u}, http.StatusCreated, http.StatusAccepted)
	if err != nil || r.Status == http.StatusCreated {
		return err
	}
	// It has begun an upload instead.
	if at, err := c.Resolve(r); err == nil {
		_ = (&session{client: c, at: at}).cancel(ctx) // The registry ends by itself what it was not told to end.
	}
	return errOther
}
