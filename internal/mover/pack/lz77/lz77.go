// SPDX-License-Identifier: Apache-2.0

// Package lz77 finds what repeats in a piece of a disk, as the first half of
// our compressors: zstd and deflate differ only in how they write down what
// is found here (Ziv and Lempel, A Universal Algorithm for Sequential Data
// Compression, 1977).
//
// It is greedy and remembers one place for each hash, in a table that stays in
// the processor's first cache: positions have 16 bits, so a window of 64 KiB
// slides over pieces of any length, and nothing is allocated or cleared within
// one. Where nothing repeats, its steps grow, so that what is packed or
// encrypted already costs next to nothing.
package lz77

import (
	"math/bits"
	"unsafe"
)

const (
	// Window is how far back a repetition can be, in bytes.
	Window = 1<<16 - 1

	// MinMatch is the length of the shortest repetition that can be asked for.
	MinMatch = 6

	// BlockSize is the most that is looked through at once.
	BlockSize = 64 << 10

	// margin is what is left over at the end of a block, so that reading eight
	// bytes, or copying sixteen, stays within it.
	margin = 16

	tableBits = 13
	table     = 1 << tableBits

	// prime spreads what is hashed over the highest bits.
	prime = 0xcf1bbcdcb7a56463

	// stride is the step between two looks where nothing repeats; it grows by
	// one with each 1<<patience bytes.
	stride   = 3
	patience = 5
)

// A Sequence is a run of literals and the repetition behind it.
type Sequence struct {
	Literals uint32 // bytes, which stand in Found.Literals
	Match    uint32 // bytes that repeat
	Distance uint32 // bytes back to where they stood before, at most Window
}

// Found is what stands in a block: all sequences and, behind them, the
// literals that are left over.
type Found struct {
	Sequences []Sequence
	Literals  []byte // of all the sequences, and the rest
}

// Matcher finds repetitions. The zero value is not usable: use New. It serves
// one goroutine at a time.
type Matcher struct {
	shortest int
	longest  int
	furthest uint16

	seen      [table]uint16 // where a hash was last seen, modulo 64 KiB
	distance  int           // of the last repetition
	sequences [BlockSize/MinMatch + 1]Sequence
	literals  [BlockSize + margin]byte
}

// New makes a matcher of repetitions that are at least shortest bytes long, from
// MinMatch to 7, at most longest, and at most furthest bytes away. Shorter ones
// repeat too often by chance, and save less than it costs to say where they
// stand.
func New(shortest, longest, furthest int) *Matcher {
	return &Matcher{shortest: shortest, longest: longest, furthest: uint16(min(furthest, Window)), distance: 1}
}

// Reset forgets all that was seen: the next block begins a new piece.
func (m *Matcher) Reset() {
	clear(m.seen[:])
	m.distance = 1
}

// Find looks through the block that begins at from, which has at most
// BlockSize bytes, and ends with p. Repetitions reach back into what stands
// before it, which must have been looked through since Reset. What is returned
// is valid until the next call.
func (m *Matcher) Find(p []byte, from int) Found {
	var (
		at         = pointer(p)
		v          = view{at, len(p) - margin, 1<<(8*m.shortest) - 1}
		begun      = from // of the literals
		s          = max(from, 1)
		distance   = m.distance
		nSequences int
		nLiterals  int
	)
	if s-distance < 0 {
		distance = 1
	}
	for {
		var d int
		if s, d = m.seek(v, s, begun, distance); d == 0 {
			break
		}
		distance = d
		end := m.extend(p, s, distance)
		// No longer than it may be: the next look must be behind all that is in
		// the table, or a distance would reach to before p.
		for s > begun && s > distance && end-s < m.longest && byteAt(at, s-1) == byteAt(at, s-1-distance) {
			s--
		}
		m.copyLiterals(p, begun, s, nLiterals)
		nLiterals += s - begun
		q := &m.sequences[nSequences]
		q.Literals, q.Match, q.Distance = uint32(s-begun), uint32(end-s), uint32(distance)
		nSequences++
		if end < v.limit {
			m.seen[hash(load64(at, s+2)&v.mask)] = uint16(s + 2)
			m.seen[hash(load64(at, end-2)&v.mask)] = uint16(end - 2)
		}
		s, begun = end, end
	}
	m.distance = distance
	if nSequences == 0 {
		return Found{nil, p[from:]}
	}
	nLiterals += copy(m.literals[nLiterals:], p[begun:])
	return Found{m.sequences[:nSequences], m.literals[:nLiterals]}
}

// A view is where a block is looked for repetitions.
type view struct {
	at    unsafe.Pointer // of the piece
	limit int            // looks begin before it
	mask  uint64         // of the bytes that must repeat
}

// seek looks for the next repetition from s on, behind literals that began at
// begun. It tells where that is and its distance, which is 0 when there is
// none. It is a function of its own so that all it needs fits into registers.
func (m *Matcher) seek(v view, s, begun, distance int) (at, found int) {
	seen, furthest := &m.seen, m.furthest
	for s < v.limit {
		p := load64(v.at, s)
		q := p >> 8
		h0, h1 := hash(p&v.mask), hash(q&v.mask)
		d0, d1 := uint16(s)-seen[h0], uint16(s+1)-seen[h1]
		seen[h0], seen[h1] = uint16(s), uint16(s+1)
		if (q^load64(v.at, s+1-distance))&v.mask == 0 {
			return s + 1, distance
		}
		// A distance of 0 is 64 KiB, which d-1 tells to be too far.
		if (p^load64(v.at, s-int(d0)))&v.mask == 0 && d0-1 < furthest {
			return s, int(d0)
		}
		if (q^load64(v.at, s+1-int(d1)))&v.mask == 0 && d1-1 < furthest {
			return s + 1, int(d1)
		}
		s += stride + (s-begun)>>patience
	}
	return s, 0
}

// copyLiterals copies p[from:to] to the literals at off. Most runs are short:
// those are copied with what follows them.
func (m *Matcher) copyLiterals(p []byte, from, to, off int) {
	if to-from <= margin {
		copy16(m.literals[off:off+margin], p[from:from+margin])
		return
	}
	copy(m.literals[off:], p[from:to])
}

// extend tells where the repetition ends that begins at s, of which the shortest
// part is known.
func (m *Matcher) extend(p []byte, s, distance int) int {
	at := pointer(p)
	most := min(len(p), s+m.longest)
	end := s + m.shortest
	for end <= most-8 {
		if x := load64(at, end) ^ load64(at, end-distance); x != 0 {
			return end + bits.TrailingZeros64(x)>>3
		}
		end += 8
	}
	for end < most && byteAt(at, end) == byteAt(at, end-distance) {
		end++
	}
	return end
}

// hash tells the place in the table of some bytes.
func hash(v uint64) uint32 { return uint32(v * prime >> (64 - tableBits)) }
