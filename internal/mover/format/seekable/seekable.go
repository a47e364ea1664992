// SPDX-License-Identifier: Apache-2.0

// Package seekable is the layout of a raw image in a zstd file that ends with a
// seek table ("zstd seekable format", contrib/seekable_format of zstd): its
// frames are decoded by any number of workers at once, as the clusters of a
// qcow2 image are. It is what `mover export` writes.
//
// # The table is not trusted
//
// A file with a table that does not fit it, or is too large or its frames are, is
// left to whoever reads it as a stream: Open returns ErrNone. Each frame must
// decode to just the bytes that the table promises, or the import fails. What no
// decoder of the stream would give, none gives here.
//
// Checksums in the table are not looked at: frames have their own, which are.
//
// # Memory
//
// The table, 8 or 12 bytes a frame and at most 24 MiB, and a decoder of some
// 200 KiB for each worker.
package seekable

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// ErrNone says that a file has no seek table that can be used.
var ErrNone = errors.New("there is no seek table that can be used")

// The seek table ("Seek Table Format", all numbers little-endian): a skippable
// frame of entries, and a footer of the number of frames, a descriptor and a
// magic number.
const (
	skippableMagic = 0x184D2A5E
	seekableMagic  = 0x8F92EAB1
	skippableBytes = 8
	footerBytes    = 9
	entryBytes     = 8 // compressed size, decompressed size
	checksumBytes  = 4 // follow in each entry, if the descriptor says so

	hasChecksums = 1 << 7
	reservedBits = 0x7c // must be zero; the two lowest mean nothing
)

const (
	// maxFrame bounds what a frame decodes to, and with maxExpansion what it is
	// decoded from: it is what the engine takes at once.
	maxFrame     = 4 << 20
	maxExpansion = 64 << 10 // zstd needs 3 bytes for each 128 KiB that do not shrink

	// maxFrames bounds the table. It is enough for 8 TiB of our frames.
	maxFrames = 2 << 20

	// minFrame is how many bytes of the file a frame has at least, on
	// average: a frame of 4 MiB of zeros has more. It bounds the pieces of a
	// range.
	minFrame = 64
)

const sector = 512

// A Layout is that of one file. It is a disk.Layout.
type Layout struct {
	table []byte
	entry int // bytes of one
	size  int64

	next   int   // frame that Pieces has not returned
	file   int64 // its place in the file
	disk   int64 // its place on the disk
	pieces []disk.Piece
}

// Open reads the seek table of a zstd file that can be read at random. ErrNone
// says that there is none, or that it cannot be used. Other errors are those of
// the file.
func Open(ctx context.Context, f disk.File) (*Layout, error) {
	size := f.Stat().Size
	if size < skippableBytes+footerBytes {
		return nil, ErrNone
	}
	var foot [footerBytes]byte
	if err := disk.ReadAt(ctx, f, foot[:], size-footerBytes); err != nil {
		return nil, fmt.Errorf("cannot look for a seek table: %w", err)
	}
	frames, descriptor := int64(binary.LittleEndian.Uint32(foot[:])), foot[4]
	l := &Layout{entry: entryBytes}
	if descriptor&hasChecksums != 0 {
		l.entry += checksumBytes
	}
	bytes := skippableBytes + frames*int64(l.entry) + footerBytes
	if binary.LittleEndian.Uint32(foot[5:]) != seekableMagic || descriptor&reservedBits != 0 ||
		frames == 0 || frames > maxFrames || frames*minFrame > size || bytes > size {
		return nil, ErrNone
	}
	table := make([]byte, bytes-footerBytes)
	if err := disk.ReadAt(ctx, f, table, size-bytes); err != nil {
		return nil, fmt.Errorf("cannot read the seek table: %w", err)
	}
	if binary.LittleEndian.Uint32(table) != skippableMagic || int64(binary.LittleEndian.Uint32(table[4:])) != bytes-skippableBytes {
		return nil, ErrNone
	}
	l.table = table[skippableBytes:]
	if err := l.check(size - bytes); err != nil {
		return nil, err
	}
	return l, nil
}

// check sums the frames up, which must be all that stands before the table.
func (l *Layout) check(before int64) error {
	at := int64(0)
	for i := range len(l.table) / l.entry {
		packed, unpacked := l.frame(i)
		if packed == 0 || unpacked == 0 || unpacked > maxFrame || packed > unpacked+maxExpansion {
			return ErrNone
		}
		at += packed
		l.size += unpacked
	}
	if at != before {
		return ErrNone
	}
	return nil
}

// frame returns how many bytes a frame has, and how many it decodes to.
func (l *Layout) frame(i int) (packed, unpacked int64) {
	e := l.table[i*l.entry:]
	return int64(binary.LittleEndian.Uint32(e)), int64(binary.LittleEndian.Uint32(e[4:]))
}

// VirtualSize implements disk.Layout: what the frames decode to, rounded up to
// whole sectors.
func (l *Layout) VirtualSize() int64 { return (l.size + sector - 1) &^ (sector - 1) }

// Pieces implements disk.Layout.
func (l *Layout) Pieces(_ context.Context, off, n int64) ([]disk.Piece, error) {
	l.pieces = l.pieces[:0]
	for ; l.next < len(l.table)/l.entry && l.file < off+n; l.next++ {
		packed, unpacked := l.frame(l.next)
		l.pieces = append(l.pieces, disk.Piece{
			FileOffset: l.file, FileLength: packed, DiskOffset: l.disk, DiskLength: unpacked, Compressed: true,
		})
		l.file += packed
		l.disk += unpacked
	}
	return l.pieces, nil
}

// NewDecoder implements disk.Layout.
func (l *Layout) NewDecoder() disk.Decoder {
	// One at a time, so that no goroutine and no further state is made, and
	// never beyond the buffer that it is given. A frame is its own window.
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxWindow(1<<31), zstd.WithDecoderLowmem(true))
	return &decoder{r: r, err: err}
}

// A decoder decodes one frame, or several that the table takes for one.
type decoder struct {
	r   *zstd.Decoder
	err error
}

// Decode implements disk.Decoder.
func (d *decoder) Decode(dst, src []byte) error {
	if d.err != nil {
		return d.err
	}
	out, err := d.r.DecodeAll(src, dst[:0:len(dst)])
	if err == nil && len(out) != len(dst) {
		err = fmt.Errorf("it has %d bytes, and the seek table says %d", len(out), len(dst))
	}
	if err != nil {
		return transfer.Terminal(transfer.ReasonImageCorrupt, fmt.Errorf("cannot decode zstd frame: %w", err))
	}
	return nil
}
