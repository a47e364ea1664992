// SPDX-License-Identifier: Apache-2.0

// Package archive reads the one disk that a tar archive holds, as the layer of a
// KubeVirt containerDisk does: the only file in a folder of it.
//
// A tar archive has no table of contents: that the file is the only one is
// known when the archive has passed. A second one is an error at the end, and
// it names both.
package archive

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strings"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// maxOther bounds what is read of other files: a few bytes that unpack to very
// many would keep a processor busy for days.
const maxOther = 64 << 30

// ErrNone is in the error of an archive without a disk. Its reason is
// transfer.ReasonFormatRefused.
var ErrNone = errors.New("there is no disk in the archive")

// A Reader reads the disk. It is used by one goroutine at a time.
type Reader struct {
	folder string
	tar    *tar.Reader
	name   string // of the disk; empty: it has not been found
	size   int64
	ended  bool
	other  int64 // bytes of other files
}

// NewReader returns a reader of the only file in a folder, such as "disk", of the
// tar archive r. It reads from r in Read and Size only.
func NewReader(r io.Reader, folder string) *Reader {
	return &Reader{folder: path.Clean("/" + folder), tar: tar.NewReader(r)}
}

// Size is the size of the disk's file in bytes. It reads as far as the file's
// begin.
func (r *Reader) Size() (int64, error) {
	if r.name == "" {
		if err := r.find(); err != nil {
			return 0, err
		}
	}
	return r.size, nil
}

// Read implements io.Reader. io.EOF says that the archive holds no other disk,
// too.
func (r *Reader) Read(p []byte) (int, error) {
	if _, err := r.Size(); err != nil {
		return 0, err
	}
	if r.ended {
		return 0, io.EOF
	}
	n, err := r.tar.Read(p)
	if err == io.EOF {
		r.ended = true
		return n, r.alone()
	}
	return n, classify(err)
}

// find goes to the disk.
func (r *Reader) find() error {
	h, err := r.next()
	switch {
	case err == io.EOF: //nolint:errorlint // next's own.
		return refuse("%w: it has no file in %s", ErrNone, r.folder)
	case err != nil:
		return err
	}
	r.name, r.size = h.Name, h.Size
	return nil
}

// alone returns io.EOF when no other disk follows.
func (r *Reader) alone() error {
	h, err := r.next()
	if err != nil {
		return err
	}
	return refuse("the archive holds more than one file in %s, %.100q and %.100q: leave one of them", r.folder, r.name, h.Name)
}

// next returns the header of the next file in the folder; io.EOF where there is
// none.
func (r *Reader) next() (*tar.Header, error) {
	for {
		h, err := r.tar.Next()
		if err != nil {
			return nil, classify(err)
		}
		name := path.Clean("/" + h.Name)
		mark := strings.HasPrefix(path.Base(name), ".wh.") // that a layer below had a file
		if path.Dir(name) != r.folder || mark {
			if r.other += h.Size; r.other > maxOther || h.Size < 0 {
				return nil, refuse("the archive holds more than %d GiB beside the disk", int64(maxOther>>30))
			}
			continue
		}
		switch h.Typeflag {
		case tar.TypeReg, tar.TypeGNUSparse:
			return h, nil
		case tar.TypeLink, tar.TypeSymlink:
			return nil, refuse("the file %.100q in the archive is a link; put the disk itself there", h.Name)
		}
	}
}

func refuse(format string, args ...any) error {
	return transfer.Terminal(transfer.ReasonFormatRefused, fmt.Errorf("cannot read the disk: "+format, args...))
}

// classify gives an error of the archive its reason. Those of the source have
// one, but for a context's.
func classify(err error) error {
	var known *transfer.Error
	switch {
	case err == nil, err == io.EOF, errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded): //nolint:errorlint // Readers return io.EOF itself.
		return err
	case errors.Is(err, io.ErrUnexpectedEOF):
		return transfer.Terminal(transfer.ReasonSourceTruncated, fmt.Errorf("the archive ends before its files do: %w", err))
	case errors.Is(err, tar.ErrHeader), errors.Is(err, tar.ErrFieldTooLong), errors.Is(err, tar.ErrWriteTooLong):
		return transfer.Terminal(transfer.ReasonImageCorrupt, fmt.Errorf("cannot read the tar archive: %w", err))
	}
	return err
}
