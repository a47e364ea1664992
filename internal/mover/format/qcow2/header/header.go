// SPDX-License-Identifier: Apache-2.0

package header

import (
	"encoding/binary"
	"math/bits"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// Compression is how an image's compressed clusters are encoded.
type Compression uint8

// The compression types of qcow2.txt, "Additional fields".
const (
	Deflate Compression = iota // raw DEFLATE; the specification calls it zlib
	Zstd
)

// String implements fmt.Stringer with the names that qemu-img uses.
func (c Compression) String() string {
	if c == Zstd {
		return "zstd"
	}
	return "zlib"
}

const (
	magic = "QFI\xfb"

	headerV2 = 72
	headerV3 = 104

	// Length is how much of a file Parse looks at: the fields we know. Names
	// of other files stand behind them, within the first cluster.
	Length = 112

	minClusterBits = 9  // qcow2.txt, "Header"
	maxClusterBits = 21 // QEMU's limit

	// maxL1Bytes is QEMU's limit on the L1 table (QCOW_MAX_L1_SIZE).
	maxL1Bytes = 32 << 20

	// maxVirtualSize is the largest disk whose guest clusters an entry of
	// the map can number.
	maxVirtualSize = 128 << 40

	// Subclusters in one cluster of an image with extended L2 entries.
	Subclusters = 32
)

// Bits of incompatible_features (qcow2.txt, "Header").
const (
	featureDirty       = 1 << 0
	featureCorrupt     = 1 << 1
	featureDataFile    = 1 << 2
	featureCompression = 1 << 3
	featureExtendedL2  = 1 << 4
	featuresKnown      = 1<<5 - 1
)

// A Header is what an image says of itself.
type Header struct {
	Version     int
	ClusterSize int64 // bytes

	// VirtualSize of the disk in bytes, rounded up to whole sectors.
	VirtualSize int64

	// Compression of the clusters that are compressed, if any are.
	Compression Compression

	// ExtendedL2 says that the image has sub-clusters.
	ExtendedL2 bool

	// Dirty images were not closed. Their reference counts may be wrong,
	// their data is not.
	Dirty bool

	// Snapshots is the number of internal snapshots, which are ignored.
	Snapshots int

	// ClusterBits is the logarithm of ClusterSize.
	ClusterBits uint

	// L1Offset is where the L1 table is, and L1Entries the number of its
	// entries that the virtual size needs; the table may have more.
	L1Offset, L1Entries int64

	// TablesEnd is where the last of the tables ends that the header names.
	TablesEnd int64

	features uint64
}

// Unit is the size in bytes of what one allocation status speaks of.
func (h *Header) Unit() int64 {
	if h.ExtendedL2 {
		return h.ClusterSize / Subclusters
	}
	return h.ClusterSize
}

// EntrySize is the size in bytes of an entry of an L2 table.
func (h *Header) EntrySize() int64 {
	if h.ExtendedL2 {
		return 16
	}
	return 8
}

// TableEntries is the number of entries in an L2 table, which is a cluster.
func (h *Header) TableEntries() int64 { return h.ClusterSize / h.EntrySize() }

// TableLength is how many bytes of the L2 table with the given index in the L1
// table speak of the disk: the last table may reach beyond it, which matters
// where a cluster has 2 MiB.
func (h *Header) TableLength(index int64) int64 {
	return min(h.TableEntries(), h.Clusters()-index*h.TableEntries()) * h.EntrySize()
}

// Clusters is the number of guest clusters.
func (h *Header) Clusters() int64 {
	return (h.VirtualSize + h.ClusterSize - 1) >> h.ClusterBits
}

// Units is the number of units that hold a part of the disk.
func (h *Header) Units() int64 { return (h.VirtualSize + h.Unit() - 1) / h.Unit() }

// fields reads big-endian numbers.
type fields []byte

func (f fields) u32(off int) uint32 { return binary.BigEndian.Uint32(f[off:]) }
func (f fields) u64(off int) uint64 { return binary.BigEndian.Uint64(f[off:]) }

// Parse reads and validates the header at the beginning of p, which holds
// the first Length bytes of the file at least, or all that there
// are. fileSize may be disk.Unknown.
func Parse(p []byte, fileSize int64) (*Header, error) {
	if len(p) < headerV2 {
		return nil, Truncated("the file ends within the header")
	}
	f := fields(p)
	if string(p[:4]) != magic {
		return nil, refused("the file does not begin as a qcow2 image does")
	}
	h := &Header{Version: int(f.u32(4)), Snapshots: int(f.u32(60))}
	if h.Version != 2 && h.Version != 3 {
		return nil, refused("version %d is not known (2 and 3 are)", f.u32(4))
	}
	if err := h.parseSizes(f); err != nil {
		return nil, err
	}
	if err := h.parseFeatures(f); err != nil {
		return nil, err
	}
	if err := h.refuseOthers(f); err != nil {
		return nil, err
	}
	if err := h.parseTables(f, fileSize); err != nil {
		return nil, err
	}
	return h, nil
}

// parseSizes reads the cluster size and the virtual size.
func (h *Header) parseSizes(f fields) error {
	cb, size := f.u32(20), f.u64(24)
	if cb < minClusterBits || cb > maxClusterBits {
		return Corrupt("a cluster of 2^%d bytes is not allowed (2^%d to 2^%d are)", cb, minClusterBits, maxClusterBits)
	}
	h.ClusterBits, h.ClusterSize = uint(cb), 1<<cb
	switch {
	case size == 0:
		return refused("its disk has 0 bytes")
	case size > maxVirtualSize:
		return TooComplex("its disk has %d bytes, more than the %d that we support", size, int64(maxVirtualSize))
	}
	h.VirtualSize = (int64(size) + 511) &^ 511
	return nil
}

// parseFeatures reads what version 3 added.
func (h *Header) parseFeatures(f fields) error {
	if h.Version == 2 {
		return nil
	}
	if len(f) < headerV3 {
		return Truncated("the file ends within the header")
	}
	length, order := f.u32(100), f.u32(96)
	switch {
	case length < headerV3 || length%8 != 0 || int64(length) > h.ClusterSize:
		return Corrupt("the header says that it has %d bytes", length)
	case order > 6:
		return Corrupt("reference counts of 2^%d bits are not allowed", order)
	}
	h.features = f.u64(72)
	h.Dirty = h.features&featureDirty != 0
	h.ExtendedL2 = h.features&featureExtendedL2 != 0
	if h.ExtendedL2 && h.Unit() < 1<<minClusterBits {
		return Corrupt("clusters of %d bytes are too small for extended L2 entries", h.ClusterSize)
	}
	return h.parseCompression(f, length)
}

// parseCompression reads the compression type, which a short header does not
// have (qcow2.txt, "Additional fields").
func (h *Header) parseCompression(f fields, length uint32) error {
	var kind byte
	if length > 104 {
		if len(f) < Length {
			return Truncated("the file ends within the header")
		}
		kind = f[104]
	}
	announced := h.features&featureCompression != 0
	switch {
	case kind > byte(Zstd):
		return refused("compression type %d is not known (zlib and zstd are)", kind)
	case announced != (kind != byte(Deflate)):
		return Corrupt("compression type %d contradicts the feature bits %#x", kind, h.features)
	}
	h.Compression = Compression(kind)
	return nil
}

// refuseOthers refuses images that are no disk on their own.
func (h *Header) refuseOthers(f fields) error {
	backing, length, crypt := f.u64(8), f.u32(16), f.u32(32)
	switch {
	case backing != 0 && length != 0:
		return refused("it has a backing file%s: merge them with `qemu-img convert` first", backingName(f, backing, length))
	case h.features&featureDataFile != 0:
		return refused("its data is in an external data file%s: merge them with `qemu-img convert` first", dataFileName(f))
	case crypt == 1:
		return refused("it is encrypted (AES): decrypt it with `qemu-img convert` first")
	case crypt == 2:
		return refused("it is encrypted (LUKS): decrypt it with `qemu-img convert` first")
	case crypt != 0:
		return refused("it is encrypted by method %d", crypt)
	case h.features&^featuresKnown != 0:
		return refused("it needs features that we do not know: %#x", h.features&^featuresKnown)
	case h.features&featureCorrupt != 0:
		return Corrupt("QEMU has marked it as corrupt: repair it with `qemu-img check -r all` first")
	}
	return nil
}

// parseTables validates where the header says that tables are.
func (h *Header) parseTables(f fields, fileSize int64) error {
	entries, refcounts, snapshots := uint64(f.u32(36)), uint64(f.u32(56)), f.u32(60)
	// Neither table is used, but a header that misplaces them is a bad one.
	if refcounts != 0 {
		if err := h.place("the refcount table", f.u64(48), 1, fileSize); err != nil {
			return err
		}
	}
	if snapshots != 0 {
		if err := h.place("the snapshot table", f.u64(64), 1, fileSize); err != nil {
			return err
		}
	}
	perTable := uint64(h.ClusterSize) * uint64(h.TableEntries())
	need := (uint64(h.VirtualSize) + perTable - 1) / perTable
	switch {
	case entries*8 > maxL1Bytes:
		return TooComplex("an L1 table of %d entries is more than the %d that we support", entries, maxL1Bytes/8)
	case entries < need:
		return Corrupt("an L1 table of %d entries is too small for a disk of %d bytes, which needs %d", entries, h.VirtualSize, need)
	}
	h.L1Offset, h.L1Entries = int64(f.u64(40)), int64(need)
	return h.place("the L1 table", f.u64(40), entries*8, fileSize)
}

// place validates that a structure of n bytes at off is aligned, does not
// overlap the header, and lies in the file.
func (h *Header) place(what string, off, n uint64, fileSize int64) error {
	end, carry := bits.Add64(off, n, 0)
	switch {
	case carry != 0 || end > 1<<62:
		return Corrupt("%s stands at the impossible offset %#x", what, off)
	case off%uint64(h.ClusterSize) != 0:
		return Corrupt("%s stands at offset %d, which is not a multiple of the cluster size %d", what, off, h.ClusterSize)
	case off == 0:
		return Corrupt("%s overlaps the header", what)
	case fileSize != disk.Unknown && int64(end) > fileSize:
		return h.Outside(what, int64(off), fileSize)
	}
	h.TablesEnd = max(h.TablesEnd, int64(end))
	return nil
}
