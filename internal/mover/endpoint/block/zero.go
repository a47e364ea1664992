// SPDX-License-Identifier: Apache-2.0

package block

import (
	"context"
	"errors"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/directio"
	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// The ways to zero a range, best first. Each is tried until the device refuses
// it.
const (
	byUnmapping int32 = iota // PUNCH_HOLE: reads as zeros, and frees the space
	byRange                  // ZERO_RANGE: the device writes zeros
	byKernel                 // BLKZEROOUT: the kernel sees to it
	byWriting
)

// zeroWrite is the length of one write of zeros.
const zeroWrite = 1 << 20

// zeroer zeroes ranges of a device. It may be used by many goroutines at once.
type zeroer struct {
	raw *os.File
	f   *directio.File
	way atomic.Int32
}

func (z *zeroer) do(ctx context.Context, e disk.Extent) error {
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		way := z.way.Load()
		err := z.try(ctx, way, e)
		if err == nil || way == byWriting || !refused(err) {
			return err
		}
		z.way.CompareAndSwap(way, way+1)
	}
}

// refused reports whether an error says that the way does not work here, and
// not that the device is broken.
func refused(err error) bool {
	return errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENODEV) ||
		errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EREMOTEIO)
}

func (z *zeroer) try(ctx context.Context, way int32, e disk.Extent) error {
	switch way {
	case byUnmapping:
		return unix.Fallocate(int(z.raw.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, e.Offset, e.Length)
	case byRange:
		return unix.Fallocate(int(z.raw.Fd()), unix.FALLOC_FL_ZERO_RANGE|unix.FALLOC_FL_KEEP_SIZE, e.Offset, e.Length)
	case byKernel:
		return zeroOut(z.raw, e.Offset, e.Length)
	}
	return z.write(ctx, e)
}

func (z *zeroer) write(ctx context.Context, e disk.Extent) error {
	p, err := unix.Mmap(-1, 0, zeroWrite, unix.PROT_READ, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	defer unix.Munmap(p) //nolint:errcheck // Unmapping what was mapped cannot fail.
	for e.Length > 0 {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(e.Length, zeroWrite)
		if err := z.f.WriteAt(p[:n], e.Offset); err != nil {
			return err
		}
		e = disk.Extent{Offset: e.Offset + n, Length: e.Length - n}
	}
	return nil
}
