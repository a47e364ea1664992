// SPDX-License-Identifier: Apache-2.0

package deflate

import (
	"math/bits"

	"github.com/novasphere/provider-wukong/internal/mover/pack/bitstream"
	"github.com/novasphere/provider-wukong/internal/mover/pack/huffman"
)

const (
	// maxLengthCode is the longest code of a code's length (section 3.2.7).
	maxLengthCode = 7

	// Symbols that stand for runs of lengths (section 3.2.7).
	repeatLast   = 16 // 3 to 6 times
	repeatZeros  = 17 // 3 to 10 times
	repeatZeros2 = 18 // 11 to 138 times
)

// lengthOrder is the order in which the lengths of the lengths' codes stand
// (section 3.2.7).
//
//nolint:gochecknoglobals // A constant that Go cannot write as one.
var lengthOrder = [19]uint8{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}

// lengthBits are the extra bits of the codes of a match's length, from 257 on
// (section 3.2.5).
//
//nolint:gochecknoglobals // A constant that Go cannot write as one.
var lengthBits = [29]uint8{8: 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0}

// An extended is a symbol and what it leaves open.
type extended struct {
	open   uint32
	symbol uint8
	bits   uint8 // of open
}

// newMatchLengths makes the codes of all lengths of a match, counted from
// firstLength.
func newMatchLengths() (codes [maxMatch + 1]extended) {
	n := 3
	for symbol, extra := range lengthBits {
		for open := range uint32(1) << extra {
			if n <= maxMatch {
				codes[n] = extended{open, uint8(symbol), extra}
				n++
			}
		}
	}
	// The longest has a symbol of its own.
	codes[maxMatch] = extended{0, uint8(len(lengthBits) - 1), 0}
	return codes
}

// distanceOf gives the code of a distance: two for each power of two.
func distanceOf(d uint32) extended {
	d--
	if d < 4 {
		return extended{0, uint8(d), 0}
	}
	high := uint(bits.Len32(d) - 1)
	extra := high - 1
	return extended{d & (1<<(extra&31) - 1), uint8(2*high + uint(d>>(extra&31))&1), uint8(extra)}
}

// distanceBits are the extra bits of a distance's symbol.
func distanceBits(symbol uint32) uint32 { return max(symbol/2, 1) - 1 }

// codes are the codes of an alphabet.
type codes struct {
	counts  []uint32
	lengths []uint8
	bits    []uint32 // the code as it is written, and its length in the lowest 8 bits
}

func newCodes(n int) codes {
	return codes{make([]uint32, n), make([]uint8, n), make([]uint32, n)}
}

// build makes the shortest codes for the counts (section 3.2.2), and returns
// how many bits they need for all of them.
func (c *codes) build(b *huffman.Builder, limit int) (total int) {
	b.Lengths(c.lengths, c.counts, limit)
	var of, next [codeLimit + 2]uint32
	for _, n := range c.lengths {
		of[n]++
	}
	of[0] = 0
	for n := 1; n <= codeLimit; n++ {
		next[n] = (next[n-1] + of[n-1]) << 1
	}
	for i, n := range c.lengths {
		if n > 0 {
			c.bits[i] = bits.Reverse32(next[n])>>(32-n)<<8 | uint32(n)
			next[n]++
			total += int(n) * int(c.counts[i])
		}
	}
	return total
}

// used is how many symbols must be described, at least least.
func (c *codes) used(least int) int {
	n := len(c.lengths)
	for n > least && c.lengths[n-1] == 0 {
		n--
	}
	return n
}

// A lengthRun is a symbol of the description, and what it leaves open.
type lengthRun = extended

// describe makes the description of the literals' and the distances' codes, and
// counts its symbols.
func (e *Encoder) describe() []lengthRun {
	clear(e.lengths.counts)
	runs := e.runs[:0]
	all := make([]uint8, 0, literalCodes+distanceCodes)
	all = append(all, e.literals.lengths[:e.literals.used(firstLength)]...)
	all = append(all, e.distances.lengths[:e.distances.used(1)]...)
	for len(all) > 0 {
		n := 1
		for n < len(all) && all[n] == all[0] {
			n++
		}
		value := all[0]
		all = all[n:]
		if value != 0 {
			runs = append(runs, lengthRun{0, value, 0})
			n--
		}
		runs = appendRuns(runs, value, n)
	}
	for _, r := range runs {
		e.lengths.counts[r.symbol]++
	}
	return runs
}

// appendRuns describes n times value, of which one came before unless it is 0.
func appendRuns(runs []lengthRun, value uint8, n int) []lengthRun {
	for n > 0 {
		switch {
		case value == 0 && n >= 11:
			k := min(n, 138)
			runs = append(runs, lengthRun{uint32(k - 11), repeatZeros2, 7})
			n -= k
		case value == 0 && n >= 3:
			runs = append(runs, lengthRun{uint32(n - 3), repeatZeros, 3})
			n = 0
		case n >= 3:
			k := min(n, 6)
			runs = append(runs, lengthRun{uint32(k - 3), repeatLast, 2})
			n -= k
		default:
			runs = append(runs, lengthRun{0, value, 0})
			n--
		}
	}
	return runs
}

// describedLengths is how many lengths of lengths' codes are written.
func (e *Encoder) describedLengths() int {
	n := len(lengthOrder)
	for n > 4 && e.lengths.lengths[lengthOrder[n-1]] == 0 {
		n--
	}
	return n
}

// descriptionBits is how many bits the description needs beside its symbols.
func (e *Encoder) descriptionBits(runs []lengthRun) int {
	n := 3 + 5 + 5 + 4 + 3*e.describedLengths()
	for _, r := range runs {
		n += int(r.bits)
	}
	return n
}

// appendCodes appends the description of the codes (section 3.2.7).
func (e *Encoder) appendCodes(w *bitstream.Writer, runs []lengthRun) {
	n := e.describedLengths()
	w.Add(uint64(e.literals.used(firstLength)-firstLength), 5)
	w.Add(uint64(e.distances.used(1)-1), 5)
	w.Add(uint64(n-4), 4)
	w.Flush()
	for _, symbol := range lengthOrder[:n] {
		w.Add(uint64(e.lengths.lengths[symbol]), 3)
		w.Flush()
	}
	for _, r := range runs {
		c := e.lengths.bits[r.symbol]
		w.Add(uint64(c>>8), uint(c&0xff))
		w.Add(uint64(r.open), uint(r.bits))
		w.Flush()
	}
}
