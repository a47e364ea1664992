// SPDX-License-Identifier: Apache-2.0

// Package coverage remembers which bytes of a disk were written, so that all
// others can be zeroed.
//
// It is exact to a sector. One bit stands for 4 KiB, in chunks of 128 MiB that
// are made when first touched and dropped when full; a block that is written
// in parts has its sectors in a map until it is whole. Memory is 4 KiB for each
// chunk that is partly written, bounded by [MaxBytes] altogether: over the
// bound Mark fails rather than forget.
package coverage

import (
	"errors"
	"iter"
	"math/bits"
	"sync"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// Sector is the unit of what can be marked.
	Sector = 512

	block           = 8 * Sector
	blocksPerChunk  = 1 << 15
	chunk           = blocksPerChunk * block
	wordsPerChunk   = blocksPerChunk / 64
	bytesPerPartial = 32 // of one entry in the map, about

	// MaxBytes of memory. Images that qemu-img writes need a few chunks at a
	// time; a disk of 1 TiB of which each chunk is partly written needs
	// 32 MiB.
	MaxBytes = 64 << 20
)

// errTooScattered is the error of a disk whose coverage exceeds MaxBytes.
var errTooScattered = errors.New("cannot remember what was written: it is scattered over too many places of the disk")

type bitmap struct {
	words [wordsPerChunk]uint64
	set   int
}

// A Map is the coverage of one disk. Its methods may be called by many
// goroutines at once.
type Map struct {
	mu      sync.Mutex
	size    int64
	full    []uint64 // one bit a chunk: every block of it is written
	chunks  map[int64]*bitmap
	partial map[int64]uint8 // sectors of a block
}

// New returns the empty coverage of a disk of size bytes.
func New(size int64) *Map {
	n := (size + chunk - 1) / chunk
	return &Map{
		size:    size,
		full:    make([]uint64, (n+63)/64),
		chunks:  map[int64]*bitmap{},
		partial: map[int64]uint8{},
	}
}

// Mark says that e was written. Its offset is a multiple of Sector, and so is
// its end but for the disk's own. The error's reason is
// transfer.ReasonImageTooComplex.
func (m *Map) Mark(e disk.Extent) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	end := e.End()
	if end == m.size {
		end = (end + block - 1) / block * block
	}
	for off := e.Offset; off < end; {
		b := off / block
		next := min(end, (b+1)*block)
		if next-off == block {
			m.setBlock(b)
		} else {
			m.setSectors(b, off%block/Sector, (next-b*block)/Sector)
		}
		off = next
	}
	if len(m.chunks)*wordsPerChunk*8+len(m.partial)*bytesPerPartial > MaxBytes {
		return transfer.Terminal(transfer.ReasonImageTooComplex, errTooScattered)
	}
	return nil
}

func (m *Map) setSectors(b, from, to int64) {
	s := m.partial[b] | uint8(1<<to-1)&^uint8(1<<from-1)
	if s == 0xFF {
		m.setBlock(b)
		return
	}
	m.partial[b] = s
}

func (m *Map) setBlock(b int64) {
	delete(m.partial, b)
	i := b / blocksPerChunk
	if m.isFull(i) {
		return
	}
	c := m.chunks[i]
	if c == nil {
		c = &bitmap{}
		m.chunks[i] = c
	}
	w, bit := b%blocksPerChunk/64, uint64(1)<<(b%64)
	if c.words[w]&bit == 0 {
		c.words[w] |= bit
		c.set++
	}
	if c.set == blocksPerChunk {
		delete(m.chunks, i)
		m.full[i/64] |= 1 << (i % 64)
	}
}

func (m *Map) isFull(i int64) bool { return m.full[i/64]&(1<<(i%64)) != 0 }

// Holes yields what was not written, in order of the offset, each as long as
// it can be. Nothing may be marked meanwhile.
func (m *Map) Holes() iter.Seq[disk.Extent] {
	return func(yield func(disk.Extent) bool) {
		start := int64(0) // of the hole that is open
		for e := range m.written() {
			if e.Offset > start && !yield(disk.Extent{Offset: start, Length: e.Offset - start}) {
				return
			}
			start = e.End()
		}
		if start < m.size {
			yield(disk.Extent{Offset: start, Length: m.size - start})
		}
	}
}

// written yields what was written, in order, in runs of any length.
func (m *Map) written() iter.Seq[disk.Extent] {
	return func(yield func(disk.Extent) bool) {
		for i := int64(0); i*chunk < m.size; i++ {
			if m.isFull(i) {
				if !yield(disk.Extent{Offset: i * chunk, Length: chunk}) {
					return
				}
				continue
			}
			if !m.writtenIn(i, yield) {
				return
			}
		}
	}
}

// writtenIn yields what was written of chunk i, block by block.
func (m *Map) writtenIn(i int64, yield func(disk.Extent) bool) bool {
	c := m.chunks[i]
	if c == nil && len(m.partial) == 0 {
		return true
	}
	for b := i * blocksPerChunk; b < (i+1)*blocksPerChunk && b*block < m.size; b++ {
		switch {
		case c != nil && c.words[b%blocksPerChunk/64]&(1<<(b%64)) != 0:
			if !yield(disk.Extent{Offset: b * block, Length: block}) {
				return false
			}
		case m.partial[b] != 0:
			if !yieldSectors(b, m.partial[b], yield) {
				return false
			}
		}
	}
	return true
}

func yieldSectors(b int64, s uint8, yield func(disk.Extent) bool) bool {
	for s != 0 {
		i := int64(bits.TrailingZeros8(s))
		if !yield(disk.Extent{Offset: b*block + i*Sector, Length: Sector}) {
			return false
		}
		s &= s - 1
	}
	return true
}
