// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/buffer"
	"github.com/novasphere/provider-wukong/internal/mover/engine/pass"
	"github.com/novasphere/provider-wukong/internal/mover/engine/pipe"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// uploading is one pass that brings an artifact.
type uploading struct {
	*exporter

	packer disk.Packer
	pool   *buffer.Pool
	cut    *cutter
	toSend chan *part

	digest hash.Hash // of the artifact; nil: its head comes last
	toHash chan *part
}

// upload makes the pass that brings the artifact.
func (e *exporter) upload(ctx context.Context, p disk.Packer) (disk.Sum, error) {
	cut := e.Upload.Parts()
	if cut.Ordered {
		e.Connections = 1
	}
	buffers := partBuffers(cut.Size, e.Connections)
	u := &uploading{
		exporter: e,
		packer:   p,
		pool:     buffer.NewPool(buffers, 0, int(cut.Size)),
		toSend:   make(chan *part),
	}
	if p.Head() == 0 || e.head != nil {
		u.digest, u.toHash = sha256.New(), make(chan *part, buffers)
	}
	err := u.run(ctx)
	if _, streams := e.Upload.(disk.Streamer); err == nil || streams {
		u.pool.Close()
	}
	// Else a request that was given up may still look at its part, for the
	// moments until the process ends.
	if err != nil {
		return disk.Sum{}, err
	}
	sum := disk.Sum{Size: u.cut.off}
	if u.digest != nil {
		u.digest.Sum(sum.SHA256[:0])
		return sum, nil
	}
	sum.SHA256, err = e.sumAgain(ctx, sum.Size)
	return sum, err
}

// run starts everything and waits for its end.
func (u *uploading) run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	u.cut = &cutter{
		size: u.Upload.Parts().Size,
		keep: u.digest == nil,
		next: func() (*part, error) { return u.borrow(ctx) },
		emit: func(p *part) error { return u.emit(ctx, p) },
	}
	r := u.packing(u.packer, u.cut)
	r.Digests = u.Digests
	if u.cut.size > largePart {
		r.Window = pass.Window / 2
	}
	r.Begin = func() error {
		// Where the head is not known its room is left empty.
		_, err := u.cut.Write(append(u.head, make([]byte, u.packer.Head()-len(u.head))...))
		return err
	}
	r.Finish = u.finish
	free := r.Start(ctx, g)
	defer free()
	if u.digest != nil {
		g.Go(func() error { return u.hash(ctx) })
	}
	if s, ok := u.Upload.(disk.Streamer); ok {
		g.Go(func() error { return u.stream(ctx, s) })
	} else {
		for range u.Connections {
			g.Go(func() error { return u.send(ctx) })
		}
	}
	return g.Wait()
}

// packing is a pass that packs the image and writes the artifact, but for its
// head, to w.
func (e *exporter) packing(p disk.Packer, w io.Writer) pass.Pass {
	return pass.Pass{
		Image: e.Image,
		NewWorker: func() (func(*pass.Unit) error, error) {
			enc, err := p.NewEncoder()
			if err != nil {
				return nil, err
			}
			return func(u *pass.Unit) (err error) {
				u.Packed, err = enc.Encode(u.Room(), u.Data)
				return err
			}, nil
		},
		Place: func(u *pass.Unit) error {
			e.Meter.Read.Add(int64(len(u.Data)))
			return p.Place(w, u.Packed)
		},
	}
}

// finish writes what comes behind the last unit.
func (u *uploading) finish() error {
	head, err := u.packer.Finish(u.cut)
	if err != nil {
		return err
	}
	err = u.cut.finish(head, func() error {
		if err := u.Check(); err != nil {
			return err
		}
		return u.checkSame(head)
	})
	if err != nil {
		return err
	}
	close(u.toSend)
	if u.toHash != nil {
		close(u.toHash)
	}
	return nil
}

var errOther = errors.New("cannot export the disk: it changed while it was read")

// checkSame compares the artifact's head and size with what was told before.
func (u *uploading) checkSame(head []byte) error {
	if u.head != nil && !bytes.Equal(u.head, head) || u.Size != disk.Unknown && u.Size != u.cut.off {
		return transfer.Terminal(transfer.ReasonSourceChanged, errOther)
	}
	return nil
}

// borrow returns a part to fill.
func (u *uploading) borrow(ctx context.Context) (*part, error) {
	b, err := u.pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	return &part{buf: b, free: func(p *part) { u.pool.Put(p.buf) }}, nil
}

// emit hands a part to its connection and to the digest.
func (u *uploading) emit(ctx context.Context, p *part) error {
	if u.toHash != nil {
		p.refs.Add(1)
		if err := pipe.Send(ctx, u.toHash, p); err != nil {
			return err
		}
	}
	return pipe.Send(ctx, u.toSend, p)
}

// hash feeds the artifact's digest.
func (u *uploading) hash(ctx context.Context) error {
	for {
		p, ok, err := pipe.Receive(ctx, u.toHash)
		if err != nil || !ok {
			return err
		}
		_, _ = u.digest.Write(p.data()) // A hash never fails.
		p.release()
	}
}

// send is one connection: it sends parts until there are none.
func (u *uploading) send(ctx context.Context) error {
	u.Meter.Connections.Add(1)
	defer u.Meter.Connections.Add(-1)
	for {
		p, ok, err := pipe.Receive(ctx, u.toSend)
		if err != nil || !ok {
			return err
		}
		if u.Proof != nil && u.digest == nil {
			u.Proof.sent(p.data(), p.off, u.cut.size)
		}
		reused, err := u.Upload.Put(ctx, p.data(), p.off)
		if err != nil {
			return err
		}
		n := p.n
		p.release()
		if reused {
			u.Meter.Reused.Add(int64(n))
			continue
		}
		u.Meter.Sent.Add(int64(n))
		if err := u.Throttle(ctx, n); err != nil {
			return err
		}
	}
}

var errEarly = errors.New("cannot export: the target ended the upload before it had everything")

// stream is the one connection of an upload that takes a stream.
func (u *uploading) stream(ctx context.Context, s disk.Streamer) error {
	u.Meter.Connections.Add(1)
	defer u.Meter.Connections.Add(-1)
	r := &partReader{
		receive: func() (*part, bool, error) { return pipe.Receive(ctx, u.toSend) },
		sent: func(n int) error {
			u.Meter.Sent.Add(int64(n))
			return u.Throttle(ctx, n)
		},
	}
	if err := s.Stream(ctx, r, u.Size); err != nil {
		return err
	}
	left, err := io.Copy(io.Discard, r)
	if err != nil {
		return err
	}
	if left > 0 {
		return transfer.Retryable(transfer.ReasonTargetUnavailable, fmt.Errorf("%w: %d bytes are left", errEarly, left))
	}
	return nil
}
