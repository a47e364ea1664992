// SPDX-License-Identifier: Apache-2.0

package deflate

import (
	"encoding/binary"
	"errors"
)

// Errors of Decode. They are returned as they are, so that they may be compared.
var (
	// ErrCorrupt says that the input is not a DEFLATE stream.
	ErrCorrupt = errors.New("corrupt DEFLATE stream")
	// ErrShortBuffer says that the stream holds more than the output buffer can take.
	ErrShortBuffer = errors.New("DEFLATE stream is longer than its output buffer")
	// ErrTruncated says that the input ends before the stream does.
	ErrTruncated = errors.New("DEFLATE stream is truncated")
)

// Block types of RFC 1951, section 3.2.3.
const (
	blockStored  = 0
	blockFixed   = 1
	blockDynamic = 2
)

// A Decoder inflates whole buffers. It holds the Huffman tables, about 40 KiB,
// and is meant to be used again and again, by one goroutine at a time. The
// zero value is ready for use.
type Decoder struct {
	reader  bitReader
	dst     []byte
	out     int // bytes of dst that are written
	dynamic tables
	fixed   tables
	// hasFixed says that fixed has been built.
	hasFixed bool
	scratch  scratch
}

// Decode inflates the DEFLATE stream (RFC 1951) at the start of src into dst
// and returns how many bytes the stream holds. What follows the stream's end
// in src is ignored. The buffers must not overlap.
//
// ErrShortBuffer comes back with n == len(dst) when the stream holds more than
// that, ErrTruncated when src ends first, and ErrCorrupt when src breaks the
// format; dst[:n] then holds what was decoded before. The bytes of dst beyond
// n are undefined, whatever comes back.
func (d *Decoder) Decode(dst, src []byte) (n int, err error) {
	d.reader = bitReader{src: src}
	d.dst = dst
	d.out = 0
	for final := false; !final && err == nil; {
		final, err = d.block()
	}
	n = d.out
	d.reader.src = nil
	d.dst = nil
	return n, err
}

// block decodes one block and reports whether it was the last.
func (d *Decoder) block() (final bool, err error) {
	final, kind, err := d.blockHead()
	if err != nil {
		return false, err
	}
	if kind == blockStored {
		return final, d.stored()
	}
	t, err := d.tablesOf(kind)
	if err != nil {
		return false, err
	}
	return final, d.compressed(t)
}

// blockHead reads the three bits that a block begins with.
func (d *Decoder) blockHead() (final bool, kind uint, err error) {
	r := &d.reader
	r.refill()
	if r.n < 3 {
		return false, 0, ErrTruncated
	}
	final = r.take(1) == 1
	return final, r.take(2), nil
}

// tablesOf are the tables of a block that is not stored.
func (d *Decoder) tablesOf(kind uint) (*tables, error) {
	switch kind {
	case blockFixed:
		if !d.hasFixed {
			d.fixed.buildFixed(&d.scratch)
			d.hasFixed = true
		}
		return &d.fixed, nil
	case blockDynamic:
		return &d.dynamic, d.readTables()
	}
	return nil, ErrCorrupt
}

// stored copies a block that is not compressed (RFC 1951, section 3.2.4).
func (d *Decoder) stored() error {
	r := &d.reader
	r.alignToByte()
	if len(r.src)-r.pos < 4 {
		return ErrTruncated
	}
	length := binary.LittleEndian.Uint16(r.src[r.pos:])
	complement := binary.LittleEndian.Uint16(r.src[r.pos+2:])
	if length != ^complement {
		return ErrCorrupt
	}
	r.pos += 4

	size := int(length)
	body := r.src[r.pos:]
	n := copy(d.dst[d.out:], body[:min(size, len(body))])
	d.out += n
	r.pos += n
	switch {
	case n == size:
		return nil
	case d.out == len(d.dst):
		return ErrShortBuffer
	default:
		return ErrTruncated
	}
}

// compressed decodes the symbols of one block up to its end.
func (d *Decoder) compressed(t *tables) error {
	for d.roomy() {
		if t.flat {
			d.literals(t)
		}
		if done, err := d.fast(t); done || err != nil {
			return err
		}
	}
	return d.careful(t)
}

// roomy reports whether the margins of fast are kept.
func (d *Decoder) roomy() bool {
	return len(d.reader.src)-d.reader.pos >= fastInput && len(d.dst)-d.out >= fastOutput
}
