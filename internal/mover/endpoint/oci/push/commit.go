// SPDX-License-Identifier: Apache-2.0

package push

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// imageConfig is the configuration of an image (image specification, "OCI Image
// Configuration"). It holds no time: equal disks give equal images.
type imageConfig struct {
	oci.Platform

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
	return w.placed(digest), nil
}

// placed is where the image is whose manifest has a digest.
func (w *Writer) placed(digest string) disk.Placed {
	return disk.Placed{URI: "docker://" + w.tag.Context().Name() + "@" + digest, Validator: digest}
}

func (w *Writer) commit(ctx context.Context, s disk.Sum) (digest string, err error) {
	layer := oci.Descriptor{MediaType: w.layer, Digest: "sha256:" + hex.EncodeToString(s.SHA256[:]), Size: s.Size}
	if err := w.finish(ctx, layer); err != nil {
		return "", err
	}
	config, document, err := w.describe(layer, "sha256:"+hex.EncodeToString(s.DiffID[:]))
	if err != nil {
		return "", err
	}
	if err := w.putBlob(ctx, config); err != nil {
		return "", err
	}
	return oci.DigestOf(document), w.putManifest(ctx, document)
}

// describe makes configuration and manifest of an image with one layer.
func (w *Writer) describe(layer oci.Descriptor, diffID string) (config, manifest []byte, err error) {
	made := history{CreatedBy: "provider-wukong mover export"}
	if w.options.Level != 0 {
		made.CreatedBy += fmt.Sprintf(" --level %d", w.options.Level)
	}
	config, err = json.Marshal(imageConfig{
		Platform: w.platform,
		RootFS:   rootFS{Type: "layers", DiffIDs: []string{diffID}},
		History:  []history{made},
	})
	if err != nil {
		return nil, nil, err
	}
	manifest, err = json.Marshal(oci.Manifest{
		SchemaVersion: 2,
		MediaType:     oci.MediaManifest,
		Config:        oci.Descriptor{MediaType: oci.MediaConfig, Digest: oci.DigestOf(config), Size: int64(len(config))},
		Layers:        []oci.Descriptor{layer},
	})
	return config, manifest, err
}

// finish ends the session with the layer's digest, which the registry compares,
// and looks at what it has made of it.
func (w *Writer) finish(ctx context.Context, layer oci.Descriptor) error {
	switch {
	case w.whole == layer.Digest:
		return nil
	case w.whole != "":
		w.options.Note("An attempt before has brought another layer, since the disk or the program was another: all is sent again.")
		w.dead = fmt.Errorf("%w: the layer %s is not the one that was made", disk.ErrRestart, w.whole)
		return w.dead
	case w.dead != nil:
		return w.dead
	case w.offset != layer.Size:
		w.dead = fmt.Errorf("%w: the registry has %d bytes of a layer of %d", disk.ErrRestart, w.offset, layer.Size)
		if w.inherits > layer.Size {
			w.options.Note(fmt.Sprintf("The registry has %d bytes of an attempt before, more than there are now: all is sent again.", w.inherits))
		}
		return w.dead
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
	w.at, w.whole, w.unsure = nil, layer.Digest, false
	return nil
}

// close makes the request that ends the session.
func (w *Writer) close(ctx context.Context, layer oci.Descriptor) error {
	again := w.unsure
	w.unsure = true
	w.tellOf(layer, true)
	err := w.session.end(ctx, layer.Digest, nil)
	switch status := remote.Status(err); {
	case again && gone(status):
		// It may be at work still on what the first request told it.
		return transfer.Retryable(transfer.ReasonTargetUnavailable, err)
	case gone(status), status == http.StatusBadRequest, status == http.StatusRequestedRangeNotSatisfiable:
		w.dead = fmt.Errorf("%w: %w", disk.ErrRestart, err)
		if w.inherits > 0 {
			w.options.Note(fmt.Sprintf("The %d bytes that an attempt before has sent do not fit: all is sent again.", w.inherits))
		}
		return w.dead
	}
	return err
}

// has reports whether the registry has a blob. A redirect to where it is stored
// is a yes; only an answer of the registry's own tells the size.
func (w *Writer) has(ctx context.Context, d oci.Descriptor) (bool, error) {
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
	d := oci.Descriptor{Digest: oci.DigestOf(b), Size: int64(len(b))}
	if there, err := w.has(ctx, d); err == nil && there {
		return nil
	}
	s := session{client: w.client}
	if _, err := s.begin(ctx); err != nil {
		return err
	}
	err := s.end(ctx, d.Digest, b)
	if err != nil {
		_ = s.cancel(ctx) // Another try begins another one; the registry ends by itself what it was not told to end.
	}
	return err
}

// putManifest gives the image its tag, unless another writer did so meanwhile.
func (w *Writer) putManifest(ctx context.Context, document []byte) error {
	tag, ours := w.tag.TagStr(), oci.DigestOf(document)
	now, err := tagged(ctx, w.client, tag)
	if err != nil || now == ours {
		return err
	}
	if now != w.before {
		return changed(fmt.Errorf("tag %s named %s when the upload began, and names %s now", tag, orNothing(w.before), orNothing(now)))
	}
	_, err = w.client.Call(ctx, remote.Request{
		Method: http.MethodPut, URL: w.client.URL("manifests/" + tag), Header: http.Header{"Content-Type": {oci.MediaManifest}}, Body: document,
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
	request := remote.Request{Method: http.MethodHead, URL: c.URL("manifests/" + tag), Header: http.Header{"Accept": {oci.Accepted}}}
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
	return oci.DigestOf(r.Body), nil
}
