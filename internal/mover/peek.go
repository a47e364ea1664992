// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"bytes"
	"context"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// peeked is a file whose beginning has been looked at. Where the file can only
// be read from its begin, the stream that was opened for the look is the one
// that the transfer reads, so that nothing is fetched twice.
type peeked struct {
	disk.File

	head []byte
	rest io.ReadCloser // the stream behind head; nil: there is none

	archive bool // the image is the disk in a tar archive

	// verify returns an error when the source's SHA-256 sum, "sha256:…", is
	// not the one by which it was named.
	verify func(digest string) error
}

func peek(f disk.File) *peeked { return &peeked{File: f} }

// inOrder reports whether the file can only be read from its begin.
func (p *peeked) inOrder() bool {
	s := p.Stat()
	return !s.Ranged || s.Size == disk.Unknown
}

// Head returns the first n bytes of the file, or all where there are fewer. It
// is called before Open, with n that does not shrink.
func (p *peeked) Head(ctx context.Context, n int64) ([]byte, error) {
	if size := p.Stat().Size; size != disk.Unknown {
		n = min(n, size)
	}
	if n <= int64(len(p.head)) {
		return p.head, nil
	}
	if !p.inOrder() {
		head := make([]byte, n)
		err := disk.ReadAt(ctx, p.File, head, 0)
		p.head = head
		return head, err
	}
	if p.rest == nil {
		r, err := p.File.Open(ctx, 0, -1)
		if err != nil {
			return nil, err
		}
		p.rest = r
	}
	more := make([]byte, n-int64(len(p.head)))
	got, err := io.ReadFull(p.rest, more)
	p.head = append(p.head, more[:got]...)
	if err == io.EOF || err == io.ErrUnexpectedEOF { // ReadFull's own: the file is short.
		err = nil
	}
	return p.head, err
}

// Open implements disk.File.
func (p *peeked) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if p.rest == nil || off != 0 || n >= 0 {
		return p.File.Open(ctx, off, n)
	}
	s := &stream{Reader: io.MultiReader(bytes.NewReader(p.head), p.rest), Closer: p.rest}
	// The stream was opened with another context, which lives longer.
	s.stop = context.AfterFunc(ctx, func() { _ = s.Closer.Close() })
	p.rest = nil
	return s, nil
}

// Close implements disk.File.
func (p *peeked) Close() error {
	if p.rest != nil {
		_ = p.rest.Close() // It was only read.
	}
	return p.File.Close()
}

type stream struct {
	io.Reader
	io.Closer

	stop func() bool
}

// Close implements io.Closer.
func (s *stream) Close() error {
	s.stop()
	return s.Closer.Close()
}
