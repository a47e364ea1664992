// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

const (
	kib = 1 << 10
	mib = 1 << 20
)

var errBroken = errors.New("broken")

// memFile is a file in memory whose ranges arrive out of order.
type memFile struct {
	data   []byte
	stat   disk.Stat
	jitter time.Duration // a range takes up to this long

	// breakAt is the offset whose read fails; negative: none does.
	breakAt int64

	opens, open, most atomic.Int64
}

func newFile(data []byte) *memFile {
	return &memFile{
		data:    data,
		stat:    disk.Stat{Name: "file", Size: int64(len(data)), Ranged: true},
		breakAt: -1,
	}
}

func (f *memFile) Stat() disk.Stat { return f.stat }
func (f *memFile) Close() error    { return nil }

func (f *memFile) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	f.opens.Add(1)
	now := f.open.Add(1)
	for most := f.most.Load(); now > most && !f.most.CompareAndSwap(most, now); most = f.most.Load() {
	}
	if f.jitter > 0 {
		select {
		case <-time.After(rand.N(f.jitter)):
		case <-ctx.Done():
		}
	}
	if n < 0 {
		n = int64(len(f.data)) - off
	}
	size := int64(len(f.data))
	p := f.data[min(off, size):min(off+n, size)]
	r := io.Reader(bytes.NewReader(p))
	switch {
	case f.breakAt >= off && f.breakAt < off+n:
		r = io.MultiReader(bytes.NewReader(p[:f.breakAt-off]), failing{errBroken})
	case int64(len(p)) < n:
		r = io.MultiReader(r, failing{io.ErrUnexpectedEOF})
	}
	return &memReader{ended: ctx.Err, r: r, f: f}, nil
}

type failing struct{ err error }

func (r failing) Read([]byte) (int, error) { return 0, r.err }

type memReader struct {
	ended func() error
	r     io.Reader
	f     *memFile
}

