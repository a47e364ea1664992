// SPDX-License-Identifier: Apache-2.0

package deflate

import "encoding/binary"

const (
	fastInput  = 32
	fastOutput = 512
)

// fast decodes symbols while the buffers have room for its wide loads and
// stores. It reports whether it came to the block's end.
func (d *Decoder) fast(t *tables) (done bool, err error) {
	src, dst := d.reader.src, d.dst
	in, out := d.reader.pos, d.out
	buf, n := d.reader.buf, d.reader.n

	for len(src)-in >= fastInput && len(dst)-out >= fastOutput {
		w := (*[fastOutput]byte)(dst[out:])
		// Refill
		buf |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
		in += int((63 - n) >> 3 & 7)
		n |= 56

		e := t.litlen[buf&(1<<litlenBits-1)]
		i := uint(0)
		if e&flagLiteral != 0 {
			buf >>= e & 63
			n -= uint(e & 63)
			binary.LittleEndian.PutUint16(w[:], uint16(e>>8))
			i = uint(e >> 24 & 3)
			e = t.litlen[buf&(1<<litlenBits-1)]
			if e&flagLiteral != 0 {
				buf >>= e & 63
				n -= uint(e & 63)
				binary.LittleEndian.PutUint16(w[i:], uint16(e>>8))
				i += uint(e >> 24 & 3)
				e = t.litlen[buf&(1<<litlenBits-1)]
				if e&flagLiteral != 0 {
					buf >>= e & 63
					n -= uint(e & 63)
					binary.LittleEndian.PutUint16(w[i:], uint16(e>>8))
					i += uint(e >> 24 & 3)
					out += int(i)
					continue
				}
			}
		}
		if e&flagExceptional != 0 {
			if e&flagSubtable == 0 {
				out += int(i)
				if e&flagEndOfBlock == 0 {
					err = ErrCorrupt
					break
				}
				buf >>= e & 63
				n -= uint(e & 63)
				done = true
				break
			}
			buf >>= litlenBits
			n -= litlenBits
			e = t.litlen[uint(e>>16)+uint(buf)&(1<<(e>>8&15)-1)]
			if e&flagLiteral != 0 {
				buf >>= e & 63
				n -= uint(e & 63)
				w[i] = byte(e >> 8)
				out += int(i) + 1
				continue
			}
			if e&flagExceptional != 0 {
				out += int(i)
				if e&flagEndOfBlock == 0 {
					err = ErrCorrupt
					break
				}
				buf >>= e & 63
				n -= uint(e & 63)
				done = true
				break
			}
		}
		length := int(e>>16) + int(buf&(1<<(e&63)-1)>>(e>>8&15))
		buf >>= e & 63
		n -= uint(e & 63)
		out += int(i)

		if n&63 < 28 {
			buf |= binary.LittleEndian.Uint64(src[in:]) << (n & 63)
			in += int((63 - n) >> 3 & 7)
			n |= 56
		}
		e = t.offset[buf&(1<<offsetBits-1)]
		if e&flagExceptional != 0 {
			if e&flagSubtable == 0 {
				err = ErrCorrupt
				break
			}
			buf >>= offsetBits
			n -= offsetBits
			e = t.offset[uint(e>>16)+uint(buf)&(1<<(e>>8&15)-1)]
			if e&flagExceptional != 0 {
				err = ErrCorrupt
				break
			}
		}
		offset := int(e>>16) + int(buf&(1<<(e&63)-1)>>(e>>8&15))
		buf >>= e & 63
		n -= uint(e & 63)
		if offset > out {
			err = ErrCorrupt
			break
		}
		copyMatch(dst, out, offset, length)
		out += length
	}
	n &= 63
	d.reader.pos, d.reader.buf, d.reader.n = in, buf&(1<<n-1), n
	d.out = out
	return done, err
}

func copyMatch(dst []byte, out, offset, length int) {
	w := (*[fastOutput - 8]byte)(dst[out:])
	s := (*[fastOutput - 8]byte)(dst[out-offset:])
	if offset >= 8 {
		for i := uint(0); i < uint(length) && i < 300; i += 8 {
			binary.LittleEndian.PutUint64(w[i:], binary.LittleEndian.Uint64(s[i:]))
		}
		return
	}
	for i := range uint(length) {
		w[i] = s[i]
	}
}
