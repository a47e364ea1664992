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

import "math/bits"

const (
	// Window is how far back a repetition can be, in bytes.
	Window = 1<<16 - 1

	// MinMatch is the length of the shortest repetition.
	MinMatch = 4

	// BlockSize is the most that is looked through at once.
	BlockSize = 64 << 10

	// margin is what is left over at the end of a block, so that reading eight
	// bytes, or copying sixteen, stays within it.
	margin = 16

	tableBits = 13
	table     = 1 << tableBits

	// hashed bytes decide of a new place; fewer repeat too often by chance, and
	// save less than their distance costs.
	hashed = 6
	prime  = 227718039650203

	// stride is the step between two looks where nothing repeats; it grows by
	// one with each 1<<patience bytes.
	stride   = 3
	patience = 5
)

// A Sequence is a run of literals and the repetition behind it.
type Sequence struct {
	Literals uint32 // bytes, which stand in Found.Literals
	Match    uint32 // bytes that repeat, at least MinMatch
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
	longest  int
	furthest uint16

	seen      [table]uint16 // where a hash was last seen, modulo 64 KiB
	distance  int           // of the last repetition
	sequences [BlockSize/MinMatch + 1]Sequence
	literals  [BlockSize + margin]byte
}

// New makes a matcher of repetitions that are at most longest bytes long and
// at most furthest bytes away.
func New(longest, furthest int) *Matcher {
	return &Matcher{longest: longest, furthest: uint16(min(furthest, Window))}
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
		limit      = len(p) - margin
		begun      = from // of the literals
		s          = max(from, 1)
		seen       = &m.seen
		distance   = m.distance
		furthest   = m.furthest
		nSequences int
		nLiterals  int
	)
	if s-distance < 0 {
		distance = 1
	}
	for s < limit {
		v := load64(at, s)
		h0, h1 := hash(v), hash(v>>8)
		d0, d1 := uint16(s)-seen[h0], uint16(s+1)-seen[h1]
		seen[h0], seen[h1] = uint16(s), uint16(s+1)
		c0, c1 := s-int(d0), s+1-int(d1)
		n := hashed
		switch {
		case v>>8&(1<<32-1) == uint64(load32(at, s+1-distance)):
			s++
			n = MinMatch
		// A distance of 0 is 64 KiB, which d-1 tells to be too far.
		case (v^load64(at, c0))<<(64-8*hashed) == 0 && d0-1 < furthest:
			distance = int(d0)
		case (v>>8^load64(at, c1))<<(64-8*hashed) == 0 && d1-1 < furthest:
			distance = int(d1)
			s++
		default:
			s += stride + (s-begun)>>patience
			continue
		}
		n = extend(p[:min(len(p), s+m.longest)], s, s-distance, n)
		end := s + n
		// No longer than it may be: the next look must be behind all that is in
		// the table, or a distance would reach to before p.
		for s > begun && s > distance && end-s < m.longest && byteAt(at, s-1) == byteAt(at, s-1-distance) {
			s--
		}
		m.copyLiterals(p, begun, s, nLiterals)
		nLiterals += s - begun
		m.sequences[nSequences] = Sequence{uint32(s - begun), uint32(end - s), uint32(distance)}
		nSequences++
		if end < limit {
			seen[hash(load64(at, s+2))] = uint16(s + 2)
			seen[hash(load64(at, end-2))] = uint16(end - 2)
		}
		s, begun = end, end
	}
	m.distance = distance
	nLiterals += copy(m.literals[nLiterals:], p[begun:])
	return Found{m.sequences[:nSequences], m.literals[:nLiterals]}
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

// extend tells how many bytes at s are the same as those at c, of which n are
// known to be.
func extend(p []byte, s, c, n int) int {
	at := pointer(p)
	for s+n <= len(p)-8 {
		if x := load64(at, s+n) ^ load64(at, c+n); x != 0 {
			return n + bits.TrailingZeros64(x)>>3
		}
		n += 8
	}
	for s+n < len(p) && p[s+n] == p[c+n] {
		n++
	}
	return n
}

// hash tells the place in the table of the first bytes of v.
func hash(v uint64) uint32 { return uint32(v << (64 - 8*hashed) * prime >> (64 - tableBits)) }
