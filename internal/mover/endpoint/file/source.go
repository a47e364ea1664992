// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Source is an image in a regular file. It is a disk.File.
type Source struct {
	f    *os.File
	stat disk.Stat
}

// Open opens a regular file. Errors have the reasons SourceNotFound,
// Unauthorized and SourceRefused.
func Open(path string) (*Source, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, classifyOpen(path, err)
	}
	s := &Source{f: f}
	if err := s.init(path); err != nil {
		_ = f.Close() // Nothing was written.
		return nil, err
	}
	return s, nil
}

func (s *Source) init(path string) error {
	info, err := s.f.Stat()
	if err != nil {
		return fmt.Errorf("cannot look at %s: %w", path, err)
	}
	if !info.Mode().IsRegular() {
		return transfer.Terminal(transfer.ReasonSourceRefused, fmt.Errorf("cannot read %s: it is not a regular file", path))
	}
	// Advice: nothing is lost when it is not taken.
	_ = unix.Fadvise(int(s.f.Fd()), 0, 0, unix.FADV_SEQUENTIAL)
	s.stat = disk.Stat{Name: path, Size: info.Size(), Validator: validator(info), Ranged: true}
	return nil
}

// validator is what tells one version of a file from another.
func validator(info fs.FileInfo) string {
	inode := uint64(0)
	if st, ok := info.Sys().(*syscall.Stat_t); ok {
		inode = st.Ino
	}
	return fmt.Sprintf("%d-%d-%d", inode, info.Size(), info.ModTime().UnixNano())
}

func classifyOpen(path string, err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	err = fmt.Errorf("cannot open %s: %w", path, err)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return transfer.Terminal(transfer.ReasonSourceNotFound, err)
	case errors.Is(err, fs.ErrPermission):
		return transfer.Terminal(transfer.ReasonUnauthorized, err)
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
	return &reader{ended: ctx.Err, s: s, r: io.NewSectionReader(s.f, off, n), left: n}, nil
}

// Close implements disk.File.
func (s *Source) Close() error { return s.f.Close() }

// changed returns an error when the file is no longer what it was.
func (s *Source) changed() error {
	info, err := s.f.Stat()
	if err != nil {
		return fmt.Errorf("cannot look at %s: %w", s.stat.Name, err)
	}
	if now := validator(info); now != s.stat.Validator {
		return transfer.Terminal(transfer.ReasonSourceChanged,
			fmt.Errorf("cannot go on reading %s: it changed meanwhile", s.stat.Name))
	}
	return nil
}

// reader reads one range and looks, at its end, whether the file is still what
// it was.
type reader struct {
	ended func() error // the error of a context that has ended
	s     *Source
	r     *io.SectionReader
	left  int64
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ended(); err != nil {
		return 0, err
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	n, err := r.r.Read(p)
	r.left -= int64(n)
	if err == io.EOF { //nolint:errorlint // The one value that readers end with.
		err = nil
	}
	if err != nil {
		return n, transfer.Retryable(transfer.ReasonSourceUnavailable, fmt.Errorf("cannot read %s: %w", r.s.stat.Name, err))
	}
	if r.left == 0 || n == 0 {
		err = r.s.changed()
	}
	if err == nil && n == 0 && len(p) > 0 {
		err = transfer.Terminal(transfer.ReasonSourceTruncated,
			fmt.Errorf("cannot read %s: %d bytes are missing: %w", r.s.stat.Name, r.left, io.ErrUnexpectedEOF))
	}
	return n, err
}

// Close implements io.Closer.
func (r *reader) Close() error { return nil }
