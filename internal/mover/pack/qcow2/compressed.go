// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"encoding/binary"
	"fmt"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// plainMark is the mark of a cluster that is stored as it is. The other marks
// are the lengths of compressed clusters; zero: it is not stored.
const plainMark = -1

// Compressed makes a qcow2 image with compressed clusters. It is a
// disk.Packer; units are multiples of a cluster and divide 512 MiB.
type Compressed struct {
	size  int64
	zstd  bool
	level int

	at      int64 // where the next byte of the image goes
	cluster int64 // of the disk, which comes next
	l1      []byte
	l2      []byte // of the tableSpan that is being written
	used    bool   // l2 has an entry
	counts  counts
}

// NewCompressed returns a packer of a disk of size bytes. The algorithm is
// transfer.CompressionZstd or transfer.CompressionZlib, of one of its levels
// or, with 0, the default one.
func NewCompressed(size int64, a transfer.Algorithm, level int) *Compressed {
	c := &Compressed{
		size:  size,
		zstd:  a == transfer.CompressionZstd,
		level: level,
		at:    clusterSize,
		l1:    make([]byte, l1Entries(size)*8),
		l2:    make([]byte, clusterSize),
	}
	c.counts.add(0, clusterSize) // The header's.
	return c
}

// Head implements disk.Packer.
func (c *Compressed) Head() int { return clusterSize }

// Place implements disk.Packer.
func (c *Compressed) Place(w io.Writer, p disk.Packed) error {
	if c.cluster > 0 && c.cluster%tableEntries == 0 {
		if err := c.flushTable(w); err != nil {
			return err
		}
	}
	packed := 0
	for i, mark := range p.Marks {
		if mark <= 0 {
			continue
		}
		at := c.at + int64(packed)
		beyond := (at%sector + int64(mark) - 1) / sector // Sectors behind the first.
		c.enter(int64(i), compressed|uint64(beyond)<<sectorShift|uint64(at))
		c.counts.add(at, int64(mark))
		packed += int(mark)
	}
	if err := c.write(w, p.Data[:packed]); err != nil {
		return err
	}
	if packed < len(p.Data) {
		if err := c.placePlain(w, p, packed); err != nil {
			return err
		}
	}
	c.cluster += int64(len(p.Marks))
	return c.flushCounts(w)
}

// placePlain writes the clusters that are stored as they are, which stand
// behind the others.
func (c *Compressed) placePlain(w io.Writer, p disk.Packed, packed int) error {
	if err := c.align(w); err != nil {
		return err
	}
	at := c.at
	for i, mark := range p.Marks {
		if mark == plainMark {
			c.enter(int64(i), copied|uint64(at))
			at += clusterSize
		}
	}
	c.counts.add(c.at, at-c.at)
	return c.write(w, p.Data[packed:])
}

// enter sets the L2 entry of cluster i of the unit.
func (c *Compressed) enter(i int64, entry uint64) {
	binary.BigEndian.PutUint64(c.l2[(c.cluster+i)%tableEntries*8:], entry)
	c.used = true
}

// flushTable writes the L2 table of the clusters before the next one.
func (c *Compressed) flushTable(w io.Writer) error {
	if !c.used {
		return nil
	}
	if err := c.align(w); err != nil {
		return err
	}
	binary.BigEndian.PutUint64(c.l1[(c.cluster-1)/tableEntries*8:], copied|uint64(c.at))
	c.counts.add(c.at, clusterSize)
	err := c.write(w, c.l2)
	clear(c.l2)
	c.used = false
	return err
}

// flushCounts writes the refcount blocks to which nothing can be added.
func (c *Compressed) flushCounts(w io.Writer) error {
	for c.at/clusterSize >= c.counts.end() {
		if err := c.align(w); err != nil {
			return err
		}
		at := c.at
		c.counts.add(at, clusterSize)
		if err := c.write(w, c.counts.take(at)); err != nil {
			return err
		}
	}
	return nil
}

// Finish implements disk.Packer.
func (c *Compressed) Finish(w io.Writer) ([]byte, error) {
	if err := c.flushTable(w); err != nil {
		return nil, err
	}
	if err := c.align(w); err != nil {
		return nil, err
	}
	h := header{size: c.size, zstd: c.zstd, l1Offset: c.at}
	c.counts.add(c.at, ceil(int64(len(c.l1)), clusterSize)*clusterSize)
	if err := c.write(w, c.l1); err != nil {
		return nil, err
	}
	if err := c.align(w); err != nil {
		return nil, err
	}
	if err := c.flushCounts(w); err != nil {
		return nil, err
	}
	// The last blocks stand behind all others, and the table behind them.
	blocks, tables := refcounts(c.at/clusterSize, c.counts.first)
	c.counts.add(c.at, (blocks+tables)*clusterSize)
	for range blocks {
		if err := c.write(w, c.counts.take(c.at)); err != nil {
			return nil, err
		}
	}
	h.refTableOffset, h.refTables = c.at, tables
	if err := c.write(w, c.counts.table); err != nil {
		return nil, err
	}
	return h.encode(), c.align(w)
}

// align fills up to the next host cluster.
func (c *Compressed) align(w io.Writer) error {
	var empty [clusterSize]byte
	return c.write(w, empty[:ceil(c.at, clusterSize)*clusterSize-c.at])
}

func (c *Compressed) write(w io.Writer, p []byte) error {
	n, err := w.Write(p)
	c.at += int64(n)
	if err != nil {
		return fmt.Errorf("cannot write qcow2 image: %w", err)
	}
	return nil
}

// counts are the users of each host cluster. Those of the blocks that were
// written are forgotten.
type counts struct {
	users []uint16
	first int64  // the block to which users[0] belongs
	table []byte // the refcount table: where the blocks before it stand
}

// end is the first cluster behind the block that comes next.
func (c *counts) end() int64 { return (c.first + 1) * blockEntries }

// add counts one more user of each cluster in [off, off+n).
func (c *counts) add(off, n int64) {
	for i := off / clusterSize; i < ceil(off+n, clusterSize); i++ {
		at := i - c.first*blockEntries
		for int64(len(c.users)) <= at {
			c.users = append(c.users, make([]uint16, blockEntries)...)
		}
		c.users[at]++
	}
}

// take returns the next block, which stands at off.
func (c *counts) take(off int64) []byte {
	b := make([]byte, clusterSize)
	for i, n := range c.users[:min(blockEntries, len(c.users))] {
		binary.BigEndian.PutUint16(b[2*i:], n)
	}
	c.users = c.users[min(blockEntries, len(c.users)):]
	c.first++
	c.table = binary.BigEndian.AppendUint64(c.table, uint64(off))
	return b
}
