// SPDX-License-Identifier: Apache-2.0

package deflate

import "encoding/binary"

// Margins of the fast loop. A turn writes at most four literals and a match,
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
// before the match of the last turn was copied, so that neither waits for the other.
//
//nolint:funlen,nestif // One function keeps its state in registers. Split in two, or with a loop over the literals, it loses up to 8 % (ADR 0005).
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
		if e&flagLiteral != 0 {
			if len(src) < fastInput || len(w) < fastOutput {
				break
			}
			buf >>= e & 63
			n -= e
			w[0] = byte(e >> 8)
			e = t.litlen[buf&(1<<litlenBits-1)]
			if e&flagLiteral != 0 {
				buf >>= e & 63
				n -= e
				w[1] = byte(e >> 8)
				e = t.litlen[buf&(1<<litlenBits-1)]
				if e&flagLiteral != 0 {
					buf >>= e & 63
					n -= e
					w[2] = byte(e >> 8)
					e = t.litlen[buf&(1<<litlenBits-1)]
					if e&flagLiteral != 0 {
						buf >>= e & 63
						n -= e
						w[3] = byte(e >> 8)
						w = w[4:]
						buf |= binary.LittleEndian.Uint64(src) << (n & 63)
						src = src[^n>>3&7:]
						n |= 56
						e = t.litlen[buf&(1<<litlenBits-1)]
						continue
					}
					w = w[3:]
				} else {
					w = w[2:]
				}
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
		if e&flagExceptional != 0 {
			// A codeword of more than 11 bits, or the block's end.
			if e&flagSubtable != 0 {
				buf >>= litlenBits
				n -= litlenBits
				e = t.litlen[uint(e>>16)+uint(buf)&(1<<(e>>8&15)-1)]
			}
			if e&flagLiteral != 0 {
				buf >>= e & 63
				n -= e
				w[0] = byte(e >> 8)
				w = w[1:]
				buf |= binary.LittleEndian.Uint64(src) << (n & 63)
				src = src[^n>>3&7:]
				n |= 56
				e = t.litlen[buf&(1<<litlenBits-1)]
				continue
			}
			if e&flagExceptional != 0 {
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
		if e&flagExceptional != 0 {
			if e&flagSubtable != 0 {
				buf >>= offsetBits
				n -= offsetBits
				e = t.offset[uint(e>>16)+uint(buf)&(1<<(e>>8&15)-1)]
			}
			if e&flagExceptional != 0 {
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
		buf |= binary.LittleEndian.Uint64(src) << (n & 63)
		src = src[^n>>3&7:]
		n |= 56
		e = t.litlen[buf&(1<<litlenBits-1)]

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
// already. Because that is what the processor predicts, it
// need not wait for one symbol's entry to know where the next one starts.
func (d *Decoder) literals(t *tables) {
	r := &d.reader
	src, w := r.src[r.pos:], d.dst[d.out:]
	buf, n := r.buf, uint32(r.n)
	for len(src) >= 8 && len(w) >= 8 {
		buf |= binary.LittleEndian.Uint64(src) << (n & 63)
		src = src[^n>>3&7:]
		n |= 56
		i := 0
		for ; i < 5; i++ {
			v := t.byte8[uint8(buf)]
			if v > 255 {
				break
			}
			w[i] = byte(v)
			buf >>= 8
			n -= 8
		}
		e := t.litlen[buf&(1<<litlenBits-1)]
		if e&flagLiteral == 0 {
			w = w[i:]
			break
		}
		buf >>= e & 63
		n -= e
		w[i] = byte(e >> 8)
		w = w[i+1:]
	}
	n &= 63
	r.pos, r.buf, r.n = len(r.src)-len(src), buf&(1<<n-1), uint(n)
	d.out = len(d.dst) - len(w)
}
