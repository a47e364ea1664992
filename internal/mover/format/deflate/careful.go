// SPDX-License-Identifier: Apache-2.0

package deflate

// truncated is what lookup returns where the input has too few bits. It
// consumes more bits than there are.
const truncated = 63

// careful decodes symbols to the block's end, with all the checks that fast
// need not make far from the buffers' ends.
func (d *Decoder) careful(t *tables) error {
	r := &d.reader
	for {
		// A length and an offset have at most 48 bits together.
		r.refill()
		e := r.lookup(t.litlen[:], litlenBits)
		switch {
		case literal(e):
			if err := d.putLiteral(e); err != nil {
				return err
			}
		case uint(e&63) > r.n:
			return ErrTruncated
		case exceptional(e) && e&flagEndOfBlock != 0:
			r.take(uint(e & 63))
			return nil
		case exceptional(e):
			return ErrCorrupt
		default:
			if err := d.putMatch(t, r.length(e)); err != nil {
				return err
			}
		}
	}
}

// lookup returns the entry of the next codeword. Where that has a subtable,
// it consumes the main table's bits; else nothing.
func (r *bitReader) lookup(table []uint32, tableBits uint) uint32 {
	e := table[r.buf&(1<<tableBits-1)]
	if literal(e) || !exceptional(e) || e&flagSubtable == 0 {
		return e
	}
	if r.n < tableBits {
		return truncated
	}
	r.take(tableBits)
	return table[uint(e>>16)+uint(r.buf)&(1<<(e>>8&15)-1)]
}

// value consumes the code and the extra bits of a length or an offset and
// returns it.
func (r *bitReader) value(e uint32) int {
	extra := r.take(uint(e&63)) >> (e >> 8 & 15)
	return int(e>>16) + int(extra)
}

// length consumes the code and the extra bits of a length and returns it.
func (r *bitReader) length(e uint32) int {
	extra := r.take(uint(e&63)) >> (e >> 8 & 15)
	return 3 + int(uint8(e>>16)) + int(extra)
}

// putLiteral writes the literal of an entry.
func (d *Decoder) putLiteral(e uint32) error {
	r := &d.reader
	if uint(e&63) > r.n {
		return ErrTruncated
	}
	r.take(uint(e & 63))
	if d.out == len(d.dst) {
		return ErrShortBuffer
	}
	d.dst[d.out] = byte(e >> 8)
	d.out++
	return nil
}

// putMatch reads an offset and copies length bytes from there.
func (d *Decoder) putMatch(t *tables, length int) error {
	r := &d.reader
	e := r.lookup(t.offset[:], offsetBits)
	if uint(e&63) > r.n {
		return ErrTruncated
	}
	if exceptional(e) {
		return ErrCorrupt
	}
	offset := r.value(e)
	if offset > d.out {
		return ErrCorrupt
	}
	end := min(d.out+length, len(d.dst))
	short := end-d.out < length
	// What is copied may be part of the match itself: each turn copies what
	// stands already, which is once, twice, four times the offset.
	for from := d.out - offset; d.out < end; {
		d.out += copy(d.dst[d.out:end], d.dst[from:d.out])
	}
	if short {
		return ErrShortBuffer
	}
	return nil
}
