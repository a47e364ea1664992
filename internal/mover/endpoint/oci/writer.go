// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// partSize is one chunk. A chunk is what is sent again, at most, when a
	// connection breaks, and one round trip.
	partSize = 16 << 20

	octets = "application/octet-stream"
)

// WriterOptions say which image is made.
type WriterOptions struct {
	Options

	// Compression of the layer. Empty: transfer.CompressionZstd.
	Compression transfer.Algorithm
}

// A Writer makes an image of one layer, whose bytes are put. It implements
// disk.Upload, with parts in order.
type Writer struct {
	client   *remote.Client
	tag      name.Tag
	platform platform
	layer    string // its media type
	size     int64  // of parts
	before   string // what the tag named when the upload began; empty: nothing

	session *url.URL // nil: it ended
	offset  int64    // how many bytes the registry has
	end     int64    // how many have been put
	unsure  bool     // it may have others than offset, since a request broke
	dead    error    // why nothing can be added to the session any more
	whole   string   // the layer's digest when the registry has taken it
}

// NewWriter begins an upload.
func NewWriter(ctx context.Context, o WriterOptions) (*Writer, error) {
	w, err := newWriter(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("cannot begin upload to %s: %w", o.Image, ofTarget(err))
	}
	return w, nil
}

func newWriter(ctx context.Context, o WriterOptions) (*Writer, error) {
	layer, err := layerType(o.Compression)
	if err != nil {
		return nil, err
	}
	p, err := parsePlatform(o.Platform)
	if err != nil {
		return nil, err
	}
	tag, err := o.target()
	if err != nil {
		return nil, err
	}
	c, err := o.dial(ctx, tag, "pull,push")
	if err != nil {
		return nil, err
	}
	w := &Writer{client: c, tag: tag, platform: p, layer: layer, size: partSize}
	if w.before, err = tagged(ctx, c, tag.TagStr()); err != nil {
		return nil, err
	}
	err = w.begin(ctx)
	return w, err
}

// layerType is the media type of a layer.
func layerType(a transfer.Algorithm) (string, error) {
	switch a {
	case transfer.CompressionZstd, "":
		return mediaLayer + "+zstd", nil
	case transfer.CompressionGzip:
		return mediaLayer + "+gzip", nil
	case transfer.CompressionNone:
		return mediaLayer, nil
	}
	return "", transfer.Terminal(transfer.ReasonInvalidJob, fmt.Errorf("a layer cannot be compressed with %q", a))
}

// begin asks for a session (distribution specification, "Pushing a blob in
// chunks").
func (w *Writer) begin(ctx context.Context) error {
	r, err := w.client.Call(ctx, remote.Request{Method: http.MethodPost, URL: w.client.URL("blobs/uploads/")}, http.StatusAccepted)
	if err != nil {
		return err
	}
	if w.session, err = w.client.Resolve(r); err != nil {
		return err
	}
	w.offset, w.end, w.unsure, w.dead = 0, 0, false, nil
	if least, err := strconv.ParseInt(r.Header.Get("OCI-Chunk-Min-Length"), 10, 32); err == nil {
		w.size = max(w.size, least)
	}
	return nil
}

// Parts implements disk.Upload.
func (w *Writer) Parts() disk.Parts { return disk.Parts{Size: w.size, Ordered: true} }

// Put implements disk.Upload. After a retryable error it may be called again
// with the same part, or with the first one: what has arrived is not sent again.
func (w *Writer) Put(ctx context.Context, p []byte, off int64) (reused bool, err error) {
	reused, err = w.put(ctx, p, off)
	if err != nil {
		return false, fmt.Errorf("cannot upload %d bytes at %d to %s: %w", len(p), off, w.tag, ofTarget(err))
	}
	return reused, nil
}

func (w *Writer) put(ctx context.Context, p []byte, off int64) (reused bool, err error) {
	if err := w.live(ctx, off); err != nil {
		return false, err
	}
	end := off + int64(len(p))
	w.end = max(w.end, end)
	if w.unsure {
		if err := w.ask(ctx); err != nil {
			return false, w.lost(err, off)
		}
	}
	if w.offset < off || w.offset > w.end {
		return false, w.lost(fmt.Errorf("%w: the registry has %d bytes of the upload, of which %d were sent", errGone, w.offset, off), off)
	}
	reused = w.offset >= end
	for w.offset < end {
		if err := w.patch(ctx, p[w.offset-off:]); err != nil {
			return false, w.lost(err, off)
		}
	}
	return reused, nil
}

// live begins a new session where the old one is dead and nothing before the
// offset is needed.
func (w *Writer) live(ctx context.Context, off int64) error {
	if w.dead == nil || off > 0 {
		return w.dead
	}
	return w.begin(ctx)
}

