// SPDX-License-Identifier: Apache-2.0

// Package pass reads an image once: workers take its units in any order and do
// something with each, and behind them the units stand in the image's order
// again, for digests and for whoever puts together what the workers made.
package pass

import (
	"context"
	"io"
	"runtime"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/buffer"
	"github.com/novasphere/provider-wukong/internal/mover/engine/pipe"
)

const (
	// UnitSize is what one worker reads at a time: large enough for devices
	// that are far away, and 64 clusters of an image of ours.
	UnitSize = 4 << 20

	// spare is how much longer than a unit what is packed of it may be before
	// it costs memory of its own: data that cannot be compressed grow by
	// headers.
	spare = 64 << 10

	// Window bounds the units that were read and are not done with, where a
	// pass does not say otherwise: 96 MiB with what is made of them.
	Window = 12

	// minWorkers read even where there is one processor, to keep a device
	// busy; more than maxWorkers are no use to one ordered stream.
	minWorkers, maxWorkers = 3, 8
)

// A Unit is one range of an image.
type Unit struct {
	// Offset in the image, and the bytes from there on.
	Offset int64
	Data   []byte

	// Packed is what a worker made of it.
	Packed disk.Packed

	zero    bool // the data are known to be zeros
	in, out *buffer.Buffer

	refs atomic.Int32
	free func(*Unit)

	ready chan struct{} // closed when data and packed are there, or err
	err   error
}

// Room is memory in which a worker can make something of the unit: empty, with
// room for a unit and a little more.
func (u *Unit) Room() []byte { return u.out.Data()[:0] }

func (u *Unit) retain() *Unit { u.refs.Add(1); return u }

func (u *Unit) release() {
	if u.refs.Add(-1) == 0 {
		u.free(u)
	}
}

// A Pass is one reading of an image.
type Pass struct {
	Image disk.Image

	// NewWorker returns what a worker does with a unit that was read. Nil:
	// nothing.
	NewWorker func() (func(*Unit) error, error)

	// Digests get the image's bytes in order, each in a goroutine of its own. A
	// disk.ZeroWriter is told of units that are known to be zeros.
	Digests []io.Writer

	// Begin, Place and Finish are called by one goroutine: before the first
	// unit, for each unit in order, and after the last. Nil: nothing.
	Begin, Finish func() error
	Place         func(*Unit) error

	// Window is the number of units in memory; zero means the usual.
	Window int
}

// Run makes the pass and returns when every goroutine of it has ended.
func (p Pass) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	free := p.Start(ctx, g)
	defer free()
	return g.Wait()
}

// Start starts the pass's goroutines in a group with others. What it returns
// frees their memory, and is called when they have ended.
func (p Pass) Start(ctx context.Context, g *errgroup.Group) (free func()) {
	if p.Window == 0 {
		p.Window = Window
	}
	in := buffer.NewPool(p.Window, 0, UnitSize)
	out := buffer.NewPool(p.Window, 0, UnitSize+spare)
	zeros := make([]byte, UnitSize)
	todo, ordered := make(chan *Unit), make(chan *Unit, p.Window)
	g.Go(func() error { return p.dispatch(ctx, in, out, todo, ordered) })
	for range workers() {
		g.Go(func() error { return p.work(ctx, zeros, todo) })
	}
	var digests []chan<- *Unit
	for _, d := range p.Digests {
		c := make(chan *Unit, p.Window)
		digests = append(digests, c)
		g.Go(func() error { return digest(ctx, d, c) })
	}
	g.Go(func() error { return p.assemble(ctx, ordered, digests) })
	return func() {
		in.Close()
		out.Close()
	}
}

func workers() int { return min(max(runtime.GOMAXPROCS(0)+1, minWorkers), maxWorkers) }

// dispatch cuts the image into units. An empty image has one, which is empty.
func (p Pass) dispatch(ctx context.Context, in, out *buffer.Pool, todo, ordered chan<- *Unit) error {
	size := p.Image.Size()
	for off := int64(0); off < size || off == 0; off += UnitSize {
		u := &Unit{Offset: off, ready: make(chan struct{})}
		u.refs.Store(1)
		var err error
		if u.in, err = in.Get(ctx); err != nil {
			return err
		}
		if u.out, err = out.Get(ctx); err != nil {
			return err
		}
		u.Data = u.in.Data()[:min(UnitSize, size-off)]
		u.free = func(u *Unit) {
			in.Put(u.in)
			out.Put(u.out)
		}
		if err := pipe.Send(ctx, ordered, u); err != nil {
			return err
		}
		if err := pipe.Send(ctx, todo, u); err != nil {
			return err
		}
	}
	close(todo)
	close(ordered)
	return nil
}

// work reads and packs units until there are none.
func (p Pass) work(ctx context.Context, zeros []byte, todo <-chan *Unit) error {
	do := func(*Unit) error { return nil }
	if p.NewWorker != nil {
		var err error
		if do, err = p.NewWorker(); err != nil {
			return err
		}
	}
	for {
		u, ok, err := pipe.Receive(ctx, todo)
		if err != nil || !ok {
			return err
		}
		u.zero, err = p.Image.ReadAt(ctx, u.Data, u.Offset)
		if u.zero {
			u.Data = zeros[:len(u.Data)]
		}
		if err == nil {
			err = do(u)
		}
		u.err = err
		close(u.ready)
		if err != nil {
			return err
		}
	}
}

// assemble gives the units, in order, to the digests and to place.
func (p Pass) assemble(ctx context.Context, ordered <-chan *Unit, digests []chan<- *Unit) error {
	if p.Begin != nil {
		if err := p.Begin(); err != nil {
			return err
		}
	}
	for {
		u, ok, err := pipe.Receive(ctx, ordered)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := p.deliver(ctx, u, digests); err != nil {
			return err
		}
	}
	for _, d := range digests {
		close(d)
	}
	if p.Finish != nil {
		return p.Finish()
	}
	return nil
}

// deliver waits for a unit and hands it on.
func (p Pass) deliver(ctx context.Context, u *Unit, digests []chan<- *Unit) error {
	if _, _, err := pipe.Receive(ctx, u.ready); err != nil {
		return err
	}
	if u.err != nil {
		return u.err
	}
	for _, d := range digests {
		if err := pipe.Send(ctx, d, u.retain()); err != nil {
			return err
		}
	}
	if p.Place != nil {
		if err := p.Place(u); err != nil {
			return err
		}
	}
	u.release()
	return nil
}

// digest feeds a digest.
func digest(ctx context.Context, w io.Writer, in <-chan *Unit) error {
	for {
		u, ok, err := pipe.Receive(ctx, in)
		if err != nil || !ok {
			return err
		}
		if err := u.writeTo(w); err != nil {
			return err
		}
		u.release()
	}
}

func (u *Unit) writeTo(w io.Writer) error {
	if z, ok := w.(disk.ZeroWriter); ok && u.zero {
		return z.WriteZeros(int64(len(u.Data)))
	}
	_, err := w.Write(u.Data)
	return err
}
