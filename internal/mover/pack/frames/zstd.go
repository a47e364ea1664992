// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// The seek table (zstd_seekable_compression_format.md, "Seek Table Format").
const (
	skippableMagic = 0x184D2A5E
	seekableMagic  = 0x8F92EAB1
	entryBytes     = 8
	footerBytes    = 9
)

// Zstd makes one frame of each unit, and perhaps two of the first. It is a
// disk.Packer.
type Zstd struct {
	level zstd.EncoderLevel
	seek  bool
	begun bool
	table []byte
}

// NewZstd returns a packer with one of zstd's levels, 1 to 19, or 0 for the
// default. With seekTable, the frames are followed by their seek table.
func NewZstd(level int, seekTable bool) *Zstd {
	z := &Zstd{level: zstd.SpeedFastest, seek: seekTable}
	if level > 0 {
		z.level = zstd.EncoderLevelFromZstd(level)
	}
	return z
}

// NewEncoder implements disk.Packer.
func (z *Zstd) NewEncoder() (disk.Encoder, error) {
	e, err := zstd.NewWriter(nil, zstd.WithEncoderLevel(z.level), zstd.WithEncoderConcurrency(1), zstd.WithEncoderCRC(true))
	if err != nil {
		return nil, fmt.Errorf("cannot make a zstd encoder: %w", err)
	}
	return zstdEncoder{e}, nil
}

type zstdEncoder struct{ *zstd.Encoder }

// Encode implements disk.Encoder.
func (e zstdEncoder) Encode(dst, p []byte) (disk.Packed, error) {
	return disk.Packed{Data: e.EncodeAll(p, dst), Source: len(p)}, nil
}

// Head implements disk.Packer.
func (z *Zstd) Head() int { return 0 }

// Place implements disk.Packer.
func (z *Zstd) Place(w io.Writer, p disk.Packed) error {
	if z.begun {
		return z.place(w, p)
	}
	z.begun = true
	first, rest, err := z.lead(p)
	if err == nil && len(first.Data) > 0 {
		err = z.place(w, first)
	}
	if err != nil {
		return err
	}
	return z.place(w, rest)
}

// place writes a frame.
func (z *Zstd) place(w io.Writer, p disk.Packed) error {
	if z.seek {
		z.table = binary.LittleEndian.AppendUint32(z.table, uint32(len(p.Data)))
		z.table = binary.LittleEndian.AppendUint32(z.table, uint32(p.Source))
	}
	_, err := w.Write(p.Data)
	return err
}

// Finish implements disk.Packer.
func (z *Zstd) Finish(w io.Writer) ([]byte, error) {
	if !z.seek {
		return nil, nil
	}
	var head [8]byte
	binary.LittleEndian.PutUint32(head[0:], skippableMagic)
	binary.LittleEndian.PutUint32(head[4:], uint32(len(z.table)+footerBytes))
	foot := binary.LittleEndian.AppendUint32(nil, uint32(len(z.table)/entryBytes))
	foot = append(foot, 0) // No checksums here: the frames have them.
	foot = binary.LittleEndian.AppendUint32(foot, seekableMagic)
	for _, p := range [][]byte{head[:], z.table, foot} {
		if _, err := w.Write(p); err != nil {
			return nil, err
		}
	}
	return nil, nil
}
