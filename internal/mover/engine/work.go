// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"slices"
	"unsafe"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/coverage"
	"github.com/novasphere/provider-wukong/internal/mover/zeros"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// directSize is the least length of plain bytes that are written from
	// where they stand; shorter ones are copied, which costs less than a
	// write of their own.
	directSize = 1 << 20

	// sparseBlock is the least run of zeros that becomes a hole, and the
	// grid on which such runs are looked for.
	sparseBlock = 64 << 10

	// zeroStep is how much is zeroed between two looks at the context.
	zeroStep = 1 << 30
)

// A worker places pieces. It is used by one goroutine.
type worker struct {
	*copier
	decoder  disk.Decoder // nil until a piece needs it: a Learner does not know at first
	align    int64
	limit    int64 // the disk's size as it is known
	gathered gatherer
}

// work does what the planner hands out until there is no more.
func (c *copier) work(ctx context.Context, in <-chan work) error {
	w, err := c.newWorker(ctx)
	if err != nil {
		return err
	}
	defer w.gathered.close()
	for {
		job, ok, err := receive(ctx, in)
		if err != nil {
			return err
		}
		if !ok {
			return w.flush(ctx)
		}
		if err := w.do(ctx, job); err != nil {
			return err
		}
	}
}

func (c *copier) newWorker(ctx context.Context) (*worker, error) {
	w := &worker{copier: c, align: 1}
	if a, ok := c.Destination.(disk.Aligner); ok {
		w.align = int64(a.Alignment())
	}
	var err error
	w.gathered, err = newGatherer(ctx, w.align)
	return w, err
}

// do places the pieces of one unit, in order of their place on the disk, which
// makes for larger writes where the image was written by many hands at once.
// What it gathers is written when there is no more room, or no more work.
func (w *worker) do(ctx context.Context, job work) error {
	defer job.unit.release()
	w.limit = job.limit
	slices.SortFunc(job.pieces, func(a, b disk.Piece) int {
		return int(min(max(a.DiskOffset-b.DiskOffset, -1), 1))
	})
	for i := 0; i < len(job.pieces); {
		p := job.pieces[i]
		if i++; p.Compressed {
			if err := w.decode(ctx, job.unit, p); err != nil {
				return err
			}
			continue
		}
		for ; i < len(job.pieces) && continues(p, job.pieces[i]); i++ {
			p.FileLength += job.pieces[i].FileLength
			p.DiskLength = p.FileLength
		}
		if err := w.plain(ctx, job.unit.bytes(p.FileOffset, p.FileOffset+p.FileLength), p.DiskOffset); err != nil {
			return err
		}
	}
	return nil
}

// continues reports whether b is plain and goes on where a ends, in the file
// and on the disk.
func continues(a, b disk.Piece) bool {
	return !b.Compressed && a.FileOffset+a.FileLength == b.FileOffset && a.DiskOffset+a.DiskLength == b.DiskOffset
}

// decode decodes a compressed piece behind what was gathered.
func (w *worker) decode(ctx context.Context, u *unit, p disk.Piece) error {
	if p.DiskOffset >= w.limit {
		return nil
	}
	dst, err := w.room(ctx, p.DiskOffset, p.DiskLength)
	if err != nil {
		return err
	}
	if w.decoder == nil {
		w.decoder = w.Layout.NewDecoder()
	}
	src := u.bytes(p.FileOffset, min(p.FileOffset+p.FileLength, u.end()))
	if err := w.decoder.Decode(dst, src); err != nil {
		return fmt.Errorf("cannot decode the cluster at %d of the image, for %d of the disk: %w", p.FileOffset, p.DiskOffset, err)
	}
	w.gathered.add(p.DiskOffset, min(p.DiskLength, w.limit-p.DiskOffset))
	return nil
}

