// SPDX-License-Identifier: Apache-2.0

package deflate

import "encoding/binary"

// copyMatch copies length bytes, 3 to 258, to position out of dst, from offset
// bytes before. Beyond them it may write up to 31 bytes more.
func copyMatch(dst []byte, out, offset, length int) {
	switch {
	case offset == 1:
		repeat(dst[out:], dst[out-1], length)
		return
	case offset >= length:
		copy(dst[out:out+length], dst[out-offset:])
		return
	case offset < 8:
		w := (*[8]byte)(dst[out:])
		s := dst[out-offset:]
		for i := range w {
			w[i] = s[i]
		}
		out += 8
		length -= 8
		offset = widen(offset)
	}
	for ; length > 0; length -= 32 {
		w := (*[32]byte)(dst[out:])
		s := (*[32]byte)(dst[out-offset:])
		*(*[8]byte)(w[0:]) = *(*[8]byte)(s[0:])
		*(*[8]byte)(w[8:]) = *(*[8]byte)(s[8:])
		*(*[8]byte)(w[16:]) = *(*[8]byte)(s[16:])
		*(*[8]byte)(w[24:]) = *(*[8]byte)(s[24:])
		out += 32
	}
}

// widen returns the least multiple of an offset, 2 to 7, that is at least 8.
// What repeats after an offset repeats after its multiples.
func widen(offset int) int {
	return (7 + offset) / offset * offset
}

// repeat fills dst with n bytes b, and perhaps up to 31 more.
func repeat(dst []byte, b byte, n int) {
	if b == 0 {
		clear(dst[:n])
		return
	}
	v := uint64(b) * 0x0101010101010101
	for ; n > 0; n -= 32 {
		w := (*[32]byte)(dst)
		binary.LittleEndian.PutUint64(w[0:], v)
		binary.LittleEndian.PutUint64(w[8:], v)
		binary.LittleEndian.PutUint64(w[16:], v)
		binary.LittleEndian.PutUint64(w[24:], v)
		dst = dst[32:]
	}
}
