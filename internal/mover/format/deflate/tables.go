// SPDX-License-Identifier: Apache-2.0

package deflate

import "math/bits"

// Sizes of the tables. The number of bits that index a main table is
// libdeflate's choice; the sizes with subtables are what zlib's
// examples/enough.c computes for it (enough 286+2 11 15; enough 30+2 8 15).
const (
	litlenBits  = 11
	offsetBits  = 8
	precodeBits = 7

	litlenSize = 2342
	offsetSize = 402

	flatLiterals = 192
	noByte       = 256

	maxCodeLen = 15
	endOfBlock = 256
)

// An entry of a litlen or an offset table:
//
//	bits 0-7    how many bits to consume, extra bits included
//	bits 8-11   of a length or an offset: the code's own bits
//	            of a pointer to a subtable: how many bits index the subtable
//	bits 16-30  a length, an offset (both without extra bits), or where a subtable starts
//
// and of literals:
//
//	bits 8-15   the literal
//
// The two flags that the fast loop asks for stand where an integer has its sign, which
// costs less than another bit.
const (
	flagLiteral     = 1 << 31
	flagExceptional = 1 << 15 // of entries that are not literals
	flagSubtable    = 1 << 14 // of exceptional entries
	flagEndOfBlock  = 1 << 13 // of exceptional entries

	// invalid stands where an incomplete code has no codeword. It consumes one
	// bit, as only codes with one codeword of one bit may be incomplete.
	invalid = flagExceptional | 1
)

func literal(e uint32) bool     { return int32(e) < 0 }
func exceptional(e uint32) bool { return int16(e) < 0 }

// lengthEntries are the entries of the litlen symbols from 257 on, without
// what depends on the code's length. Symbols 286 and 287 do not occur in valid streams.
//
//nolint:gochecknoglobals,staticcheck // A constant that Go cannot write as one; zero columns keep the table's shape.
var lengthEntries = [31]uint32{
	0<<16 | 0<<26 | 0, 1<<16 | 0<<26 | 0, 2<<16 | 0<<26 | 0, 3<<16 | 0<<26 | 0,
	4<<16 | 0<<26 | 0, 5<<16 | 0<<26 | 0, 6<<16 | 0<<26 | 0, 7<<16 | 0<<26 | 0,
	8<<16 | 1<<26 | 1, 10<<16 | 1<<26 | 1, 12<<16 | 1<<26 | 1, 14<<16 | 1<<26 | 1,
	16<<16 | 3<<26 | 2, 20<<16 | 3<<26 | 2, 24<<16 | 3<<26 | 2, 28<<16 | 3<<26 | 2,
	32<<16 | 7<<26 | 3, 40<<16 | 7<<26 | 3, 48<<16 | 7<<26 | 3, 56<<16 | 7<<26 | 3,
	64<<16 | 15<<26 | 4, 80<<16 | 15<<26 | 4, 96<<16 | 15<<26 | 4, 112<<16 | 15<<26 | 4,
	128<<16 | 31<<26 | 5, 160<<16 | 31<<26 | 5, 192<<16 | 31<<26 | 5, 224<<16 | 31<<26 | 5,
	255<<16 | 0<<26 | 0, flagExceptional, flagExceptional,
}

// offsetEntries are the same for the offset code. Symbols 30 and 31 do not occur in valid streams.
//
//nolint:gochecknoglobals // A constant that Go cannot write as one.
var offsetEntries = [32]uint32{
	1 << 16, 2 << 16, 3 << 16, 4 << 16, 5<<16 | 1, 7<<16 | 1, 9<<16 | 2, 13<<16 | 2,
	17<<16 | 3, 25<<16 | 3, 33<<16 | 4, 49<<16 | 4, 65<<16 | 5, 97<<16 | 5, 129<<16 | 6, 193<<16 | 6,
	257<<16 | 7, 385<<16 | 7, 513<<16 | 8, 769<<16 | 8, 1025<<16 | 9, 1537<<16 | 9, 2049<<16 | 10, 3073<<16 | 10,
	4097<<16 | 11, 6145<<16 | 11, 8193<<16 | 12, 12289<<16 | 12, 16385<<16 | 13, 24577<<16 | 13,
	flagExceptional, flagExceptional,
}