// plain writes bytes that belong at off, or gathers them.
func (w *worker) plain(ctx context.Context, p []byte, off int64) error {
	if off >= w.limit {
		return nil
	}
	p = p[:min(int64(len(p)), w.limit-off)]
	if direct := len(p) - int(w.tail(off+int64(len(p)))); direct >= directSize && w.aligned(p, off) {
		if err := w.write(ctx, p[:direct], off); err != nil {
			return err
		}
		p, off = p[direct:], off+int64(direct)
	}
	for len(p) > 0 {
		dst, err := w.room(ctx, off, min(int64(len(p)), gatherSize))
		if err != nil {
			return err
		}
		n := copy(dst, p)
		w.gathered.add(off, int64(n))
		p, off = p[n:], off+int64(n)
	}
	return nil
}

// tail is how many bytes before end share a block with it.
func (w *worker) tail(end int64) int64 { return end % w.align }

// aligned reports whether p can be written where it stands.
func (w *worker) aligned(p []byte, off int64) bool {
	return off%w.align == 0 && int64(uintptr(unsafe.Pointer(unsafe.SliceData(p))))%w.align == 0 //nolint:gosec // Only the address is looked at.
}

// room returns room for n bytes that belong at off. It writes what was gathered
// when that takes too much of it.
func (w *worker) room(ctx context.Context, off, n int64) ([]byte, error) {
	if n > gatherSize {
		return nil, transfer.Terminal(transfer.ReasonImageTooComplex,
			fmt.Errorf("cannot place the cluster at %d of the disk: it is longer than %d bytes", off, gatherSize))
	}
	if dst := w.gathered.reserve(off, n); dst != nil {
		return dst, nil
	}
	if err := w.flush(ctx); err != nil {
		return nil, err
	}
	return w.gathered.reserve(off, n), nil
}

// flush writes what was gathered. The disk's last block is filled up with zeros
// where the destination has room for it, so that it can be written directly.
func (w *worker) flush(ctx context.Context) error {
	for _, r := range w.gathered.runs {
		if over := w.tail(r.end()); over > 0 && r.end() > w.limit-coverage.Sector && w.tail(r.off) == 0 {
			r = w.gathered.pad(r, min(w.align-over, max(0, w.reach()-r.end())))
		}
		if err := w.write(ctx, w.gathered.bytes(r), r.off); err != nil {
			return err
		}
	}
	w.gathered.reset()
	return nil
}

// reach is how far the destination reaches; one whose size is not known grows.
func (w *worker) reach() int64 {
	if size := w.Destination.Size(); size != disk.Unknown {
		return size
	}
	return 1<<63 - 1
}

// write writes p at off but for the runs of zeros in it.
func (w *worker) write(ctx context.Context, p []byte, off int64) error {
	start := 0 // of the run that is not zero
	for at := 0; at < len(p); {
		next := min(len(p), at+sparseBlock-int((off+int64(at))%sparseBlock))
		if zeros.Only(p[at:next]) {
			if err := w.put(ctx, p[start:at], off+int64(start)); err != nil {
				return err
			}
			start = next
		}
		at = next
	}
	return w.put(ctx, p[start:], off+int64(start))
}

// put writes all of p and remembers it.
func (w *worker) put(ctx context.Context, p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	if err := w.Destination.WriteAt(ctx, p, off); err != nil {
		return err
	}
	w.Meter.Written.Add(int64(len(p)))
	if w.covered == nil {
		return nil
	}
	return w.covered.Mark(disk.Extent{Offset: off, Length: int64(len(p))})
}

// zeroRest zeroes what was not written, on a destination that may hold old
// data.
func (c *copier) zeroRest(ctx context.Context) error {
	if c.zeroer == nil {
		return nil
	}
	for e := range c.covered.Holes() {
		for e.Length > 0 {
			if err := ctx.Err(); err != nil {
				return err
			}
			n := min(e.Length, zeroStep)
			if err := c.zeroer.Zero(ctx, disk.Extent{Offset: e.Offset, Length: n}); err != nil {
				return err
			}
			e = disk.Extent{Offset: e.Offset + n, Length: e.Length - n}
		}
	}
	return nil
}
