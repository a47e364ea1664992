// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"

	"github.com/novasphere/provider-wukong/internal/mover/pack/bitstream"
	"github.com/novasphere/provider-wukong/internal/mover/pack/lz77"
)

// How the table of a code is given (RFC 8878 section 3.1.1.3.2.1.1).
const (
	tablePredefined = 0
	tableSingle     = 1
	tableDescribed  = 2
)

// fewSequences use the tables that every decoder has.
const fewSequences = 32

// An alphabet is what is known of the codes of one kind.
type alphabet struct {
	maxLog int
	counts [maxSymbols]uint32
	preset fse // which every decoder has
	own    fse
	table  *fse // the one that was chosen
}

// codes are those of a sequence.
type codes struct{ literals, match, distance code }

// sequences writes the sequences section of a block.
type sequences struct {
	recent                    [3]uint32 // the last distances, which have short codes
	literals, match, distance *alphabet
	codes                     []codes
	book                      *codebook
}

func newSequences() sequences {
	s := sequences{
		literals: &alphabet{maxLog: 9},
		match:    &alphabet{maxLog: 9},
		distance: &alphabet{maxLog: 8},
		codes:    make([]codes, 0, lz77.BlockSize/lz77.MinMatch+1),
		book:     newCodebook(),
	}
	s.literals.preset.preset(literalNorm, 6)
	s.match.preset.preset(matchNorm, 6)
	s.distance.preset.preset(distanceNorm, 5)
	return s
}

// append appends the section.
func (s *sequences) append(dst []byte, found []lz77.Sequence) []byte {
	n := len(found)
	if n < 128 {
		dst = append(dst, byte(n))
	} else {
		dst = append(dst, byte(n>>8+128), byte(n))
	}
	if n == 0 {
		return dst
	}
	s.encode(found)
	modes := len(dst)
	dst = append(dst, 0)
	var mode [3]byte
	dst, mode[0] = s.literals.choose(dst, n)
	dst, mode[1] = s.distance.choose(dst, n)
	dst, mode[2] = s.match.choose(dst, n)
	dst[modes] = mode[0]<<6 | mode[1]<<4 | mode[2]<<2
	return s.appendStream(dst)
}

// encode finds the codes, and counts them.
func (s *sequences) encode(found []lz77.Sequence) {
	s.recent = [3]uint32{1, 4, 8}
	clear(s.literals.counts[:])
	clear(s.match.counts[:])
	clear(s.distance.counts[:])
	s.codes = s.codes[:len(found)]
	for i, q := range found {
		c := codes{
			literals: s.book.literal(q.Literals),
			match:    s.book.match(q.Match),
			distance: distanceCode(recall(&s.recent, q.Distance, q.Literals == 0)),
		}
		s.codes[i] = c
		s.literals.counts[c.literals.symbol()%maxSymbols]++
		s.match.counts[c.match.symbol()%maxSymbols]++
		s.distance.counts[c.distance.symbol()%maxSymbols]++
	}
}

// recall gives the value that stands for a distance, and moves the recent ones
// (section 3.1.1.5).
func recall(recent *[3]uint32, distance uint32, noLiterals bool) uint32 {
	a, b, c := recent[0], recent[1], recent[2]
	if !noLiterals {
		switch distance {
		case a:
			return 1
		case b:
			recent[0], recent[1] = b, a
			return 2
		case c:
			recent[0], recent[1], recent[2] = c, a, b
			return 3
		}
	} else {
		switch distance {
		case b:
			recent[0], recent[1] = b, a
			return 1
		case c:
			recent[0], recent[1], recent[2] = c, a, b
			return 2
		case a - 1:
			recent[0], recent[1], recent[2] = a-1, a, b
			return 3
		}
	}
	recent[0], recent[1], recent[2] = distance, a, b
	return distance + 3
}

// choose takes the table that suits n codes, and appends its description.
func (a *alphabet) choose(dst []byte, n int) ([]byte, byte) {
	used, most := 0, uint32(0)
	for i, c := range a.counts {
		if c > 0 {
			used = i + 1
		}
		most = max(most, c)
	}
	switch {
	case int(most) == n:
		a.own.single()
		a.table = &a.own
		return append(dst, byte(used-1)), tableSingle
	case n < fewSequences:
		a.table = &a.preset
		return dst, tablePredefined
	default:
		a.own.set(a.counts[:used], n, tableLog(n, used, a.maxLog))
		a.table = &a.own
		return a.own.appendTo(dst), tableDescribed
	}
}

// appendStream appends the codes, the last sequence first (section 3.1.1.3.2.1.2).
func (s *sequences) appendStream(dst []byte) []byte {
	const most = 12 // bytes of a sequence
	w := bitstream.New(dst, len(s.codes)*most)
	literals, match, distance := s.literals.table, s.match.table, s.distance.table
	first := &s.codes[len(s.codes)-1]
	inMatch := match.start(first.match.symbol())
	inDistance := distance.start(first.distance.symbol())
	inLiterals := literals.start(first.literals.symbol())
	// In registers: the compiler keeps a struct whose methods change it in memory.
	p, at := w.P, w.At
	var held uint64
	var n uint
	for i := len(s.codes) - 1; i >= 0; i-- {
		c := &s.codes[i]
		if i < len(s.codes)-1 {
			var v uint64
			var bits uint
			v, bits, inDistance = distance.step(inDistance, c.distance.symbol())
			held |= v << (n & 63)
			n += bits
			v, bits, inMatch = match.step(inMatch, c.match.symbol())
			held |= v << (n & 63)
			n += bits
			v, bits, inLiterals = literals.step(inLiterals, c.literals.symbol())
			held |= v << (n & 63)
			n += bits
		}
		held |= c.literals.open() << (n & 63)
		n += uint(literalBits[c.literals.symbol()%maxSymbols])
		binary.LittleEndian.PutUint64(p[at:], held)
		at += int(n >> 3)
		held >>= n &^ 7 & 63
		n &= 7
		held |= c.match.open() << n
		n += uint(matchBits[c.match.symbol()%maxSymbols])
		held |= c.distance.open() << (n & 63)
		n += uint(c.distance.symbol())
		binary.LittleEndian.PutUint64(p[at:], held)
		at += int(n >> 3)
		held >>= n &^ 7 & 63
		n &= 7
	}
	w.At, w.Held, w.N = at, held, n
	match.stop(&w, inMatch)
	distance.stop(&w, inDistance)
	literals.stop(&w, inLiterals)
	return end(&w)
}
