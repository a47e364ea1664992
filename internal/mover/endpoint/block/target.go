// SPDX-License-Identifier: Apache-2.0

package block

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
	"github.com/novasphere/provider-wukong/internal/mover/directio"
	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// wipeChunk is the unit in which it is remembered where something was
	// written: 8 KiB of memory for 1 TiB.
	wipeChunk = 16 << 20

	// wipeEdge is how much of a device's begin and end is wiped at least:
	// partition tables, boot code and file-system headers stand there.
	wipeEdge = 1 << 20
)

// A Target is a disk on a block device. It is a disk.Writer, a disk.Aligner and
// a disk.Zeroer. Commit or Discard ends it.
type Target struct {
	path   string
	raw    *os.File
	f      *directio.File
	size   int64
	sector int
	zero   zeroer

	mu      sync.Mutex
	touched []uint64 // one bit a wipeChunk that was written
}

// Create opens a device of at least want bytes. Errors have the reasons
// TargetUnusable, TargetTooSmall and TargetError.
func Create(path string, want int64) (*Target, error) {
	raw, err := os.OpenFile(path, os.O_RDWR|unix.O_EXCL, 0)
	if errors.Is(err, unix.EBUSY) {
		return nil, transfer.Terminal(transfer.ReasonTargetUnusable, fmt.Errorf("cannot write %s: it is mounted or in use", path))
	}
	if err != nil {
		return nil, directio.Classify("open", path, err)
	}
	t := &Target{path: path, raw: raw}
	if err := t.init(want); err != nil {
		return nil, errors.Join(err, raw.Close())
	}
	return t, nil
}

func (t *Target) init(want int64) error {
	var err error
	if t.size, err = sizeOf(t.raw); err != nil {
		return directio.Classify("use", t.path, err)
	}
	if t.sector, err = sectorOf(t.raw); err != nil {
		return directio.Classify("use", t.path, err)
	}
	ro, err := readOnly(t.raw)
	switch {
	case err != nil:
		return directio.Classify("use", t.path, err)
	case ro:
		return directio.Classify("write", t.path, unix.EROFS)
	case want > t.size:
		return transfer.Terminal(transfer.ReasonTargetTooSmall,
			fmt.Errorf("cannot write a disk of %s to %s, which has %s", bytesize.Exact(want), t.path, bytesize.Exact(t.size)))
	}
	t.f = directio.Open(t.raw, t.sector, t.size)
	t.zero = zeroer{raw: t.raw, f: t.f}
	t.touched = make([]uint64, t.size/wipeChunk/64+1)
	return nil
}

// Size implements disk.Writer.
func (t *Target) Size() int64 { return t.size }

// Alignment implements disk.Aligner.
func (t *Target) Alignment() int { return t.sector }

// WriteAt implements disk.Writer.
func (t *Target) WriteAt(ctx context.Context, p []byte, off int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t.touch(off, int64(len(p)))
	return directio.Classify("write", t.path, t.f.WriteAt(p, off))
}

// touch remembers that something will be written.
func (t *Target) touch(off, n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := off / wipeChunk; i*wipeChunk < off+n && i*wipeChunk < t.size; i++ {
		t.touched[i/64] |= 1 << (i % 64)
	}
}

// Zero implements disk.Zeroer.
func (t *Target) Zero(ctx context.Context, e disk.Extent) error {
	return directio.Classify("zero", t.path, t.zero.do(ctx, e))
}

// Sync implements disk.Writer.
func (t *Target) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return directio.Classify("sync", t.path, t.f.Sync())
}

// Commit ends a transfer that succeeded: the device is what it is.
func (t *Target) Commit(int64) error {
	return directio.Classify("close", t.path, t.f.Close())
}

// Discard ends a transfer that failed. It zeroes the begin and the end of the
// device, so that nothing boots from it, and then, as far as the context
// permits, all of it that was written.
func (t *Target) Discard(ctx context.Context) error {
	err := t.wipe(ctx)
	return errors.Join(directio.Classify("wipe", t.path, err), directio.Classify("close", t.path, t.f.Close()))
}

func (t *Target) wipe(ctx context.Context) error {
	edge := min(wipeEdge, t.size)
	if !t.dirty() {
		return nil
	}
	extents := []disk.Extent{{Offset: 0, Length: edge}, {Offset: t.size - edge, Length: edge}}
	for i := int64(0); i*wipeChunk < t.size; i++ {
		if t.touched[i/64]&(1<<(i%64)) != 0 {
			extents = append(extents, disk.Extent{Offset: i * wipeChunk, Length: min(wipeChunk, t.size-i*wipeChunk)})
		}
	}
	for _, e := range extents {
		if err := t.zero.do(ctx, e); err != nil {
			return err
		}
	}
	return t.f.Sync()
}

// dirty reports whether anything was written.
func (t *Target) dirty() bool {
	for _, w := range t.touched {
		if w != 0 {
			return true
		}
	}
	return false
}
