// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"context"
	"encoding/binary"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/pack/allocation"
)

// Plain is a disk as a qcow2 image without compression, whose tables stand
// before the data. It is a disk.Image.
type Plain struct {
	disk disk.Reader
	has  *allocation.Map

	filled []int64 // the L1 entries that have a table

	// Offsets of the parts, which follow each other in this order.
	refTable, refBlocks, l1, l2, data int64
}

// NewPlain returns the image of a disk of which the clusters in has are stored.
func NewPlain(d disk.Reader, has *allocation.Map) *Plain {
	p := &Plain{disk: d, has: has}
	for i := range l1Entries(d.Size()) {
		if has.Rank((i+1)*tableEntries) > has.Rank(i*tableEntries) {
			p.filled = append(p.filled, i)
		}
	}
	l1 := ceil(l1Entries(d.Size())*8, clusterSize)
	blocks, tables := refcounts(1+l1+int64(len(p.filled))+has.Count(), 0)
	p.refTable = clusterSize
	p.refBlocks = p.refTable + tables*clusterSize
	p.l1 = p.refBlocks + blocks*clusterSize
	p.l2 = p.l1 + l1*clusterSize
	p.data = p.l2 + int64(len(p.filled))*clusterSize
	return p
}

// Size implements disk.Image.
func (p *Plain) Size() int64 { return p.data + p.has.Count()*clusterSize }

// ReadAt implements disk.Image.
func (p *Plain) ReadAt(ctx context.Context, b []byte, off int64) (bool, error) {
	for len(b) > 0 {
		if off < p.data {
			n := p.readTables(b, off)
			b, off = b[n:], off+int64(n)
			continue
		}
		at, n := p.place(off, int64(len(b)))
		if err := p.readDisk(ctx, b[:n], at); err != nil {
			return false, err
		}
		b, off = b[n:], off+n
	}
	return false, nil
}

// place is where on the disk the image's data at off belong, and how many of n
// bytes follow it there.
func (p *Plain) place(off, n int64) (at, length int64) {
	within := (off - p.data) % clusterSize
	c := p.has.Select((off - p.data) / clusterSize)
	run := p.has.Run(c, ceil(within+n, clusterSize))
	return c*clusterSize + within, min(n, run*clusterSize-within)
}

// readDisk reads the disk, behind whose end are zeros.
func (p *Plain) readDisk(ctx context.Context, b []byte, at int64) error {
	n := min(int64(len(b)), max(0, p.disk.Size()-at))
	clear(b[n:])
	return p.disk.ReadAt(ctx, b[:n], at)
}

// readTables copies from the cluster of tables in which off lies.
func (p *Plain) readTables(b []byte, off int64) int {
	start := off / clusterSize * clusterSize
	return copy(b, p.table(start)[off-start:])
}

// table returns the cluster of tables that stands at off.
func (p *Plain) table(off int64) []byte {
	b := make([]byte, clusterSize)
	put := func(i int64, v int64, flags uint64) {
		if i >= 0 && i < tableEntries {
			binary.BigEndian.PutUint64(b[i*8:], uint64(v)|flags)
		}
	}
	switch {
	case off == 0:
		return header{
			size: p.disk.Size(), l1Offset: p.l1, refTableOffset: p.refTable, refTables: (p.refBlocks - p.refTable) / clusterSize,
		}.encode()
	case off < p.refBlocks:
		first := (off - p.refTable) / 8
		for i := range (p.l1 - p.refBlocks) / clusterSize {
			put(i-first, p.refBlocks+i*clusterSize, 0)
		}
	case off < p.l1:
		first := (off - p.refBlocks) / clusterSize * blockEntries
		for i := range min(blockEntries, p.Size()/clusterSize-first) {
			binary.BigEndian.PutUint16(b[2*i:], 1)
		}
	case off < p.l2:
		first := (off - p.l1) / 8
		for i, entry := range p.filled {
			put(entry-first, p.l2+int64(i)*clusterSize, copied)
		}
	default:
		first := p.filled[(off-p.l2)/clusterSize] * tableEntries
		at := p.data + p.has.Rank(first)*clusterSize
		for i := range int64(tableEntries) {
			if p.has.Has(first + i) {
				put(i, at, copied)
				at += clusterSize
			}
		}
	}
	return b
}

// Content returns a writer that is given the image, in order, and writes to w
// what a guest sees: the disk, zeros included.
func (p *Plain) Content(w disk.ZeroWriter) io.Writer { return &content{image: p, w: w} }

type content struct {
	image *Plain
	w     disk.ZeroWriter
	off   int64 // in the image
	disk  int64 // bytes of the disk that were written
}

// Write implements io.Writer.
func (c *content) Write(b []byte) (int, error) {
	n := len(b)
	over := min(int64(n), max(0, c.image.data-c.off))
	c.off += over
	for b = b[over:]; len(b) > 0; {
		at, length := c.image.place(c.off, int64(len(b)))
		if err := c.zeros(at); err != nil {
			return 0, err
		}
		if err := c.write(b[:length]); err != nil {
			return 0, err
		}
		b, c.off = b[length:], c.off+length
	}
	if c.off == c.image.Size() {
		return n, c.zeros(c.image.disk.Size())
	}
	return n, nil
}

// write writes what is the disk's next, less what lies behind its end.
func (c *content) write(b []byte) error {
	b = b[:min(int64(len(b)), c.image.disk.Size()-c.disk)]
	c.disk += int64(len(b))
	_, err := c.w.Write(b)
	return err
}

// zeros writes zeros up to the disk's offset.
func (c *content) zeros(to int64) error {
	n := max(0, to-c.disk)
	c.disk += n
	return c.w.WriteZeros(n)
}
