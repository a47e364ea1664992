// SPDX-License-Identifier: Apache-2.0

package deflate_test

import (
	"github.com/novasphere/provider-wukong/internal/mover/format/deflate"
)

// A reference is an inflater that follows RFC 1951 one bit at a time, with
// zlib's rules for codes that are not complete. It is slow, and it has none of
// the tables, margins and wide copies that could be wrong in the real one.
type reference struct {
	src []byte
	bit int
	out []byte
	max int // how many bytes out may have
}

// inflate returns what the stream in src holds, up to limit bytes.
func inflate(src []byte, limit int) ([]byte, error) {
	r := &reference{src: src, max: limit}
	for {
		head, err := r.bits(3)
		if err != nil {
			return r.out, err
		}
		switch head >> 1 {
		case 0:
			err = r.stored()
		case 1:
			err = r.fixed()
		case 2:
			err = r.dynamic()
		default:
			err = deflate.ErrCorrupt
		}
		if err != nil || head&1 == 1 {
			return r.out, err
		}
	}
}

func (r *reference) bits(n int) (int, error) {
	if r.bit+n > 8*len(r.src) {
		return 0, deflate.ErrTruncated
	}
	v := 0
	for i := range n {
		v |= int(r.src[r.bit/8]>>(r.bit%8)&1) << i
		r.bit++
	}
	return v, nil
}

func (r *reference) put(b byte) error {
	if len(r.out) == r.max {
		return deflate.ErrShortBuffer
	}
	r.out = append(r.out, b)
	return nil
}

func (r *reference) stored() error {
	r.bit = (r.bit + 7) / 8 * 8
	head, err := r.bits(32)
	if err != nil {
		return err
	}
	if head&0xffff != ^head>>16&0xffff {
		return deflate.ErrCorrupt
	}
	for range head & 0xffff {
		if len(r.out) == r.max {
			return deflate.ErrShortBuffer
		}
		b, err := r.bits(8)
		if err != nil {
			return err
		}
		r.out = append(r.out, byte(b))
	}
	return nil
}

// A code is canonical: the codewords of one length are consecutive numbers.
type code struct {
	count   [16]int
	first   [16]int // the first codeword of a length
	syms    [16][]int
	longest int
}

// newCode assigns codewords as section 3.2.2 has it. It reports whether the
// code is complete, or may be used although it is not.
func newCode(lens []int) (c code, complete, usable bool) {
	for sym, l := range lens {
		if l > 0 {
			c.count[l]++
			c.syms[l] = append(c.syms[l], sym)
		}
	}
	c.longest = 1
	space := 1 << 15
	for l := 1; l <= 15; l++ {
		c.first[l] = (c.first[l-1] + c.count[l-1]) << 1
		space -= c.count[l] << (15 - l)
		if c.count[l] > 0 {
			c.longest = l
		}
	}
	single := c.count[1] == 1 && c.longest == 1
	return c, space == 0, space == 0 || single
}

func (r *reference) symbol(c *code) (int, error) {
	word := 0
	for l := 1; l <= c.longest; l++ {
		b, err := r.bits(1)
		if err != nil {
			return 0, err
		}
		word = word<<1 | b
		if i := word - c.first[l]; i < c.count[l] {
			return c.syms[l][i], nil
		}
	}
	return 0, deflate.ErrCorrupt
}

func (r *reference) fixed() error {
	lens := make([]int, 288)
	for i := range lens {
		switch {
		case i < 144, i >= 280:
			lens[i] = 8
		case i < 256:
			lens[i] = 9
		default:
			lens[i] = 7
		}
	}
	litlen, _, _ := newCode(lens)
	offset, _, _ := newCode([]int{
		5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
		5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5, 5,
	})
	return r.symbols(&litlen, &offset)
}

func (r *reference) dynamic() error {
	head, err := r.bits(14)
	if err != nil {
		return err
	}
	litlens, offsets, precodes := head&31+257, head>>5&31+1, head>>10+4
	if litlens > 286 || offsets > 30 {
		return deflate.ErrCorrupt
	}
	pre := make([]int, 19)
	for _, sym := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15}[:precodes] {
		if pre[sym], err = r.bits(3); err != nil {
			return err
		}
	}
	precode, complete, _ := newCode(pre)
	if !complete {
		return deflate.ErrCorrupt
	}
	lens, err := r.lengths(&precode, litlens+offsets)
	if err != nil {
		return err
	}
	litlen, _, okLitlen := newCode(lens[:litlens])
	offset, _, okOffset := newCode(lens[litlens:])
	okOffset = okOffset || offset.count == [16]int{}
	if lens[256] == 0 || !okLitlen || !okOffset {
		return deflate.ErrCorrupt
	}
	return r.symbols(&litlen, &offset)
}

func (r *reference) lengths(precode *code, n int) ([]int, error) {
	lens := []int{}
	for len(lens) < n {
		sym, err := r.symbol(precode)
		if err != nil {
			return nil, err
		}
		if sym < 16 {
			lens = append(lens, sym)
			continue
		}
		if sym == 16 && len(lens) == 0 {
			return nil, deflate.ErrCorrupt
		}
		run, err := r.bits([]int{2, 3, 7}[sym-16])
		if err != nil {
			return nil, err
		}
		value := 0
		if sym == 16 {
			value = lens[len(lens)-1]
		}
		for range run + []int{3, 3, 11}[sym-16] {
			lens = append(lens, value)
		}
	}
	if len(lens) > n {
		return nil, deflate.ErrCorrupt
	}
	return lens, nil
}

func (r *reference) symbols(litlen, offset *code) error {
	for {
		sym, err := r.symbol(litlen)
		switch {
		case err != nil:
			return err
		case sym == 256:
			return nil
		case sym < 256:
			err = r.put(byte(sym))
		default:
			err = r.match(sym-257, offset)
		}
		if err != nil {
			return err
		}
	}
}

func (r *reference) match(sym int, offset *code) error {
	if sym > 28 {
		return deflate.ErrCorrupt
	}
	length, err := r.extra(sym, 4, 3)
	if err != nil {
		return err
	}
	if sym == 28 {
		length = 258
	}
	if sym, err = r.symbol(offset); err != nil {
		return err
	}
	if sym > 29 {
		return deflate.ErrCorrupt
	}
	distance, err := r.extra(sym, 2, 1)
	if err != nil {
		return err
	}
	if distance > len(r.out) {
		return deflate.ErrCorrupt
	}
	for range length {
		if err := r.put(r.out[len(r.out)-distance]); err != nil {
			return err
		}
	}
	return nil
}

// extra returns a length or an offset from its symbol and its extra bits,
// of which every group of so many symbols has one more than the one before,
// but for the first two, which have none.
func (r *reference) extra(sym, group, base int) (int, error) {
	if group == 4 && sym == 28 {
		return 0, nil
	}
	if sym < 2*group {
		return sym + base, nil
	}
	n := sym/group - 1
	v, err := r.bits(n)
	return (group+sym%group)<<n + v + base, err
}
