// SPDX-License-Identifier: Apache-2.0

package push

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Writer makes an image of one layer, whose bytes are put. It implements
// disk.Upload, with parts in order.
type Writer struct {
	session

	options  Options
	tag      name.Tag
	platform oci.Platform
	layer    string // its media type
	size     int64  // of parts
	before   string // what the tag named when the upload began; empty: nothing

	end      int64  // how many bytes have been put
	inherits int64  // how many the registry had when this attempt began
	dead     error  // why nothing can be added to the session any more
	deaths   int    // of sessions in a row that took no more than one part
	whole    string // the layer's digest when the registry has taken it
	noChunks bool   // the layer has to go up in one request
	told     telling
}

// New begins an upload, or goes on with the one of an attempt before.
func New(ctx context.Context, o Options) (*Writer, error) {
	w, err := newWriter(ctx, o.withDefaults())
	if err != nil {
		return nil, fmt.Errorf("cannot begin upload to %s: %w", o.Image, ofTarget(err))
	}
	return w, nil
}

func newWriter(ctx context.Context, o Options) (*Writer, error) {
	layer, err := layerType(o.Compression)
	if err != nil {
		return nil, err
	}
	p, err := oci.ParsePlatform(o.Platform)
	if err != nil {
		return nil, err
	}
	tag, err := target(o.Options)
	if err != nil {
		return nil, err
	}
	c, err := o.Dial(ctx, tag, "pull,push")
	if err != nil {
		return nil, err
	}
	w := &Writer{session: session{client: c}, options: o, tag: tag, platform: p, layer: layer, size: partSize}
	if w.before, err = tagged(ctx, c, tag.TagStr()); err != nil {
		return nil, err
	}
	there, err := w.resume(ctx)
	if err == nil && !there {
		err = w.begin(ctx)
	}
	return w, err
}

// begin asks for a session.
func (w *Writer) begin(ctx context.Context) error {
	least, err := w.session.begin(ctx)
	if err != nil {
		return err
	}
	w.end, w.inherits, w.dead, w.whole = 0, 0, nil, ""
	w.size = max(w.size, least)
	w.tell(true)
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
	if w.whole != "" || w.inherits >= end {
		return true, nil
	}
	if w.unsure {
		if err := w.askAgain(ctx); err != nil {
			return false, w.lost(err, off)
		}
	}
	if w.offset < off || w.offset > max(w.end, w.inherits) {
		return false, w.lost(fmt.Errorf("%w: the registry has %d bytes of the upload, of which %d were sent", errGone, w.offset, off), off)
	}
	reused = w.offset >= end
	for w.offset < end {
		if err := w.patch(ctx, p[w.offset-off:]); err != nil {
			return false, w.lost(err, off)
		}
		w.tell(false)
	}
	if w.inherits > off && w.inherits < end {
		w.options.Spared(w.inherits - off)
	}
	return reused, nil
}

// live begins a new session where the old one is dead and nothing before the
// offset is needed.
func (w *Writer) live(ctx context.Context, off int64) error {
	if w.dead == nil || off > 0 || w.noChunks {
		return w.dead
	}
	return w.begin(ctx)
}

// maxDeaths is how many sessions in a row may end at their second chunk, before
// it is believed that the registry takes one alone.
const maxDeaths = 2

// lost remembers of an error that says that the session is gone that it is. The
// part at offset 0 can be put again then, any other cannot.
func (w *Writer) lost(err error, off int64) error {
	if !gone(remote.Status(err)) && !errors.Is(err, errGone) && !errors.Is(err, errNoChunks) {
		return err
	}
	w.deaths++
	if off > w.size {
		w.deaths = 0
	}
	w.noChunks = errors.Is(err, errNoChunks) || w.deaths >= maxDeaths
	w.dead = fmt.Errorf("%w: %w", disk.ErrRestart, err)
	if w.inherits > 0 {
		w.options.Note(fmt.Sprintf("The registry has lost the %d bytes that an attempt before has sent: they are sent again.", w.inherits))
	}
	if off == 0 && !w.noChunks {
		return transfer.Retryable(transfer.ReasonTargetUnavailable, err)
	}
	return w.dead
}

// Abort implements disk.Upload. With keep the session stays for another attempt,
// if somebody was told of it.
func (w *Writer) Abort(ctx context.Context, keep bool) error {
	if keep && w.options.Tell != nil && w.dead == nil && !w.noChunks {
		return nil
	}
	if err := w.cancel(ctx); err != nil {
		return fmt.Errorf("cannot end upload to %s: %w", w.tag, ofTarget(err))
	}
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
	case errors.As(err, &answer) && !oci.Busy(answer.Status):
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
