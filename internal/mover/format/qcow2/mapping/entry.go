// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/header"
)

// An Entry of the inverted map in 16 bytes: either a run of plain units that
// stand next to each other in the file and on the disk, or one compressed
// cluster. A unit is a cluster, or a sub-cluster where the image has them.
type Entry struct {
	// Host is the offset in the file, in bytes.
	Host uint64

	// guest is, from the highest bit: whether the entry is compressed; its
	// length, in units of the disk or, compressed, in sectors of the file;
	// and the number of its first unit on the disk.
	guest uint64
}

const (
	// EntryBytes is the size of an Entry.
	EntryBytes = 16

	indexBits  = 38 // maxVirtualSize in the smallest units, 512 bytes
	lengthBits = 25 // the units of the greatest L2 table are 2^22

	sector = 512
)

func plainEntry(host, unit, length int64) Entry {
	return Entry{uint64(host), uint64(length)<<indexBits | uint64(unit)}
}

func compressedEntry(host, unit, sectors int64) Entry {
	e := plainEntry(host, unit, sectors)
	e.guest |= 1 << (indexBits + lengthBits)
	return e
}

func (e Entry) compressed() bool { return e.guest>>(indexBits+lengthBits) != 0 }
func (e Entry) length() int64    { return int64(e.guest >> indexBits & (1<<lengthBits - 1)) }
func (e Entry) index() int64     { return int64(e.guest & (1<<indexBits - 1)) }

// ByHost compares entries by their host offset.
func ByHost(a, b Entry) int {
	if a.Host != b.Host {
		return cmp.Compare(a.Host, b.Host)
	}
	return cmp.Compare(a.guest, b.guest)
}

// Piece is the Entry in the vocabulary of the engine.
func (e Entry) Piece(h *header.Header) disk.Piece {
	p := disk.Piece{
		FileOffset: int64(e.Host),
		DiskOffset: e.index() * h.Unit(),
		Compressed: e.compressed(),
	}
	if p.Compressed {
		p.FileLength = e.length()*sector - p.FileOffset%sector
		p.DiskLength = h.ClusterSize
		return p
	}
	p.FileLength = e.length() * h.Unit()
	p.DiskLength = p.FileLength
	return p
}
