// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"slices"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/header"
)

// Parts of L1 and L2 entries (qcow2.txt, "Cluster mapping").
const (
	offsetMask      = 1<<56 - 1<<9
	compressedFlag  = 1 << 62
	zeroFlag        = 1 << 0
	l1ReservedMask  = 1<<9 - 1 | 0x7f<<56
	stdReservedMask = 1<<9 - 1 - zeroFlag | 0x3f<<56
)

// A Reader turns L2 tables into entries of the inverted map.
type Reader struct {
	*header.Header

	// FileSize in bytes, or disk.Unknown.
	FileSize int64

	// Emit is given each entry; its error ends the reading.
	Emit func(Entry) error

	// run is the entry that the next unit may continue.
	run Entry
}

// l2Offset validates an entry of the L1 table and returns where its L2 table
// is; 0 when it has none.
func l2Offset(h *header.Header, l1 uint64, index, fileSize int64) (int64, error) {
	off := int64(l1 & offsetMask)
	switch {
	case l1&l1ReservedMask != 0:
		return 0, header.Corrupt("entry %d of the L1 table is %#x, which sets reserved bits", index, l1)
	case off%h.ClusterSize != 0:
		return 0, header.Corrupt("the L2 table %d stands at offset %d, which is not a multiple of the cluster size", index, off)
	case off != 0 && fileSize != disk.Unknown && off+h.ClusterSize > fileSize:
		return 0, h.Outside("an L2 table", off, fileSize)
	}
	return off, nil
}

// TableOrder validates the L1 table and returns the indexes of the entries
// that name an L2 table, in the order of the tables' offsets. Of each entry of l1,
// the offset is left.
func TableOrder(h *header.Header, l1 []uint64, fileSize int64) ([]uint32, error) {
	n := 0
	for i, e := range l1 {
		off, err := l2Offset(h, e, int64(i), fileSize)
		if err != nil {
			return nil, err
		}
		l1[i] = uint64(off)
		if off != 0 {
			n++
		}
	}
	order := make([]uint32, 0, n)
	for i, off := range l1 {
		if off != 0 {
			order = append(order, uint32(i))
		}
	}
	slices.SortFunc(order, func(a, b uint32) int {
		return cmp.Or(cmp.Compare(l1[a], l1[b]), cmp.Compare(a, b))
	})
	return order, nil
}

// Read emits what the L2 table with the given index in the L1 table maps. table
// has TableLength bytes at least.
func (t *Reader) Read(table []byte, l1Index int64) error {
	return t.ReadEntries(table, l1Index*t.TableEntries(), t.TableLength(l1Index)/t.EntrySize())
}

// ReadEntries emits what the first n entries of a table map, to the clusters
// of the disk from first on.
func (t *Reader) ReadEntries(table []byte, first, n int64) error {
	for i := range n {
		p := table[i*t.EntrySize():]
		e := binary.BigEndian.Uint64(p)
		var bitmap uint64
		if t.ExtendedL2 {
			bitmap = binary.BigEndian.Uint64(p[8:])
		}
		if e == 0 && bitmap == 0 {
			continue
		}
		if err := t.cluster(first+i, e, bitmap); err != nil {
			return err
		}
	}
	return t.flush()
}

// cluster emits what one entry of an L2 table maps.
func (t *Reader) cluster(guest int64, e, bitmap uint64) error {
	if e&compressedFlag != 0 {
		return t.compressedCluster(guest, e, bitmap)
	}
	off := int64(e & offsetMask)
	switch {
	case e&stdReservedMask != 0:
		return t.bad(guest, "is %#x, which sets reserved bits", e)
	case e&zeroFlag != 0 && (t.Version < 3 || t.ExtendedL2):
		return t.bad(guest, "is %#x: this kind of image has no zero flag", e)
	case off%t.ClusterSize != 0:
		return t.bad(guest, "is %#x, which is not a multiple of the cluster size", e)
	case t.ExtendedL2:
		return t.subclusters(guest, off, bitmap)
	case off == 0 || e&zeroFlag != 0:
		return nil
	}
	return t.plain(guest, off, 1)
}

// subclusters emits the allocated sub-clusters of one cluster (qcow2.txt,
// "Extended L2 Entries"). What is neither allocated nor marked as zero would
// come from the backing file; without one, it is zero too.
func (t *Reader) subclusters(guest, off int64, bitmap uint64) error {
	alloc, zero := uint32(bitmap), uint32(bitmap>>header.Subclusters)
	switch {
	case alloc&zero != 0:
		return t.bad(guest, "has sub-clusters that are both allocated and zero: %#x", bitmap)
	case alloc != 0 && off == 0:
		return t.bad(guest, "has allocated sub-clusters, but no offset: %#x", bitmap)
	}
	for alloc != 0 {
		i := bits.TrailingZeros32(alloc)
		n := bits.TrailingZeros32(^(alloc >> i))
		if err := t.plain(guest*header.Subclusters+int64(i), off+int64(i)*t.Unit(), int64(n)); err != nil {
			return err
		}
		alloc &^= uint32(1<<n-1) << i
	}
	return nil
}

// plain emits n units, joined to those before where they touch.
func (t *Reader) plain(index, host, n int64) error {
	n = min(n, t.Units()-index)
	if n <= 0 {
		return nil // Sub-clusters beyond the virtual size.
	}
	if t.FileSize != disk.Unknown && MustReach(t.Header, plainEntry(host, index, n).Piece(t.Header)) > t.FileSize {
		return t.Outside("a cluster", host, t.FileSize)
	}
	r := t.run
	if l := r.length(); l != 0 && r.index()+l == index && int64(r.Host)+l*t.Unit() == host {
		t.run = plainEntry(int64(r.Host), r.index(), l+n)
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	t.run = plainEntry(host, index, n)
	return nil
}

func (t *Reader) flush() error {
	r := t.run
	t.run = Entry{}
	if r.length() == 0 {
		return nil
	}
	return t.Emit(r)
}

// compressedCluster emits one compressed cluster (qcow2.txt, "Compressed
// Clusters Descriptor").
func (t *Reader) compressedCluster(guest int64, e, bitmap uint64) error {
	x := 62 - (t.ClusterBits - 8)
	host := int64(e & (1<<x - 1))
	sectors := int64(e&(compressedFlag-1)>>x) + 1
	c := compressedEntry(host, guest*(t.ClusterSize/t.Unit()), sectors)
	switch {
	case bitmap != 0 || host >= 1<<56:
		return t.bad(guest, "is %#x and sets reserved bits", e)
	case host < t.ClusterSize:
		return t.bad(guest, "is %#x: its data overlaps the header", e)
	case t.FileSize != disk.Unknown && MustReach(t.Header, c.Piece(t.Header)) > t.FileSize:
		return t.Outside("a compressed cluster", host, t.FileSize)
	}
	return t.Emit(c)
}

func (t *Reader) bad(guest int64, format string, args ...any) error {
	return header.Corrupt("the L2 entry of disk offset %d "+format, append([]any{guest << t.ClusterBits}, args...)...)
}
