// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"hash"
	"io"
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/buffer"
	"github.com/novasphere/provider-wukong/internal/mover/engine/coverage"
)

const (
	// unitSize is what one request fetches and one worker places. Smaller
	// units cost more round trips on a long link, larger ones a larger
	// window.
	unitSize = 4 << 20

	// headroom stands before each unit for the head of a compressed piece
	// that began in the unit before. The largest cluster that a format here
	// has is 2 MiB, the largest zstd frame that is decoded by itself 4 MiB. It
	// costs nothing where it is not used.
	headroom = 4<<20 + 64<<10

	// windowUnits bounds what was fetched and is not yet placed: 16
	// connections' units, and as many again as workers and hash hold.
	windowUnits = 24

	// maxWorkers bounds the workers on large machines; on small ones there
	// are as many as threads of Go and one more, which keeps a thread busy
	// while a direct write waits for the disk.
	maxWorkers = 8

	// DefaultConnections is the greatest number of connections when a task
	// names none.
	DefaultConnections = 16
)

// A Task is one disk to fill from one file.
type Task struct {
	// Source is read once, in full.
	Source disk.File

	// Layout of the image: of the source's bytes, or of what Decompress
	// makes of them. It is a disk.Learner unless its tables are known.
	Layout disk.Layout

	// Decompress returns a reader of the image that the source's bytes hold.
	// Nil: they are the image.
	Decompress func(io.Reader) (io.ReadCloser, error)

	// Destination is filled and synced, not closed.
	Destination disk.Writer

	// Digests get the source's bytes, all of them and in order, each in a
	// goroutine of its own.
	Digests []hash.Hash

	// Admit is asked, when the layout is a disk.Learner and has learned of
	// one more range and before anything of it is written, whether the image
	// may be this long and the disk this large, in bytes. Nil: yes.
	Admit func(length, virtualSize int64) error

	// Spool keeps what a Learner parks. Nil: nothing can be parked.
	Spool Spool

	// Connections is the greatest number; zero means DefaultConnections.
	Connections int

	// Meter counts. Required.
	Meter *Meter
}

// A Spool keeps bytes aside. It is used by one goroutine at a time.
type Spool interface {
	// Append writes p after what was appended before. An error whose reason
	// is transfer.ReasonImageTooComplex says that the spool's bound is
	// exceeded.
	Append(p []byte) error

	// ReadAt fills p from offset off of what was appended.
	ReadAt(p []byte, off int64) error
}

// Copy fills the task's destination from its source and makes it durable. It
// returns when every goroutine that it started has ended. On an error, the
// destination holds any part of the disk.
func Copy(ctx context.Context, t Task) error {
	c := newCopier(t)
	defer c.close()
	if err := c.pass(ctx); err != nil {
		return err
	}
	if err := c.placeLate(ctx); err != nil {
		return err
	}
	if err := c.zeroRest(ctx); err != nil {
		return err
	}
	return c.Destination.Sync(ctx)
}

// copier is the state of one Copy.
type copier struct {
	Task

	source  *buffer.Pool // of the source's units
	image   *buffer.Pool // of the image's: the same unless it is decompressed
	learner disk.Learner // nil: the tables are known
	parked  parking

	zeroer  disk.Zeroer   // nil: the destination reads as zeros
	covered *coverage.Map // what was written; nil without a zeroer
}

func newCopier(t Task) *copier {
	if t.Connections <= 0 {
		t.Connections = DefaultConnections
	}
	c := &copier{Task: t}
	if t.Decompress == nil {
		c.source = buffer.NewPool(windowUnits, headroom, unitSize)
		c.image = c.source
	} else {
		c.source = buffer.NewPool(windowUnits/2, 0, unitSize)
		c.image = buffer.NewPool(windowUnits/2, headroom, unitSize)
	}
	c.learner, _ = t.Layout.(disk.Learner)
	if z, ok := t.Destination.(disk.Zeroer); ok {
		c.zeroer, c.covered = z, coverage.New(t.Destination.Size())
	}
	return c
}

func (c *copier) close() {
	c.source.Close()
	if c.image != c.source {
		c.image.Close()
	}
}

// pass is the one ordered pass over the source. Every channel is closed by its
// sender when all was sent, and left open on an error, so that no stage takes
// a broken pass for the end of the file.
func (c *copier) pass(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	fetched := make(chan *unit, windowUnits)
	delivered := make(chan *unit)
	image := delivered
	work := make(chan work)

	c.fetch(ctx, g, fetched)
	digests := make([]chan<- *unit, 0, len(c.Digests))
	for _, h := range c.Digests {
		in := make(chan *unit, windowUnits)
		digests = append(digests, in)
		g.Go(func() error { return digest(ctx, h, in) })
	}
	g.Go(func() error { return deliver(ctx, fetched, digests, delivered) })
	if c.Decompress != nil {
		image = make(chan *unit)
		g.Go(func() error { return c.unpack(ctx, delivered, image) })
	}
	g.Go(func() error { return c.plan(ctx, image, work) })
	for range workers() {
		g.Go(func() error { return c.work(ctx, work) })
	}
	return g.Wait()
}

func workers() int { return min(runtime.GOMAXPROCS(0)+1, maxWorkers) }