// patch sends the bytes at the session's offset.
func (w *Writer) patch(ctx context.Context, p []byte) error {
	last := w.offset + int64(len(p)) - 1
	w.unsure = true
	r, err := w.client.Call(ctx, remote.Request{
		Method: http.MethodPatch,
		URL:    w.session,
		Header: http.Header{"Content-Type": {octets}, "Content-Range": {fmt.Sprintf("%d-%d", w.offset, last)}},
		Body:   p,
	}, http.StatusAccepted, http.StatusNoContent, http.StatusCreated)
	if remote.Status(err) == http.StatusRequestedRangeNotSatisfiable {
		// It has another offset, perhaps of what it was still at work on.
		return transfer.Retryable(transfer.ReasonTargetUnavailable, err)
	}
	if err != nil {
		return err
	}
	before := w.offset
	if err := w.follow(r, last+1); err != nil {
		return err
	}
	if w.offset <= before || w.offset > last+1 {
		return fmt.Errorf("%w: the registry took %d bytes of the upload when it was sent %d to %d", errGone, w.offset, before, last+1)
	}
	return nil
}

// ask asks the session how far it came.
func (w *Writer) ask(ctx context.Context) error {
	r, err := w.client.Call(ctx, remote.Request{Method: http.MethodGet, URL: w.session}, http.StatusNoContent, http.StatusOK, http.StatusAccepted)
	if remote.Status(err) == http.StatusMethodNotAllowed {
		return fmt.Errorf("%w: the registry does not tell how far an upload came", errGone)
	}
	if err != nil {
		return err
	}
	return w.follow(r, 0)
}

// follow goes where an answer says that the session goes on: with as many bytes
// as its Range has, otherwise if it has none.
func (w *Writer) follow(r *remote.Reply, otherwise int64) error {
	if r.Header.Get("Location") != "" {
		u, err := w.client.Resolve(r)
		if err != nil {
			return err
		}
		w.session = u
	}
	_, last, ok := strings.Cut(r.Header.Get("Range"), "-")
	n, err := strconv.ParseInt(strings.TrimSpace(last), 10, 63)
	switch {
	case !ok || err != nil:
		w.offset = otherwise
	case n == 0 && w.offset == 0 && otherwise == 0:
		// "0-0" is said of no byte, too: there is no other way to say it.
	default:
		w.offset = n + 1
	}
	w.unsure = false
	return nil
}

// errGone is in the error of a session that has what it cannot have.
var errGone = errors.New("the upload cannot go on")

// lost remembers of an error that says that the session is gone that it is. The
// part at offset 0 can be put again then, any other cannot.
func (w *Writer) lost(err error, off int64) error {
	if !gone(remote.Status(err)) && !errors.Is(err, errGone) {
		return err
	}
	w.dead = fmt.Errorf("%w: %w", disk.ErrRestart, err)
	if off == 0 {
		return transfer.Retryable(transfer.ReasonTargetUnavailable, err)
	}
	return w.dead
}

// gone reports whether a status says that there is no such session any more.
func gone(status int) bool { return status == http.StatusNotFound || status == http.StatusGone }

// Abort implements disk.Upload. No other attempt could find the session: it
// ends, with keep too.
func (w *Writer) Abort(ctx context.Context, _ bool) error {
	if w.session == nil {
		return nil
	}
	_, err := w.client.Call(ctx, remote.Request{Method: http.MethodDelete, URL: w.session},
		http.StatusNoContent, http.StatusOK, http.StatusAccepted, http.StatusNotFound, http.StatusGone)
	if err != nil {
		return fmt.Errorf("cannot end upload to %s: %w", w.tag, ofTarget(err))
	}
	w.session = nil
	return nil
}

// ofTarget classifies an error of a registry that is written to. Those of the
// transport come as those of a source.
func ofTarget(err error) error {
	var known *transfer.Error
	var answer *remote.StatusError
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, disk.ErrRestart):
		return transfer.Retryable(transfer.ReasonTargetUnavailable, err)
	case errors.As(err, &known):
		return &transfer.Error{Reason: atTarget(known.Reason), Err: err, RetryAfter: known.RetryAfter}
	case errors.As(err, &answer) && !busy(answer.Status):
		return transfer.Terminal(transfer.ReasonTargetRefused, err)
	case answer != nil:
		return &transfer.Error{Reason: transfer.ReasonTargetUnavailable, Err: err, RetryAfter: answer.RetryAfter}
	}
	return transfer.Retryable(transfer.ReasonTargetUnavailable, err)
}

func atTarget(r transfer.Reason) transfer.Reason {
	switch r {
	case transfer.ReasonSourceUnavailable:
		return transfer.ReasonTargetUnavailable
	case transfer.ReasonSourceRefused, transfer.ReasonSourceNotFound:
		return transfer.ReasonTargetRefused
	}
	return r
}
