// SPDX-License-Identifier: Apache-2.0

// Package sha256pair computes the SHA-256s of two messages at once on one
// processor. The instructions for SHA-256 wait for one another within a message:
// those of a second message fit in between, so that two take little longer than
// one.
//
// Source: FIPS 180-4, sections 5 and 6.2; Intel SHA Extensions (white paper, July
// 2013) for the order of the instructions.
package sha256pair

import (
	"crypto/sha256"
	"encoding/binary"
)

// Sum returns the SHA-256s of two messages of the same length. It panics if
// their lengths differ.
func Sum(a, b []byte) (x, y [sha256.Size]byte) {
	if len(a) != len(b) {
		panic("sha256pair: messages of two lengths")
	}
	if !fast {
		return sha256.Sum256(a), sha256.Sum256(b)
	}
	s := states{initial, initial}
	whole := len(a) / sha256.BlockSize * sha256.BlockSize
	if whole > 0 {
		compress(&s, &a[0], &b[0], whole)
	}
	endA, n := padded(a[whole:], len(a))
	endB, _ := padded(b[whole:], len(b))
	compress(&s, &endA[0], &endB[0], n)
	return s[0].sum(), s[1].sum()
}

// A state is H of FIPS 180-4, section 6.2.
type state [8]uint32

type states [2]state

// initial is H(0), section 5.3.3.
var initial = state{0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19} //nolint:gochecknoglobals // Go has no constants of arrays.

// padded returns the end of a message of size bytes, as section 5.1.1 pads it,
// and how many bytes of the result that are.
func padded(end []byte, size int) (p [2 * sha256.BlockSize]byte, n int) {
	const lengthSize = 8
	p[copy(p[:], end)] = 0x80
	n = sha256.BlockSize
	if len(end) >= sha256.BlockSize-lengthSize {
		n *= 2
	}
	binary.BigEndian.PutUint64(p[n-lengthSize:], uint64(size)*8)
	return p, n
}

func (s *state) sum() (sum [sha256.Size]byte) {
	for i, w := range s {
		binary.BigEndian.PutUint32(sum[4*i:], w)
	}
	return sum
}
