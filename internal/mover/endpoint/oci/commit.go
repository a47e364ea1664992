// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// imageConfig is the configuration of an image (image specification, "OCI Image
// Configuration"). It holds no time: equal disks give equal images.
type imageConfig struct {
	platform

	Config  struct{}  `json:"config"`
	RootFS  rootFS    `json:"rootfs"`
	History []history `json:"history"`
}

type rootFS struct {
	Type    string   `json:"type"`
	DiffIDs []string `json:"diff_ids"`
}

type history struct {
	CreatedBy string `json:"created_by"`
}

// Commit implements disk.Upload. After a retryable error without disk.ErrRestart it
// can be called again.
func (w *Writer) Commit(ctx context.Context, s disk.Sum) (disk.Placed, error) {
	digest, err := w.commit(ctx, s)
	if err != nil {
		return disk.Placed{}, fmt.Errorf("cannot finish upload to %s: %w", w.tag, ofTarget(err))
	}
	return disk.Placed{URI: "docker://" + w.tag.Context().Name() + "@" + digest, Validator: digest}, nil
}

func (w *Writer) commit(ctx context.Context, s disk.Sum) (digest string, err error) {
	layer := descriptor{MediaType: w.layer, Digest: "sha256:" + hex.EncodeToString(s.SHA256[:]), Size: s.Size}
	if err := w.finish(ctx, layer); err != nil {
		return "", err
	}
	config, err := json.Marshal(imageConfig{
		platform: w.platform,
		RootFS:   rootFS{Type: "layers", DiffIDs: []string{"sha256:" + hex.EncodeToString(s.DiffID[:])}},
		History:  []history{{CreatedBy: "provider-wukong mover export"}},
	})
	if err != nil {
		return "", err
	}
	if err := w.putBlob(ctx, config); err != nil {
		return "", err
	}
	document, err := json.Marshal(manifest{
		SchemaVersion: 2,
		MediaType:     mediaManifest,
		Config:        descriptor{MediaType: mediaConfig, Digest: digestOf(config), Size: int64(len(config))},
		Layers:        []descriptor{layer},
	})
	if err != nil {
		return "", err
	}
	return digestOf(document), w.putManifest(ctx, document)
}

// finish ends the session with the layer's digest, which the registry compares,
// and looks at what it has made of it.
func (w *Writer) finish(ctx context.Context, layer descriptor) error {
	switch {
	case w.whole == layer.Digest:
		return nil
	case w.dead != nil:
		return w.dead
	case w.offset != layer.Size:
		return fmt.Errorf("%w: the registry has %d bytes of a layer of %d", disk.ErrRestart, w.offset, layer.Size)
	}
	there := false
	if w.unsure { // A request to end it was not answered, and may have been heard.
		there, _ = w.has(ctx, layer) // What went wrong shows at the next request.
	}
	if !there {
		if err := w.close(ctx, layer); err != nil {
			return err
		}
		// Credentials may permit to write and not to look: it has compared the digest.
		if there, err := w.has(ctx, layer); err == nil && !there {
			return fmt.Errorf("the registry does not have the layer %s, which it has just taken", layer.Digest)
		}
	}
	w.session, w.whole, w.unsure = nil, layer.Digest, false
	return nil
}

// close makes the request that ends the session.
func (w *Writer) close(ctx context.Context, layer descriptor) error {
	again := w.unsure
	w.unsure = true
	_, err := w.client.Call(ctx, remote.Request{
		Method: http.MethodPut, URL: withDigest(w.session, layer.Digest), Header: http.Header{"Content-Type": {octets}},
	}, http.StatusCreated, http.StatusNoContent)
	switch status := remote.Status(err); {
	case again && gone(status):
		// It may be at work still on what the first request told it.
		return transfer.Retryable(transfer.ReasonTargetUnavailable, err)
	case gone(status), status == http.StatusBadRequest, status == http.StatusRequestedRangeNotSatisfiable:
		w.dead = fmt.Errorf("%w: %w", disk.ErrRestart, err)
		return w.dead
	}
	return err
}

