// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"hash"
	"io"
	"sync/atomic"

	"github.com/novasphere/provider-wukong/internal/mover/engine/buffer"
)

// A unit is one range of a file in memory. Whoever holds it releases it; the
// last one gives its buffer back.
type unit struct {
	off, n int64
	pool   *buffer.Pool
	buf    *buffer.Buffer
	head   int64 // bytes of the headroom that are filled
	refs   atomic.Int32

	// ready is closed when the bytes have arrived, or err says why not.
	ready chan struct{}
	err   error
}

// newUnit borrows a buffer for the range [off, off+n) and waits for one when
// it must. The caller holds the unit.
func newUnit(ctx context.Context, pool *buffer.Pool, off, n int64) (*unit, error) {
	b, err := pool.Get(ctx)
	if err != nil {
		return nil, err
	}
	u := &unit{off: off, n: n, pool: pool, buf: b, ready: make(chan struct{})}
	u.refs.Store(1)
	return u, nil
}

func (u *unit) end() int64    { return u.off + u.n }
func (u *unit) data() []byte  { return u.buf.Data()[:u.n] }
func (u *unit) retain() *unit { u.refs.Add(1); return u }

// bytes returns the unit's bytes of the file's range [off, end), which may
// begin in the headroom.
func (u *unit) bytes(off, end int64) []byte {
	return u.buf.From(int(u.head))[off-u.off+u.head : end-u.off+u.head]
}

func (u *unit) release() {
	if u.refs.Add(-1) == 0 {
		u.pool.Put(u.buf)
	}
}

// fill reads the unit full, or as far as the reader goes, and settles it. At the
// reader's end, which only io.EOF itself is, last is true; the unit may be
// empty then.
func (u *unit) fill(r io.Reader) (last bool, err error) {
	p := u.data()
	for n := 0; ; {
		var m int
		m, err = r.Read(p[n:])
		n += m
		if last = err == io.EOF; !last && err != nil {
			return false, err
		}
		if last || n == len(p) {
			u.n = int64(n)
			u.settle(nil)
			return last, nil
		}
	}
}

// settle says that the unit's bytes are there, or will not come.
func (u *unit) settle(err error) {
	u.err = err
	close(u.ready)
}

// wait waits for the unit's bytes.
func (u *unit) wait(ctx context.Context) error {
	select {
	case <-u.ready:
		return u.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// send hands v to the channel's reader unless the context ends first.
func send[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// receive returns what comes next; false when nothing will.
func receive[T any](ctx context.Context, from <-chan T) (v T, ok bool, err error) {
	select {
	case v, ok = <-from:
		return v, ok, nil
	case <-ctx.Done():
		return v, false, ctx.Err()
	}
}

// deliver waits for the units in the file's order and gives each to the digests
// and to the next stage.
func deliver(ctx context.Context, in <-chan *unit, digests []chan<- *unit, next chan<- *unit) error {
	for {
		u, ok, err := receive(ctx, in)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := u.wait(ctx); err != nil {
			return err
		}
		for _, d := range digests {
			if err := send(ctx, d, u.retain()); err != nil {
				return err
			}
		}
		if err := send(ctx, next, u); err != nil {
			return err
		}
	}
	for _, d := range digests {
		close(d)
	}
	close(next)
	return nil
}

// digest feeds a digest.
func digest(ctx context.Context, h hash.Hash, in <-chan *unit) error {
	for {
		u, ok, err := receive(ctx, in)
		if err != nil || !ok {
			return err
		}
		_, _ = h.Write(u.data()) // A hash never fails.
		u.release()
	}
}

// unpack decompresses the source's units into the image's.
func (c *copier) unpack(ctx context.Context, in <-chan *unit, out chan<- *unit) error {
	src := &unitReader{receive: func() (*unit, bool, error) { return receive(ctx, in) }}
	z, err := c.Decompress(src)
	if err != nil {
		return err
	}
	defer z.Close() //nolint:errcheck // All that it gave was read.
	for off := int64(0); ; {
		u, err := newUnit(ctx, c.image, off, unitSize)
		if err != nil {
			return err
		}
		last, err := u.fill(z)
		if err != nil {
			return err
		}
		off += u.n
		if err := send(ctx, out, u); err != nil {
			return err
		}
		if last {
			close(out)
			return src.drain()
		}
	}
}

// unitReader reads the bytes of units in their order, and releases each one
// that was read.
type unitReader struct {
	receive func() (*unit, bool, error)
	u       *unit
	rest    []byte
}

func (r *unitReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, nil
}

// next goes to the next unit; io.EOF when there is none.
func (r *unitReader) next() error {
	if r.u != nil {
		r.u.release()
		r.u, r.rest = nil, nil
	}
	u, ok, err := r.receive()
	switch {
	case err != nil:
		return err
	case !ok:
		return io.EOF
	}
	r.u, r.rest = u, u.data()
	return nil
}

// drain reads what the decompressor left: the digest is of the whole file.
func (r *unitReader) drain() error {
	for {
		if err := r.next(); err != nil {
			if err == io.EOF { //nolint:errorlint // next's own.
				return nil
			}
			return err
		}
	}
}
