// SPDX-License-Identifier: Apache-2.0

package huffman

import "encoding/binary"

// A Histogram counts bytes. Its first table has the result; the others keep
// equal neighbours from waiting for each other.
type Histogram [4][256]uint32

// Count counts the bytes of p, and forgets what was counted before.
func (h *Histogram) Count(p []byte) *[256]uint32 {
	*h = Histogram{}
	a, b, c, d := &h[0], &h[1], &h[2], &h[3]
	for ; len(p) >= 8; p = p[8:] {
		v := binary.LittleEndian.Uint64(p)
		a[v&0xff]++
		b[v>>8&0xff]++
		c[v>>16&0xff]++
		d[v>>24&0xff]++
		a[v>>32&0xff]++
		b[v>>40&0xff]++
		c[v>>48&0xff]++
		d[v>>56]++
	}
	for _, v := range p {
		a[v]++
	}
	for i := range a {
		a[i] += b[i] + c[i] + d[i]
	}
	return a
}