// has reports whether the registry has a blob. A redirect to where it is stored
// is a yes; only an answer of the registry's own tells the size.
func (w *Writer) has(ctx context.Context, d descriptor) (bool, error) {
	r, err := w.client.Call(ctx, remote.Request{Method: http.MethodHead, URL: w.client.URL("blobs/" + d.Digest), Stay: true},
		http.StatusOK, http.StatusTemporaryRedirect, http.StatusPermanentRedirect, http.StatusFound, http.StatusMovedPermanently, http.StatusSeeOther)
	if remote.Status(err) == http.StatusNotFound {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	said := r.Header.Get("Content-Length")
	return r.Status != http.StatusOK || said == "" || said == strconv.FormatInt(d.Size, 10), nil
}

// putBlob uploads a small blob in one request, unless the registry has it.
func (w *Writer) putBlob(ctx context.Context, b []byte) error {
	d := descriptor{Digest: digestOf(b), Size: int64(len(b))}
	if there, err := w.has(ctx, d); err == nil && there {
		return nil
	}
	r, err := w.client.Call(ctx, remote.Request{Method: http.MethodPost, URL: w.client.URL("blobs/uploads/")}, http.StatusAccepted)
	if err != nil {
		return err
	}
	session, err := w.client.Resolve(r)
	if err != nil {
		return err
	}
	_, err = w.client.Call(ctx, remote.Request{
		Method: http.MethodPut, URL: withDigest(session, d.Digest), Header: http.Header{"Content-Type": {octets}}, Body: b,
	}, http.StatusCreated, http.StatusNoContent)
	return err
}

// putManifest gives the image its tag, unless another writer did so meanwhile.
func (w *Writer) putManifest(ctx context.Context, document []byte) error {
	tag, ours := w.tag.TagStr(), digestOf(document)
	now, err := tagged(ctx, w.client, tag)
	if err != nil || now == ours {
		return err
	}
	if now != w.before {
		return changed(fmt.Errorf("tag %s named %s when the upload began, and names %s now", tag, orNothing(w.before), orNothing(now)))
	}
	_, err = w.client.Call(ctx, remote.Request{
		Method: http.MethodPut, URL: w.client.URL("manifests/" + tag), Header: http.Header{"Content-Type": {mediaManifest}}, Body: document,
	}, http.StatusCreated, http.StatusOK, http.StatusAccepted)
	if err != nil {
		return err
	}
	now, err = tagged(ctx, w.client, tag)
	if err == nil && now != ours {
		err = changed(fmt.Errorf("tag %s names %s just after the upload has set it to %s", tag, orNothing(now), ours))
	}
	return err
}

func changed(err error) error { return transfer.Terminal(transfer.ReasonTargetChanged, err) }

func orNothing(digest string) string {
	if digest == "" {
		return "nothing"
	}
	return digest
}

// tagged returns the digest of the manifest that a tag names; empty when it
// names none.
func tagged(ctx context.Context, c *remote.Client, tag string) (string, error) {
	request := remote.Request{Method: http.MethodHead, URL: c.URL("manifests/" + tag), Header: http.Header{"Accept": {accepted}}}
	r, err := c.Call(ctx, request, http.StatusOK)
	if err == nil && r.Header.Get("Docker-Content-Digest") == "" {
		request.Method = http.MethodGet
		r, err = c.Call(ctx, request, http.StatusOK)
	}
	switch {
	case remote.Status(err) == http.StatusNotFound:
		return "", nil
	case err != nil:
		return "", err
	case r.Header.Get("Docker-Content-Digest") != "":
		return r.Header.Get("Docker-Content-Digest"), nil
	}
	return digestOf(r.Body), nil
}

// withDigest adds the digest of the whole to a session's URL.
func withDigest(session *url.URL, digest string) *url.URL {
	u := *session
	q := u.Query()
	q.Set("digest", digest)
	u.RawQuery = q.Encode()
	return &u
}

// Remove deletes the image that a tag names, if its manifest still has the
// digest. What another writer has put under the tag stays, and so does what the
// tag does not name any more: the registry's own clean-up is for that.
func Remove(ctx context.Context, o Options, digest string) error {
	if err := remove(ctx, o, digest); err != nil {
		return fmt.Errorf("cannot remove %s: %w", o.Image, ofTarget(err))
	}
	return nil
}

func remove(ctx context.Context, o Options, digest string) error {
	tag, err := o.target()
	if err != nil {
		return err
	}
	c, err := o.dial(ctx, tag, "pull,push,delete")
	if err != nil {
		return err
	}
	now, err := tagged(ctx, c, tag.TagStr())
	if err != nil || now != digest {
		return err
	}
	_, err = c.Call(ctx, remote.Request{Method: http.MethodDelete, URL: c.URL("manifests/" + digest)},
		http.StatusAccepted, http.StatusOK, http.StatusNoContent, http.StatusNotFound)
	if remote.Status(err) == http.StatusMethodNotAllowed {
		return errors.Join(errDeletionOff, err)
	}
	return err
}

var errDeletionOff = errors.New("the registry does not permit to delete images")
