// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"encoding/binary"

	"github.com/novasphere/provider-wukong/internal/mover/pack/allocation"
)

const (
	clusterBits = 16
	clusterSize = allocation.Cluster

	sector = 512

	// tableEntries are in one L2 table, which speaks of tableSpan bytes.
	tableEntries = clusterSize / 8
	tableSpan    = tableEntries * clusterSize

	// blockEntries are the counts in one refcount block, of 16 bits each.
	blockEntries  = clusterSize / 2
	refcountOrder = 4

	// copied marks what has one user (bit 63 of an entry), compressed the
	// clusters that are (bit 62).
	copied     = 1 << 63
	compressed = 1 << 62

	// sectorShift is where, in the entry of a compressed cluster, the number
	// of its sectors behind the first one stands: 62 - (cluster_bits - 8).
	sectorShift = 62 - (clusterBits - 8)
)

const (
	version            = 3
	headerLength       = 112
	featureCompression = 1 << 3
	compressionZstd    = 1
)

// A header is what the first cluster says (qcow2, "Header").
type header struct {
	size           int64 // of the disk in bytes
	l1Offset       int64
	refTableOffset int64
	refTables      int64 // clusters of the refcount table
	zstd           bool
}

// encode returns the first cluster.
func (h header) encode() []byte {
	b := make([]byte, clusterSize)
	be := binary.BigEndian
	copy(b, "QFI\xfb")
	be.PutUint32(b[4:], version)
	be.PutUint32(b[20:], clusterBits)
	be.PutUint64(b[24:], uint64(virtualSize(h.size)))
	be.PutUint32(b[36:], uint32(l1Entries(h.size)))
	be.PutUint64(b[40:], uint64(h.l1Offset))
	be.PutUint64(b[48:], uint64(h.refTableOffset))
	be.PutUint32(b[56:], uint32(h.refTables))
	be.PutUint32(b[96:], refcountOrder)
	be.PutUint32(b[100:], headerLength)
	if h.zstd {
		be.PutUint64(b[72:], featureCompression)
		b[104] = compressionZstd
	}
	// What follows is the end of the header's extensions: zeros.
	return b
}

// virtualSize is a disk's size in whole sectors, as the format wants it.
func virtualSize(size int64) int64 { return (size + sector - 1) / sector * sector }

// l1Entries is the number of L2 tables that a disk can have. An empty disk has
// room for one.
func l1Entries(size int64) int64 { return max(1, ceil(size, tableSpan)) }

func ceil(a, b int64) int64 { return (a + b - 1) / b }

// refcounts says how many blocks and clusters of the refcount table an image
// needs that has this many clusters beside them, when some of the blocks are
// among those already.
func refcounts(clusters, written int64) (blocks, tables int64) {
	for {
		b := ceil(clusters+blocks+tables, blockEntries) - written
		t := ceil((written+b)*8, clusterSize)
		if b == blocks && t == tables {
			return blocks, tables
		}
		blocks, tables = b, t
	}
}