func (r *memReader) Read(p []byte) (int, error) {
	if err := r.ended(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

func (r *memReader) Close() error {
	r.f.open.Add(-1)
	return nil
}

// memDisk is a disk in memory, one that holds old data if old is set.
type memDisk struct {
	data  []byte
	fail  func(off int64) error
	delay time.Duration

	mu     sync.Mutex
	writes []disk.Extent
	synced bool
}

func (d *memDisk) Size() int64 { return int64(len(d.data)) }

func (d *memDisk) WriteAt(ctx context.Context, p []byte, off int64) error {
	if d.fail != nil {
		if err := d.fail(off); err != nil {
			return err
		}
	}
	select {
	case <-time.After(d.delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	if off+int64(len(p)) > int64(len(d.data)) {
		return fmt.Errorf("cannot write %d bytes at %d of a disk of %d", len(p), off, len(d.data))
	}
	copy(d.data[off:], p)
	d.mu.Lock()
	defer d.mu.Unlock()
	d.writes = append(d.writes, disk.Extent{Offset: off, Length: int64(len(p))})
	return nil
}

func (d *memDisk) Sync(context.Context) error {
	d.synced = true
	return nil
}

// oldDisk is a memDisk that held other data before.
type oldDisk struct{ *memDisk }

func newOldDisk(n int) oldDisk {
	return oldDisk{&memDisk{data: bytes.Repeat([]byte{0xAA}, n)}}
}

func (d oldDisk) Alignment() int { return 512 }

func (d oldDisk) Zero(_ context.Context, e disk.Extent) error {
	clear(d.data[e.Offset:e.End()])
	return nil
}

// table is a layout whose pieces stand in a list. Its compression doubles: a
// byte stands for two, and a piece may name more bytes than it needs.
type table struct {
	size   int64
	pieces []disk.Piece
	next   int64 // the offset that Pieces must be called with
}

func (l *table) VirtualSize() int64 { return l.size }

func (l *table) Pieces(_ context.Context, off, n int64) ([]disk.Piece, error) {
	if off != l.next {
		return nil, fmt.Errorf("cannot go from %d to %d: ranges must touch", l.next, off)
	}
	l.next = off + n
	return within(l.pieces, off, n), nil
}

// within cuts plain pieces to a range, and finds compressed ones that begin
// there.
func within(pieces []disk.Piece, off, n int64) []disk.Piece {
	var found []disk.Piece
	for _, p := range pieces {
		if p.Compressed {
			if p.FileOffset >= off && p.FileOffset < off+n {
				found = append(found, p)
			}
			continue
		}
		start, end := max(p.FileOffset, off), min(p.FileOffset+p.FileLength, off+n)
		if start < end {
			found = append(found, disk.Piece{
				FileOffset: start, FileLength: end - start,
				DiskOffset: p.DiskOffset + start - p.FileOffset, DiskLength: end - start,
			})
		}
	}
	slices.SortStableFunc(found, func(a, b disk.Piece) int { return int(a.FileOffset - b.FileOffset) })
	return found
}

func (l *table) NewDecoder() disk.Decoder { return doubler{} }

type doubler struct{}

func (doubler) Decode(dst, src []byte) error {
	if len(src) < len(dst)/2 {
		return fmt.Errorf("cannot decode %d bytes from %d", len(dst), len(src))
	}
	for i := range dst {
		dst[i] = src[i/2]
	}
	return nil
}

// countingTable is a table that counts what was decoded, in bytes of the disk.
type countingTable struct {
	table

	decoded atomic.Int64
}

func (l *countingTable) NewDecoder() disk.Decoder { return l }

func (l *countingTable) Decode(dst, src []byte) error {
	defer l.decoded.Add(int64(len(dst)))
	return doubler{}.Decode(dst, src)
}

// lateTable is a table that is at the end of the file: a Learner that must park
// everything up to known, and says the rest as it passes.
type lateTable struct {
	table

	known  int64
	parked []disk.Extent
	seen   int64
}

func (l *lateTable) Learn(p []byte, off int64) error {
	if off != l.seen {
		return fmt.Errorf("cannot learn at %d: %d was expected", off, l.seen)
	}
	l.seen = off + int64(len(p))
	l.parked = nil
	if end := min(l.seen, l.keep()); end > off {
		l.parked = []disk.Extent{{Offset: off, Length: end - off}}
	}
	return nil
}

// keep is how far the file must be kept: to the end of what began before known.
func (l *lateTable) keep() int64 {
	end := l.known
	for _, p := range l.pieces {
		if p.Compressed && p.FileOffset < l.known {
			end = max(end, p.FileOffset+p.FileLength)
		}
	}
	return end
}

func (l *lateTable) Parked() []disk.Extent { return l.parked }

func (l *lateTable) Pieces(ctx context.Context, off, n int64) ([]disk.Piece, error) {
	if _, err := l.table.Pieces(ctx, off, n); err != nil {
		return nil, err
	}
	from := max(off, l.known)
	return within(l.pieces, from, off+n-from), nil
}

func (l *lateTable) Late(context.Context) ([]disk.Piece, error) {
	return within(l.pieces, 0, l.known), nil
}

// expand is what the disk must hold.
func expand(file []byte, l *table, size int) []byte {
	want := make([]byte, size)
	for _, p := range l.pieces {
		src := file[p.FileOffset:min(p.FileOffset+p.FileLength, int64(len(file)))]
		if p.DiskOffset >= l.size {
			continue
		}
		dst := want[p.DiskOffset:min(p.DiskOffset+p.DiskLength, l.size)]
		if !p.Compressed {
			copy(dst, src)
			continue
		}
		for i := range dst {
			dst[i] = src[i/2]
		}
	}
	return want
}

// noise is n bytes that look random, the same each time.
func noise(n int) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{byte(n)}).Read(p)
	return p
}
