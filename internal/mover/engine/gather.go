// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"

	"github.com/novasphere/provider-wukong/internal/mover/engine/buffer"
)

// gatherSize is how much is gathered from small pieces, and thereby the largest
// write of them.
const gatherSize = 4 << 20

// A gatherer keeps small pieces until there are enough for large writes. Those
// that are neighbours on the disk become one run. Runs need not be neighbours: a
// storage that is busy stops a worker when its memory is full, not at the first
// gap between two clusters.
type gatherer struct {
	pool  *buffer.Pool
	mem   []byte
	used  int64 // bytes of mem
	runs  []run
	align int64
}

// A run is gathered bytes that are neighbours on the disk. In memory it begins
// aligned, and has room up to the next multiple of the alignment behind it.
type run struct {
	off, length int64 // on the disk
	at          int64 // in memory
}

func (r run) end() int64 { return r.off + r.length }

// newGatherer returns a gatherer whose runs are aligned in memory.
func newGatherer(ctx context.Context, align int64) (gatherer, error) {
	// One block more than gatherSize, for the zeros after the disk's end.
	g := gatherer{pool: buffer.NewPool(1, 0, gatherSize+int(align)), align: align}
	b, err := g.pool.Get(ctx)
	if err != nil {
		return g, err
	}
	g.mem = b.Data()
	return g, nil
}

func (g *gatherer) close() { g.pool.Close() }

// reserve returns room for n bytes that belong at off, nil when there is not
// enough. What was filled of it is told to add.
func (g *gatherer) reserve(off, n int64) []byte {
	at := g.next(off)
	if at+n > gatherSize {
		return nil
	}
	return g.mem[at : at+n]
}

// add keeps the first n bytes of what reserve returned for off.
func (g *gatherer) add(off, n int64) {
	at := g.next(off)
	g.used = at + n
	if last := len(g.runs) - 1; g.continues(off) {
		g.runs[last].length += n
		return
	}
	g.runs = append(g.runs, run{off: off, length: n, at: at})
}

// next is where in memory bytes go that belong at off.
func (g *gatherer) next(off int64) int64 {
	if g.continues(off) {
		return g.used
	}
	return (g.used + g.align - 1) / g.align * g.align
}

// continues reports whether off is where the last run ends.
func (g *gatherer) continues(off int64) bool {
	return len(g.runs) > 0 && g.runs[len(g.runs)-1].end() == off
}

// bytes of a run.
func (g *gatherer) bytes(r run) []byte { return g.mem[r.at : r.at+r.length] }

// pad returns the run with n zeros behind it, which are in its last block.
func (g *gatherer) pad(r run, n int64) run {
	clear(g.mem[r.at+r.length : r.at+r.length+n])
	r.length += n
	return r
}

// reset forgets what was gathered.
func (g *gatherer) reset() { g.used, g.runs = 0, g.runs[:0] }
