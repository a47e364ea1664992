// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// An entry of the inverted map in 16 bytes: either a run of plain units that
// stand next to each other in the file and on the disk, or one compressed
// cluster. A unit is a cluster, or a sub-cluster where the image has them.
type entry struct {
	// host is the offset in the file, in bytes.
	host uint64

	// guest is, from the highest bit: whether the entry is compressed; its
	// length, in units of the disk or, compressed, in sectors of the file;
	// and the number of its first unit on the disk.
	guest uint64
}

const (
	entryBytes = 16

	indexBits  = 38 // maxVirtualSize in the smallest units, 512 bytes
	lengthBits = 25 // the units of the greatest L2 table are 2^22

	sectorBits = 9
)

func plainEntry(host, unit, length int64) entry {
	return entry{uint64(host), uint64(length)<<indexBits | uint64(unit)}
}

func compressedEntry(host, unit, sectors int64) entry {
	e := plainEntry(host, unit, sectors)
	e.guest |= 1 << (indexBits + lengthBits)
	return e
}

func (e entry) compressed() bool { return e.guest>>(indexBits+lengthBits) != 0 }
func (e entry) length() int64    { return int64(e.guest >> indexBits & (1<<lengthBits - 1)) }
func (e entry) index() int64     { return int64(e.guest & (1<<indexBits - 1)) }

func byHost(a, b entry) int {
	if a.host != b.host {
		return cmp.Compare(a.host, b.host)
	}
	return cmp.Compare(a.guest, b.guest)
}

// piece is the entry in the vocabulary of the engine.
func (h *Header) piece(e entry) disk.Piece {
	p := disk.Piece{
		FileOffset: int64(e.host),
		DiskOffset: e.index() * h.unit(),
		Compressed: e.compressed(),
	}
	if p.Compressed {
		p.FileLength = e.length()<<sectorBits - p.FileOffset&(1<<sectorBits-1)
		p.DiskLength = h.ClusterSize
		return p
	}
	p.FileLength = e.length() * h.unit()
	p.DiskLength = p.FileLength
	return p
}
