// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"math/bits"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// Parts of L1 and L2 entries (qcow2.txt, "Cluster mapping").
const (
	offsetMask      = 1<<56 - 1<<9
	compressedFlag  = 1 << 62
	zeroFlag        = 1 << 0
	l1ReservedMask  = 1<<9 - 1 | 0x7f<<56
	stdReservedMask = 1<<9 - 1 - zeroFlag | 0x3f<<56
)

// A tableReader turns L2 tables into entries of the inverted map.
type tableReader struct {
	*Header
	fileSize int64 // or disk.Unknown
	emit     func(entry) error

	// run is the entry that the next unit may continue.
	run entry
}

// l2Offset validates an entry of the L1 table and returns where its L2 table
// is; 0 when it has none.
func (h *Header) l2Offset(l1 uint64, index, fileSize int64) (int64, error) {
	off := int64(l1 & offsetMask)
	switch {
	case l1&l1ReservedMask != 0:
		return 0, corrupt("entry %d of the L1 table is %#x, which sets reserved bits", index, l1)
	case off%h.ClusterSize != 0:
		return 0, corrupt("the L2 table %d stands at offset %d, which is not a multiple of the cluster size", index, off)
	case off != 0 && fileSize != disk.Unknown && off+h.ClusterSize > fileSize:
		return 0, h.outside("an L2 table", off, fileSize)
	}
	return off, nil
}

// read emits what the L2 table with the given index in the L1 table maps.
func (t *tableReader) read(table []byte, l1Index int64) error {
	first := l1Index * t.tableEntries()
	return t.readEntries(table, first, min(t.tableEntries(), t.clusters()-first))
}

// readEntries emits what the first n entries of a table map, to the clusters
// of the disk from first on.
func (t *tableReader) readEntries(table []byte, first, n int64) error {
	for i := range n {
		f := fields(table[i*t.entrySize():])
		e := f.u64(0)
		var bitmap uint64
		if t.ExtendedL2 {
			bitmap = f.u64(8)
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
func (t *tableReader) cluster(guest int64, e, bitmap uint64) error {
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
func (t *tableReader) subclusters(guest, off int64, bitmap uint64) error {
	alloc, zero := uint32(bitmap), uint32(bitmap>>subclusters)
	switch {
	case alloc&zero != 0:
		return t.bad(guest, "has sub-clusters that are both allocated and zero: %#x", bitmap)
	case alloc != 0 && off == 0:
		return t.bad(guest, "has allocated sub-clusters, but no offset: %#x", bitmap)
	}
	for alloc != 0 {
		i := bits.TrailingZeros32(alloc)
		n := bits.TrailingZeros32(^(alloc >> i))
		if err := t.plain(guest*subclusters+int64(i), off+int64(i)*t.unit(), int64(n)); err != nil {
			return err
		}
		alloc &^= uint32(1<<n-1) << i
	}
	return nil
}

// plain emits n units, joined to those before where they touch.
func (t *tableReader) plain(index, host, n int64) error {
	n = min(n, t.units()-index)
	if n <= 0 {
		return nil // Sub-clusters beyond the virtual size.
	}
	if t.fileSize != disk.Unknown && t.mustReach(t.piece(plainEntry(host, index, n))) > t.fileSize {
		return t.outside("a cluster", host, t.fileSize)
	}
	r := t.run
	if l := r.length(); l != 0 && r.index()+l == index && int64(r.host)+l*t.unit() == host {
		t.run = plainEntry(int64(r.host), r.index(), l+n)
		return nil
	}
	if err := t.flush(); err != nil {
		return err
	}
	t.run = plainEntry(host, index, n)
	return nil
}

func (t *tableReader) flush() error {
	r := t.run
	t.run = entry{}
	if r.length() == 0 {
		return nil
	}
	return t.emit(r)
}

// compressedCluster emits one compressed cluster (qcow2.txt, "Compressed
// Clusters Descriptor").
func (t *tableReader) compressedCluster(guest int64, e, bitmap uint64) error {
	x := 62 - (t.clusterBits - 8)
	host := int64(e & (1<<x - 1))
	sectors := int64(e&(compressedFlag-1)>>x) + 1
	c := compressedEntry(host, guest*(t.ClusterSize/t.unit()), sectors)
	switch {
	case bitmap != 0 || host >= 1<<56:
		return t.bad(guest, "is %#x and sets reserved bits", e)
	case host < t.ClusterSize:
		return t.bad(guest, "is %#x: its data overlaps the header", e)
	case t.fileSize != disk.Unknown && t.mustReach(t.piece(c)) > t.fileSize:
		return t.outside("a compressed cluster", host, t.fileSize)
	}
	return t.emit(c)
}

func (t *tableReader) bad(guest int64, format string, args ...any) error {
	return corrupt("the L2 entry of disk offset %d "+format, append([]any{guest << t.clusterBits}, args...)...)
}
