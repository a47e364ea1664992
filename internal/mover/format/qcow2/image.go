// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/cluster"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/header"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/mapping"
)

// DefaultMemory bounds the map of an image in bytes. It holds 3 million
// entries: 192 GiB of compressed clusters, and far more of plain ones, before
// the tables have to be read again.
const DefaultMemory = 48 << 20

// Options of [Open]. The zero value is complete.
type Options struct {
	// Head is the beginning of the file, where it has been read already.
	Head []byte

	// Memory bounds the map, in bytes. Zero: DefaultMemory.
	Memory int64

	// Admit is asked with the virtual size when the header has been read
	// and before anything else is; its error ends Open.
	Admit func(virtualSize int64) error

	// Fetch reads many ranges. Nil: one after the other.
	Fetch Fetch

	// MaxRanges is how many ranges the tables may be read in before
	// ErrScattered is the better answer. Zero: any number.
	MaxRanges int
}

// ErrScattered says that the tables of an image stand in so many places that
// it is better to let the file pass by: see NewStream. So it is with very small
// clusters.
var ErrScattered = errors.New("cannot read qcow2 image: its tables stand in too many places")

// A Fetch reads ranges of a file, 8 MiB at most together, and calls take for
// each: in any order, but never twice at once. The bytes are valid until take
// returns. An error of take ends the reading and is returned.
type Fetch func(ctx context.Context, f disk.File, ranges []disk.Extent, take func(i int, p []byte) error) error

// An Image is a qcow2 image that can be read at random. It is used by one
// goroutine at a time, but for its decoders.
type Image struct {
	mapping.Plan
	file  disk.File
	fetch Fetch

	l1      []uint64
	tables  []uint32 // indexes of the L1 entries that name a table, by its offset
	segment segment

	allocated int64
}

// Open reads and validates the header and all tables of the image in f. Its
// errors have the reasons FormatRefused, ImageCorrupt, ImageTooComplex and
// SourceTruncated, or are those of f.
func Open(ctx context.Context, f disk.File, o Options) (*Image, error) {
	size := f.Stat().Size
	head := o.Head
	if len(head) < header.Length {
		head = make([]byte, headLength(size))
		if err := disk.ReadAt(ctx, f, head, 0); err != nil {
			return nil, err
		}
	}
	h, err := header.Parse(head, size)
	if err != nil {
		return nil, err
	}
	if o.Admit != nil {
		if err := o.Admit(h.VirtualSize); err != nil {
			return nil, err
		}
	}
	m := &Image{Plan: mapping.Plan{Header: h, FileSize: size}, file: f, fetch: o.Fetch}
	if m.fetch == nil {
		m.fetch = fetchInTurn
	}
	if err := m.readL1(ctx); err != nil {
		return nil, err
	}
	if o.MaxRanges > 0 && m.countRanges() > o.MaxRanges {
		return nil, ErrScattered
	}
	if err := m.readTables(ctx, o.Memory); err != nil {
		return nil, err
	}
	return m, nil
}

// usualHead is enough for the header and, in what qemu-img makes, for the names
// of other files.
const usualHead = 4 << 10

// headLength is how much Open reads first.
func headLength(fileSize int64) int64 {
	if fileSize == disk.Unknown {
		return header.Length
	}
	return min(usualHead, fileSize)
}

// VirtualSize implements disk.Layout.
func (m *Image) VirtualSize() int64 { return m.Header.VirtualSize }

// AllocatedBytes is how many bytes of the disk the image has data for.
func (m *Image) AllocatedBytes() int64 { return m.allocated }

// NewDecoder implements disk.Layout.
func (m *Image) NewDecoder() disk.Decoder { return cluster.NewDecoder(m.Compression) }

// Pieces implements disk.Layout. It may read tables again, where the map does
// not fit its bound.
func (m *Image) Pieces(ctx context.Context, off, n int64) ([]disk.Piece, error) {
	end := off + n
	m.Start(off, end)
	if err := m.Begin(off, end); err != nil {
		return nil, err
	}
	for len(m.Ahead()) == 0 && m.segment.limit < uint64(end) {
		if err := m.load(ctx, m.segment.limit); err != nil {
			return nil, err
		}
		if err := m.Begin(off, end); err != nil {
			return nil, err
		}
	}
	return m.Plan.Pieces(), nil
}

// readL1 reads the L1 table, a part at a time, and validates it.
func (m *Image) readL1(ctx context.Context) error {
	r, err := m.file.Open(ctx, m.L1Offset, m.L1Entries*8)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // Closing a reader loses nothing.
	m.l1 = make([]uint64, m.L1Entries)
	buf := make([]byte, min(64<<10, m.L1Entries*8))
	for i := 0; i < len(m.l1); {
		p := buf[:min(len(buf), (len(m.l1)-i)*8)]
		if _, err := io.ReadFull(r, p); err != nil {
			return fmt.Errorf("cannot read the L1 table: %w", err)
		}
		for ; len(p) > 0; p = p[8:] {
			m.l1[i] = binary.BigEndian.Uint64(p)
			i++
		}
	}
	m.tables, err = mapping.TableOrder(m.Header, m.l1, m.FileSize)
	return err
}

// fetchInTurn is a Fetch that reads one range after the other.
func fetchInTurn(ctx context.Context, f disk.File, ranges []disk.Extent, take func(int, []byte) error) error {
	var buf []byte
	for i, e := range ranges {
		buf = slices.Grow(buf[:0], int(e.Length))
		p := buf[:e.Length]
		if err := disk.ReadAt(ctx, f, p, e.Offset); err != nil {
			return err
		}
		if err := take(i, p); err != nil {
			return err
		}
	}
	return nil
}