// tables are what the symbols of one block are decoded with.
type tables struct {
	litlen [litlenSize]uint32
	offset [offsetSize]uint32
	// flat says that most literals have codewords of 8 bits. Then byte8 has
	// them by their bits, and noByte for other codewords.
	flat  bool
	byte8 [256]uint16
}

// scratch is memory that is needed while tables are built.
type scratch struct {
	lens    [maxLitlenSyms + maxOffsetSyms + 2]uint8
	sorted  [288]uint32
	precode [1 << precodeBits]uint16 // symbol, and from bit 8 on the code's length
}

// A histogram counts the codewords of each length and says where the symbols
// of a length start when symbols are sorted by it.
type histogram struct {
	count [maxCodeLen + 1]uint16
	start [maxCodeLen + 2]uint16
	// left is how much of the code space, in codewords of maxCodeLen, is not used.
	left int
}

func (h *histogram) of(lens []uint8) {
	*h = histogram{}
	for _, l := range lens {
		h.count[l&15]++
	}
	h.left = 1 << maxCodeLen
	for l := 1; l <= maxCodeLen; l++ {
		h.start[l+1] = h.start[l] + h.count[l]
		h.left -= int(h.count[l]) << (maxCodeLen - l)
	}
}

// usable reports whether a code is complete, or else is allowed to be
// incomplete: when it has one codeword of one bit. That is zlib's rule.
func (h *histogram) usable() bool {
	return h.left == 0 || h.left == 1<<(maxCodeLen-1) && h.count[1] == 1
}

// next returns the place of the next symbol of length l.
func (h *histogram) next(l uint8) uint16 {
	i := h.start[l&15]
	h.start[l&15]++
	return i
}

func (s *scratch) buildPrecode(lens *[precodeSyms]uint8) bool {
	var h histogram
	h.of(lens[:])
	if h.left != 0 {
		return false
	}
	code := [maxCodeLen + 1]uint16{}
	for l := 1; l < precodeBits; l++ {
		code[l+1] = (code[l] + h.count[l]) << 1
	}
	for sym, l := range lens {
		if l == 0 {
			continue
		}
		first := bits.Reverse16(code[l]) >> (16 - l)
		code[l]++
		for i := first; i < 1<<precodeBits; i += 1 << l {
			s.precode[i] = uint16(sym) | uint16(l)<<8
		}
	}
	return true
}

func (t *tables) buildLitlen(s *scratch, lens []uint8) bool {
	var h histogram
	h.of(lens)
	if !h.usable() {
		return false
	}
	for sym, l := range lens {
		if l == 0 {
			continue
		}
		e := uint32(flagExceptional | flagEndOfBlock)
		switch {
		case sym < endOfBlock:
			e = flagLiteral | uint32(sym)<<8
		case sym > endOfBlock:
			e = lengthEntries[sym-endOfBlock-1]
		}
		s.sorted[h.next(l)] = e
	}
	fill(t.litlen[:], litlenBits, s.sorted[:], &h)
	t.flatten(lens)
	return true
}

func (t *tables) buildOffset(s *scratch, lens []uint8) bool {
	var h histogram
	h.of(lens)
	if h.left == 1<<maxCodeLen {
		// No offsets at all: a block of literals only.
		for i := range t.offset[:1<<offsetBits] {
			t.offset[i] = invalid
		}
		return true
	}
	if !h.usable() {
		return false
	}
	for sym, l := range lens {
		if l != 0 {
			s.sorted[h.next(l)] = offsetEntries[sym]
		}
	}
	fill(t.offset[:], offsetBits, s.sorted[:], &h)
	return true
}

