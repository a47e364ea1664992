// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"unsafe"

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

// manyOpen bits fit behind those of three symbols, which are at most 26, and 7
// that are held; more may not. 64 bits in all would be too many: no shift
// takes them away at once.
const manyOpen = 63 - 26 - 7

// An alphabet is what is known of the codes of one kind.
type alphabet struct {
	maxLog int
	counts [maxSymbols]uint32
	preset fse // which every decoder has
	own    fse
	table  *fse // the one that was chosen
}

// codes are those of a sequence.
type codes struct {
	open                      uint64 // what the symbols leave open
	bits                      uint8  // of it
	literals, match, distance uint8  // symbols
}

// sequences writes the sequences section of a block.
type sequences struct {
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

// encode finds the codes (section 3.1.1.5 for distances), and counts them.
func (s *sequences) encode(found []lz77.Sequence) {
	literals, matches, distances := &s.literals.counts, &s.match.counts, &s.distance.counts
	clear(literals[:])
	clear(matches[:])
	clear(distances[:])
	before := uint32(1) // The distance of the repetition before.
	out, book := s.codes[:len(found)], s.book
	s.codes = out
	for i := range found {
		q := &found[i]
		value := q.Distance + 3
		// Without literals the value would mean another distance, and so do 2 and
		// 3: looking for these costs more than the thousandth that it saves.
		if q.Distance == before && q.Literals != 0 {
			value = 1
		}
		before = q.Distance
		l, m, d := book.literal(q.Literals), book.match(q.Match), distanceCode(value)
		// One by one: a struct would be put together on the stack first.
		o := &out[i]
		o.open = l.open() | m.open()<<(l.bits()&63) | d.open()<<((l.bits()+m.bits())&63)
		o.bits = uint8(l.bits() + m.bits() + d.bits())
		o.literals, o.match, o.distance = l.symbol(), m.symbol(), d.symbol()
		literals[l.symbol()%maxSymbols]++
		matches[m.symbol()%maxSymbols]++
		distances[d.symbol()%maxSymbols]++
	}
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
	last := &s.codes[len(s.codes)-1]
	inMatch := match.start(last.match)
	inDistance := distance.start(last.distance)
	inLiterals := literals.start(last.literals)
	w.Add(last.open, uint(last.bits))
	w.Flush()
	// In registers: the compiler keeps a struct whose methods change it in memory.
	begin := nextByte(&w)
	at, held, n := begin, w.Held, w.N
	for rest := s.codes[:len(s.codes)-1]; len(rest) > 0; rest = rest[:len(rest)-1] {
		c := &rest[len(rest)-1]
		var v, x uint64
		var bits, more uint
		v, bits, inDistance = distance.step(inDistance, c.distance)
		x, more, inMatch = match.step(inMatch, c.match)
		v |= x << (bits & 63)
		bits += more
		x, more, inLiterals = literals.step(inLiterals, c.literals)
		v |= x << (bits & 63)
		held |= v << n
		n += bits + more
		if c.bits > manyOpen {
			put(at, held)
			at = unsafe.Add(at, n>>3)
			held >>= n &^ 7 & 63
			n &= 7
		}
		held |= c.open << (n & 63)
		n += uint(c.bits)
		put(at, held)
		at = unsafe.Add(at, n>>3)
		held >>= n &^ 7 & 63
		n &= 7
	}
	w.At, w.Held, w.N = w.At+past(begin, at), held, n
	match.stop(&w, inMatch)
	distance.stop(&w, inDistance)
	literals.stop(&w, inLiterals)
	return end(&w)
}
