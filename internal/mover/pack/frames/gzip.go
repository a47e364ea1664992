// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// defaultGzip is the level without another wish.
const defaultGzip = 5

// Gzip makes one member of each unit. It is a disk.Packer.
type Gzip struct{ level int }

// NewGzip returns a packer of a level from 1 to 9, or 0 for the default.
func NewGzip(level int) Gzip {
	if level <= 0 {
		level = defaultGzip
	}
	return Gzip{level}
}

// NewEncoder implements disk.Packer.
func (g Gzip) NewEncoder() (disk.Encoder, error) {
	w, err := gzip.NewWriterLevel(io.Discard, g.level)
	if err != nil {
		return nil, fmt.Errorf("cannot make a gzip encoder: %w", err)
	}
	return gzipEncoder{w}, nil
}

type gzipEncoder struct{ w *gzip.Writer }

// Encode implements disk.Encoder.
func (e gzipEncoder) Encode(dst, p []byte) (disk.Packed, error) {
	out := appender{dst}
	e.w.Reset(&out)
	if _, err := e.w.Write(p); err != nil {
		return disk.Packed{}, fmt.Errorf("cannot compress: %w", err)
	}
	if err := e.w.Close(); err != nil {
		return disk.Packed{}, fmt.Errorf("cannot compress: %w", err)
	}
	return disk.Packed{Data: out.b, Source: len(p)}, nil
}

// appender is a slice that is written to.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

// Head implements disk.Packer.
func (Gzip) Head() int { return 0 }

// Place implements disk.Packer.
func (Gzip) Place(w io.Writer, p disk.Packed) error {
	_, err := w.Write(p.Data)
	return err
}

// Finish implements disk.Packer.
func (Gzip) Finish(io.Writer) ([]byte, error) { return nil, nil }
