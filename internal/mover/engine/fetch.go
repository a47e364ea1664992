// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/buffer"
	"github.com/novasphere/provider-wukong/internal/mover/engine/pace"
)

// looksPerDecision is how often, between two decisions about the number of
// connections, it is looked at how many of them wait for us.
const looksPerDecision = 8

// A request fetches a run of units: each costs a server something, and some, as
// registries that read 4 MiB ahead, much. It is to last runTime at most, which
// where connections are slow is one unit, and never longer than maxRun units.
const (
	runTime = 250 * time.Millisecond
	maxRun  = 4
)

// fetch starts what reads the source into units, which go out in the file's
// order before their bytes have arrived.
func (c *copier) fetch(ctx context.Context, g *errgroup.Group, out chan<- *unit) {
	s := c.Source.Stat()
	if !s.Ranged || s.Size == disk.Unknown {
		g.Go(func() error { return c.fetchInOrder(ctx, out) })
		return
	}
	f := &fetcher{
		source: c.Source,
		window: c.source,
		meter:  c.Meter,
		group:  g,
		todo:   make(chan []*unit),
		done:   make(chan struct{}),
		pace:   pace.New(c.Connections),
	}
	g.Go(func() error { return c.dispatch(ctx, f, out) })
	g.Go(func() error { return f.control(ctx) })
}

// fetchInOrder reads a source that can only be read from its begin.
func (c *copier) fetchInOrder(ctx context.Context, out chan<- *unit) error {
	r, err := c.Source.Open(ctx, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // Closing a reader loses nothing.
	c.Meter.Connections.Store(1)
	defer c.Meter.Connections.Store(0)
	body := meteredReader{r, &c.Meter.Transferred}
	for off := int64(0); ; {
		u, err := newUnit(ctx, c.source, off, unitSize)
		if err != nil {
			return err
		}
		last, err := u.fill(body)
		if err != nil {
			return err
		}
		off += u.n
		if err := send(ctx, out, u); err != nil {
			return err
		}
		if last {
			close(out)
			return nil
		}
	}
}

// dispatch cuts the source into units, and gives each to the next stage and runs
// of them to connections, all in order.
func (c *copier) dispatch(ctx context.Context, f *fetcher, out chan<- *unit) error {
	size := c.Source.Stat().Size
	for off := int64(0); off < size; {
		run := make([]*unit, 0, maxRun)
		for n := f.runLength(); len(run) < n && off < size; off += unitSize {
			u, err := newUnit(ctx, c.source, off, min(unitSize, size-off))
			if err != nil {
				return err
			}
			f.coming.Add(1)
			if err := send(ctx, out, u); err != nil {
				return err
			}
			run = append(run, u)
		}
		if err := send(ctx, f.todo, run); err != nil {
			return err
		}
	}
	close(f.todo)
	close(f.done)
	close(out)
	return nil
}

// A fetcher fills units through a number of connections that adapts.
type fetcher struct {
	source disk.File
	window *buffer.Pool
	meter  *Meter
	group  *errgroup.Group
	todo   chan []*unit  // runs
	done   chan struct{} // closed when nothing more will be to do
	pace   *pace.Controller

	coming  atomic.Int64 // units that hold a buffer, and have not arrived
	run     atomic.Int64 // units that a connection fetches in runTime
	want    atomic.Int64 // connections that should be
	running atomic.Int64 // connections that are
	idle    atomic.Int64 // connections that wait for something to do
}

// control starts connections, and more or fewer of them as it sees fit.
func (f *fetcher) control(ctx context.Context) error {
	f.use(ctx, f.pace.Connections())
	tick := time.NewTicker(pace.Interval / looksPerDecision)
	defer tick.Stop()
	last, bytes, pushbacks := time.Now(), int64(0), int64(0)
	for idle, looks := int64(0), int64(0); ; {
		select {
		case <-tick.C:
		case <-f.done:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
		idle += f.idle.Load()
		if looks++; looks < looksPerDecision {
			continue
		}
		now, b, p := time.Now(), f.meter.Transferred.Load(), f.meter.Pushbacks.Load()
		f.decide(ctx, pace.Sample{
			Bytes:    b - bytes,
			Elapsed:  now.Sub(last),
			Idle:     float64(idle) / float64(looks*max(1, f.running.Load())),
			Ahead:    f.ahead(),
			Pushback: p > pushbacks,
		})
		last, bytes, pushbacks, idle, looks = now, b, p, 0, 0
	}
}

// ahead reports whether more than half of the window has arrived and is not placed:
// more than workers and digests hold in their hands.
func (f *fetcher) ahead() bool { return int64(f.window.Lent())-f.coming.Load() > windowUnits/2 }

// decide changes the number of connections, and how much each asks for at once.
func (f *fetcher) decide(ctx context.Context, s pace.Sample) {
	busy := s.Elapsed.Seconds() * float64(max(1, f.running.Load())) * max(0.01, 1-s.Idle)
	f.run.Store(int64(float64(s.Bytes) / busy * runTime.Seconds() / unitSize))
	f.use(ctx, f.pace.Look(s))
}

// use makes the number of connections n; those that are too many end when
// they have filled their run.
func (f *fetcher) use(ctx context.Context, n int) {
	f.want.Store(int64(n))
	for f.running.Load() < int64(n) {
		f.running.Add(1)
		f.group.Go(func() error { return f.connection(ctx) })
	}
	f.meter.Connections.Store(int64(n))
}

// runLength is how many units the next request fetches: as many as arrive within
// runTime, and no more than leave room in the window for the other connections.
func (f *fetcher) runLength() int {
	return int(max(1, min(f.run.Load(), maxRun, windowUnits/2/max(1, f.want.Load()))))
}

// connection fills runs until there are none or it is one too many.
func (f *fetcher) connection(ctx context.Context) error {
	defer f.running.Add(-1)
	for f.running.Load() <= f.want.Load() {
		f.idle.Add(1)
		run, ok, err := receive(ctx, f.todo)
		f.idle.Add(-1)
		if err != nil || !ok {
			return err
		}
		if err := f.fill(ctx, run); err != nil {
			return err
		}
	}
	return nil
}

// fill reads the bytes of a run.
func (f *fetcher) fill(ctx context.Context, run []*unit) error {
	r, err := f.source.Open(ctx, run[0].off, run[len(run)-1].end()-run[0].off)
	if err != nil {
		run[0].settle(err)
		return err
	}
	defer r.Close() //nolint:errcheck // Closing a reader loses nothing.
	for _, u := range run {
		_, err = io.ReadFull(meteredReader{r, &f.meter.Transferred}, u.data())
		f.coming.Add(-1)
		u.settle(err)
		if err != nil {
			return err
		}
	}
	return nil
}