// buildFixed builds the tables of RFC 1951, section 3.2.6.
func (t *tables) buildFixed(s *scratch) {
	lens := [288]uint8{}
	for sym := range lens {
		switch {
		case sym < 144:
			lens[sym] = 8
		case sym < 256:
			lens[sym] = 9
		case sym < 280:
			lens[sym] = 7
		default:
			lens[sym] = 8
		}
	}
	t.buildLitlen(s, lens[:])
	for sym := range 32 {
		lens[sym] = 5
	}
	t.buildOffset(s, lens[:32])
}

// withLength completes an entry for a codeword, or the part of one that its
// subtable is indexed by, of l bits.
func withLength(e uint32, l uint) uint32 {
	if literal(e) {
		return e + uint32(l)
	}
	return e + uint32(l)<<8 + uint32(l)
}

// fill makes a decoding table from the entries of the symbols, sorted by their
// codewords. Codewords come in the order of their numbers while the table is
// indexed by their bits reversed. The table first has the size that the shortest
// codeword needs and doubles for each longer one.
func fill(table []uint32, tableBits uint, sorted []uint32, h *histogram) {
	l := uint(1)
	for h.count[l] == 0 {
		l++
	}
	if h.left != 0 {
		for i := range uint(1) << tableBits {
			table[i] = invalid
			if i&1 == 0 {
				table[i] = withLength(sorted[0], 1)
			}
		}
		return
	}
	code := uint(0) // bits reversed
	i := 0
	for ; l <= tableBits; l++ {
		size := uint(1) << l
		for range h.count[l] {
			table[code] = withLength(sorted[i], l)
			i++
			if code == size-1 {
				for ; size < 1<<tableBits; size *= 2 {
					copy(table[size:2*size], table[:size])
				}
				return
			}
			code = after(code, l)
		}
		if l < tableBits {
			copy(table[size:2*size], table[:size])
		}
	}
	fillSubtables(table, tableBits, sorted[i:], h, code)
}

// fillSubtables adds the codewords that are longer than the main table's
// index. Code is the first of them, its bits reversed.
func fillSubtables(table []uint32, tableBits uint, sorted []uint32, h *histogram, code uint) {
	mask := uint(1)<<tableBits - 1
	start, size := uint(0), uint(0)
	end := uint(1) << tableBits
	prefix := ^uint(0)
	i := 0
	for l := tableBits + 1; l <= maxCodeLen; l++ {
		for left := h.count[l]; left > 0; left-- {
			if code&mask != prefix {
				prefix = code & mask
				start = end
				n := subtableBits(h, l, tableBits, left)
				size = 1 << n
				end += size
				table[prefix] = uint32(start)<<16 | flagExceptional | flagSubtable | uint32(n)<<8 | uint32(tableBits)
			}
			e := withLength(sorted[i], l-tableBits)
			i++
			for j := code >> tableBits; j < size; j += 1 << (l - tableBits) {
				table[start+j] = e
			}
			code = after(code, l)
		}
	}
}

// subtableBits returns how many bits index the subtable that starts with the
// last left codewords of length l: as many as its longest codeword needs.
func subtableBits(h *histogram, l, tableBits uint, left uint16) uint {
	n := l - tableBits
	used := uint(left)
	for used < 1<<n && l < maxCodeLen {
		n++
		l++
		used = used<<1 + uint(h.count[l])
	}
	return n
}

// after returns the codeword after code, both with their l bits reversed, and
// ready to be lengthened. After the last, it returns 0.
func after(code, l uint) uint {
	free := ^code & (1<<l - 1)
	if free == 0 {
		return 0
	}
	bit := uint(1) << (bits.Len(free) - 1)
	return code&(bit-1) | bit
}

// flatten builds byte8 if the code is flat: if by the lengths of their codewords
// (a symbol with 8 bits is expected once in 256) three literals in four have 8 bits.
func (t *tables) flatten(lens []uint8) {
	n := 0
	for _, l := range lens[:endOfBlock] {
		if l == 8 {
			n++
		}
	}
	t.flat = n >= flatLiterals
	if !t.flat {
		return
	}
	for i := range t.byte8 {
		t.byte8[i] = noByte
		if e := t.litlen[i]; literal(e) && e&63 == 8 {
			t.byte8[i] = uint16(uint8(e >> 8))
		}
	}
}
