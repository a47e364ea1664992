// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"

	"github.com/klauspost/compress/gzip"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/pack/deflate"
)

// gzipWindow is that of every reader of gzip (RFC 1952 section 2.3.1).
const gzipWindow = 32 << 10

// Gzip makes one member of each unit. It is a disk.Packer.
type Gzip struct{ level int }

// NewGzip returns a packer of a level from 1 to 9, or 0 for the fastest.
func NewGzip(level int) Gzip { return Gzip{level} }

// NewEncoder implements disk.Packer.
func (g Gzip) NewEncoder() (disk.Encoder, error) {
	if g.level <= 1 {
		return fastGzip{deflate.NewEncoder(gzipWindow)}, nil
	}
	w, err := gzip.NewWriterLevel(io.Discard, g.level)
	if err != nil {
		return nil, fmt.Errorf("cannot make a gzip encoder: %w", err)
	}
	return smallGzip{w}, nil
}

type fastGzip struct{ *deflate.Encoder }

// Encode implements disk.Encoder.
func (e fastGzip) Encode(dst, p []byte) (disk.Packed, error) {
	// Deflate, no flags, no time, the fastest way, and no system's (RFC 1952
	// section 2.3).
	dst = append(dst, 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255)
	dst = e.Append(dst, p)
	dst = binary.LittleEndian.AppendUint32(dst, crc32.ChecksumIEEE(p))
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(p)))
	return disk.Packed{Data: dst, Source: len(p)}, nil
}

type smallGzip struct{ w *gzip.Writer }

// Encode implements disk.Encoder.
func (e smallGzip) Encode(dst, p []byte) (disk.Packed, error) {
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
