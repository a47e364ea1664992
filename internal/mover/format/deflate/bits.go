// SPDX-License-Identifier: Apache-2.0

package deflate

import "encoding/binary"

// A bitReader reads a buffer as a stream of bits, least significant first.
type bitReader struct {
	src []byte
	pos int    // the next byte of src to enter buf
	buf uint64 // the next bits, least significant first
	n   uint   // how many bits of buf are valid; those above are zero
}

// refill makes at least 56 bits valid, or all that are left.
func (r *bitReader) refill() {
	if len(r.src)-r.pos >= 8 {
		// Whole bytes only: the bits of a partly used byte would enter twice.
		free := (63 - r.n) >> 3
		w := binary.LittleEndian.Uint64(r.src[r.pos:])
		w &= 1<<(free*8) - 1
		r.buf |= w << (r.n & 63)
		r.pos += int(free)
		r.n += free * 8
		return
	}
	for r.n <= 56 && r.pos < len(r.src) {
		r.buf |= uint64(r.src[r.pos]) << r.n
		r.pos++
		r.n += 8
	}
}

// take consumes and returns the next n bits, which must be valid.
func (r *bitReader) take(n uint) uint {
	v := uint(r.buf & (1<<n - 1))
	r.buf >>= n
	r.n -= n
	return v
}

// alignToByte drops the rest of the byte that was begun and gives whole bytes
// back to src.
func (r *bitReader) alignToByte() {
	r.pos -= int(r.n / 8)
	r.buf, r.n = 0, 0
}
