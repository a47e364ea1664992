// SPDX-License-Identifier: Apache-2.0

// Package randomread reads a file or a block device at random, as an export
// does, without taking the page cache from those who need it.
//
// What is in the cache already is read from there, and stays. What is not is
// read through it and dropped again: the node's virtual machines keep their
// pages, whatever the size of the disk that passes.
package randomread

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A File is read by any number of goroutines at once.
type File struct {
	f      *os.File
	opaque atomic.Bool // the file system does not tell what is cached
}

// New returns a reader of f, which stays the caller's.
func New(f *os.File) *File {
	// Advice: nothing is lost when it is not taken.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
	return &File{f: f}
}

// ReadAt fills p from offset off. An end that comes before has the reason
// SourceTruncated; other errors, but for the context's, SourceUnavailable.
func (r *File) ReadAt(ctx context.Context, p []byte, off int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := r.fill(p, off)
	if err == nil {
		return nil
	}
	err = fmt.Errorf("cannot read %d bytes at %d of %s: %w", len(p), off, r.f.Name(), err)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return transfer.Terminal(transfer.ReasonSourceTruncated, err)
	}
	return transfer.Retryable(transfer.ReasonSourceUnavailable, err)
}

func (r *File) fill(p []byte, off int64) error {
	n := r.cached(p, off)
	if n == len(p) {
		return nil
	}
	_, err := r.f.ReadAt(p[n:], off+int64(n))
	// Advice, as above.
	_ = unix.Fadvise(int(r.f.Fd()), off+int64(n), int64(len(p)-n), unix.FADV_DONTNEED)
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// cached reads what of p needs no device, and returns how much it is.
func (r *File) cached(p []byte, off int64) int {
	n := 0
	for n < len(p) && !r.opaque.Load() {
		m, err := unix.Preadv2(int(r.f.Fd()), [][]byte{p[n:]}, off+int64(n), unix.RWF_NOWAIT)
		if errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EINVAL) {
			r.opaque.Store(true)
		}
		if err != nil || m <= 0 {
			break
		}
		n += m
	}
	return n
}

// Data returns the first range at or after off, before size, that is no hole;
// an empty one when there is none. Where holes cannot be seen it is all the
// rest. Errors, but for the context's, have the reason SourceUnavailable.
func (r *File) Data(ctx context.Context, off, size int64) (disk.Extent, error) {
	if err := ctx.Err(); err != nil {
		return disk.Extent{}, err
	}
	rest := disk.Extent{Offset: off, Length: max(0, size-off)}
	start, err := unix.Seek(int(r.f.Fd()), off, unix.SEEK_DATA)
	switch {
	case errors.Is(err, unix.ENXIO):
		return disk.Extent{Offset: size}, nil
	case errors.Is(err, unix.EINVAL), errors.Is(err, unix.EOPNOTSUPP):
		return rest, nil
	case err != nil:
		return disk.Extent{}, transfer.Retryable(transfer.ReasonSourceUnavailable, fmt.Errorf("cannot look for data in %s: %w", r.f.Name(), err))
	}
	end, err := unix.Seek(int(r.f.Fd()), start, unix.SEEK_HOLE)
	if err != nil {
		return rest, nil //nolint:nilerr // It was cut meanwhile: whoever reads it sees that.
	}
	return disk.Extent{Offset: start, Length: max(0, min(end, size)-start)}, nil
}
