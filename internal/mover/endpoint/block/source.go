// SPDX-License-Identifier: Apache-2.0

package block

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Source is an image on a block device. It is a disk.File. A device has
// nothing that would tell one version from another: nobody may write to it
// meanwhile.
type Source struct {
	f    *os.File
	stat disk.Stat
}

// Open opens a device. Errors have the reasons SourceNotFound, Unauthorized,
// SourceRefused and SourceUnavailable.
func Open(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	size, err := sizeOf(f)
	if err != nil {
		return nil, errors.Join(unreadable(path, err), f.Close())
	}
	// Advice: nothing is lost when it is not taken.
	_ = unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
	return &Source{f: f, stat: disk.Stat{Name: path, Size: size, Ranged: true}}, nil
}

func unreadable(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	err = fmt.Errorf("cannot read %s: %w", path, err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return transfer.Terminal(transfer.ReasonSourceNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return transfer.Terminal(transfer.ReasonUnauthorized, err)
	case errors.Is(err, unix.ENOTTY), errors.Is(err, unix.ENXIO):
		return transfer.Terminal(transfer.ReasonSourceRefused, err)
	}
	return transfer.Retryable(transfer.ReasonSourceUnavailable, err)
}

// Stat implements disk.File.
func (s *Source) Stat() disk.Stat { return s.stat }

// Open implements disk.File.
func (s *Source) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if n < 0 {
		n = max(0, s.stat.Size-off)
	}
	return &reader{ended: ctx.Err, s: s, off: off, left: n}, nil
}

// Close implements disk.File.
func (s *Source) Close() error { return s.f.Close() }

type reader struct {
	ended     func() error // the error of a context that has ended
	s         *Source
	off, left int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ended(); err != nil {
		return 0, err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.s.f.ReadAt(p[:min(int64(len(p)), r.left)], r.off)
	r.off += int64(n)
	r.left -= int64(n)
	switch {
	case err == nil, n > 0:
		return n, nil
	case errors.Is(err, io.EOF):
		return 0, transfer.Terminal(transfer.ReasonSourceTruncated,
			fmt.Errorf("cannot read %s: %d bytes are missing: %w", r.s.stat.Name, r.left, io.ErrUnexpectedEOF))
	}
	return 0, unreadable(r.s.stat.Name, err)
}

// Close implements io.Closer.
func (r *reader) Close() error { return nil }
