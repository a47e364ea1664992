// SPDX-License-Identifier: Apache-2.0

package zstd

import "math/bits"

// Extra bits of the codes (RFC 8878 section 3.1.1.3.2.1.1).
//
//nolint:gochecknoglobals // A constant that Go cannot write as one.
var (
	literalBits = [maxSymbols]uint8{
		16: 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	}
	matchBits = [maxSymbols]uint8{
		32: 1, 1, 1, 1, 2, 2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16,
	}
)

// The tables that every decoder has (section 3.1.1.3.2.2).
//
//nolint:gochecknoglobals // A constant that Go cannot write as one.
var (
	literalNorm = []int16{
		4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
		-1, -1, -1, -1,
	}
	matchNorm = []int16{
		1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1,
	}
	distanceNorm = []int16{
		1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1,
	}
)

// A code says how many literals, how long a match or how far away: the symbol
// in its lowest 8 bits, how many bits it leaves open in the next 8, and above
// them these.
type code uint32

func newCode(symbol, bits uint8, open uint32) code {
	return code(open<<16 | uint32(bits)<<8 | uint32(symbol))
}

func (c code) symbol() uint8 { return uint8(c) }

func (c code) bits() uint { return uint(c >> 8 & 0xff) }

func (c code) open() uint64 { return uint64(c >> 16) }

// Below these lengths, codes are looked up.
const (
	shortLiterals = 64
	shortMatch    = 128
	minMatch      = 3
)

// A codebook has the codes of lengths.
type codebook struct {
	literals [shortLiterals]code
	matches  [shortMatch]code
}

func newCodebook() *codebook {
	return &codebook{
		literals: [shortLiterals]code(lookup(shortLiterals, literalBits)),
		matches:  [shortMatch]code(lookup(shortMatch, matchBits)),
	}
}

// lookup makes the codes of the lengths from 0 to n.
func lookup(n int, extra [maxSymbols]uint8) []code {
	codes := make([]code, 0, n)
	for symbol := uint8(0); len(codes) < n; symbol++ {
		for i := range uint32(1) << extra[symbol] {
			codes = append(codes, newCode(symbol, extra[symbol], i))
		}
	}
	return codes[:n]
}

// literal gives the code of a number of literals.
func (b *codebook) literal(n uint32) code {
	if n < shortLiterals {
		return b.literals[n]
	}
	high := uint8(bits.Len32(n) - 1)
	return newCode(high+19, high, n-1<<(high&31))
}

// match gives the code of a match's length.
func (b *codebook) match(n uint32) code {
	n -= minMatch
	if n < shortMatch {
		return b.matches[n]
	}
	high := uint8(bits.Len32(n) - 1)
	return newCode(high+36, high, n-1<<(high&31))
}

// distanceCode gives the code of a distance's value, which is at least 1.
func distanceCode(v uint32) code {
	high := uint8(bits.Len32(v) - 1)
	return newCode(high, high, v-1<<(high&31))
}
