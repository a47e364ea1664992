// SPDX-License-Identifier: Apache-2.0

package deflate

import "encoding/binary"

// Margins of the fast loop. A turn writes at most three literals and a match,
// which is copied in steps of 32 bytes, and fills the bit buffer twice. The
// numbers are a little larger than that needs, such that the compiler sees
// that no access can be out of bounds, and leaves its checks out.
const (
	matchInput  = 16
	matchOutput = 3 + 255 + 63
	fastInput   = matchInput + 8
	fastOutput  = matchOutput + 4
)

// fast decodes symbols while both buffers have room for its wide loads and
// stores, and reports whether it came to the block's end. With a flat code it
// returns after each turn.
//
// Each turn starts with e, the entry for the next bits, at hand: it was looked up
// before the match of the last turn was copied, and before the bit buffer was filled
// again, so that none of the three waits for another. A filled buffer allows that: all of its
// 64 bits are the input's, of which 56 may be consumed. Three literals take 33 of them, as their
// entries stand in the main table, and a length and an offset at most 48; a look needs 11.
//
//nolint:funlen // One function keeps its state in registers. Split in two, or with a loop over the literals, it loses up to 8 % (ADR 0005).
func (d *Decoder) fast(t *tables) (done bool, err error) {
	dst := d.dst[:len(d.dst):len(d.dst)] // A known capacity is one register less.
	src, w := d.reader.src[d.reader.pos:], dst[d.out:]
	if len(src) < fastInput || len(w) < fastOutput {
		return false, nil
	}
	buf, n := d.reader.buf|binary.LittleEndian.Uint64(src)<<(d.reader.n&63), uint32(d.reader.n)
	src = src[^n>>3&7:]
	n |= 56
	e := t.litlen[buf&(1<<litlenBits-1)]

	for again := true; again; again = !t.flat {
		if literal(e) {
			if len(src) < fastInput || len(w) < fastOutput {
				break
			}
			buf >>= e & 63
			n -= e
			w[0] = byte(e >> 8)
			e = t.litlen[buf&(1<<litlenBits-1)]
			if literal(e) {
				buf >>= e & 63
				n -= e
				w[1] = byte(e >> 8)
				e = t.litlen[buf&(1<<litlenBits-1)]
				if literal(e) {
					buf >>= e & 63
					n -= e
					w[2] = byte(e >> 8)
					w = w[3:]
					e = t.litlen[buf&(1<<litlenBits-1)]
					buf |= binary.LittleEndian.Uint64(src) << (n & 63)
					src = src[^n>>3&7:]
					n |= 56
					continue
				}
				w = w[2:]
			} else {
				w = w[1:]
			}
			buf |= binary.LittleEndian.Uint64(src) << (n & 63)
			src = src[^n>>3&7:]
			n |= 56
		}
		if len(src) < matchInput || len(w) < matchOutput {
			break
		}
		if exceptional(e) {
			// A codeword of more than 11 bits, or the block's end.
			if e&flagSubtable != 0 {
				buf >>= litlenBits
				n -= litlenBits
				e = t.litlen[uint(e>>16)+uint(buf)&(1<<(e>>8&15)-1)]
			}
			if literal(e) {
				buf >>= e & 63
				n -= e
				w[0] = byte(e >> 8)
				w = w[1:]
				e = t.litlen[buf&(1<<litlenBits-1)]
				buf |= binary.LittleEndian.Uint64(src) << (n & 63)
				src = src[^n>>3&7:]
				n |= 56
				continue
			}
			if exceptional(e) {
				buf >>= e & 63
				n -= e
				if done = e&flagEndOfBlock != 0; !done {
					err = ErrCorrupt
				}
				break
			}
		}
		length := 3 + int(uint8(e>>16)) + int(uint32(buf>>(e>>8&63))&(e>>26))
		buf >>= e & 63
		n -= e

		e = t.offset[buf&(1<<offsetBits-1)]
		if exceptional(e) {
			if e&flagSubtable != 0 {
				buf >>= offsetBits
				n -= offsetBits
				e = t.offset[uint(e>>16)+uint(buf)&(1<<(e>>8&15)-1)]
			}
			if exceptional(e) {
				err = ErrCorrupt
				break
			}
		}
		offset := int(e>>16) + int(buf&(1<<(e&63)-1)>>(e>>8&63))
		from := len(dst) - len(w) - offset
		if from < 0 {
			err = ErrCorrupt
			break
		}
		buf >>= e & 63
		n -= e
		e = t.litlen[buf&(1<<litlenBits-1)]
		buf |= binary.LittleEndian.Uint64(src) << (n & 63)
		src = src[^n>>3&7:]
		n |= 56

		if offset < 8 || length > 32 {
			copyMatch(dst, len(dst)-len(w), offset, length)
			w = w[length:]
			continue
		}
		s := dst[from : from+32 : from+32]
		*(*[8]byte)(w[0:]) = *(*[8]byte)(s[0:])
		*(*[8]byte)(w[8:]) = *(*[8]byte)(s[8:])
		*(*[8]byte)(w[16:]) = *(*[8]byte)(s[16:])
		*(*[8]byte)(w[24:]) = *(*[8]byte)(s[24:])
		w = w[length:]
	}
	n &= 63
	d.reader.pos, d.reader.buf, d.reader.n = len(d.reader.src)-len(src), buf&(1<<n-1), uint(n)
	d.out = len(dst) - len(w)
	return done, err
}

// literals decodes literals, up to another symbol, of a flat code: one in
// which nearly all have codewords of 8 bits, as in data that were compressed
// already. It takes seven of those at once and asks once whether they were; only
// where they were not must it wait for one symbol's entry to know where the next
// one starts.
func (d *Decoder) literals(t *tables) {
	r := &d.reader
	src, w := r.src[r.pos:], d.dst[d.out:]
	buf, n := r.buf, uint32(r.n)
	for len(src) >= 8 && len(w) >= 8 {
		buf |= binary.LittleEndian.Uint64(src) << (n & 63)
		src = src[^n>>3&7:]
		n |= 56
		v0, v1, v2, v3 := t.byte8[uint8(buf)], t.byte8[uint8(buf>>8)], t.byte8[uint8(buf>>16)], t.byte8[uint8(buf>>24)]
		v4, v5, v6 := t.byte8[uint8(buf>>32)], t.byte8[uint8(buf>>40)], t.byte8[uint8(buf>>48)]
		if v0|v1|v2|v3|v4|v5|v6 < noByte {
			w[0], w[1], w[2], w[3], w[4], w[5], w[6] = byte(v0), byte(v1), byte(v2), byte(v3), byte(v4), byte(v5), byte(v6)
			w = w[7:]
			buf >>= 56
			n -= 56
			continue
		}
		e, i := t.litlen[buf&(1<<litlenBits-1)], 0
		for ; i < 4 && literal(e); i++ {
			w[i] = byte(e >> 8)
			buf >>= e & 63
			n -= e
			e = t.litlen[buf&(1<<litlenBits-1)]
		}
		w = w[i:]
		if !literal(e) {
			break
		}
	}
	n &= 63
	r.pos, r.buf, r.n = len(r.src)-len(src), buf&(1<<n-1), uint(n)
	d.out = len(d.dst) - len(w)
}
