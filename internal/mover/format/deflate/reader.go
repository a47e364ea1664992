// SPDX-License-Identifier: Apache-2.0

package deflate

import (
	"encoding/binary"
	"errors"
	"io"
)

const (
	// window is how far back a match can be (RFC 1951, section 2).
	window = 32 << 10

	// inputSize and outputSize are what a Reader holds of what it reads and of
	// what it makes, beside the window.
	inputSize  = 128 << 10
	outputSize = 256 << 10

	// wanted is how much input a Reader has at hand before it begins anything,
	// where there is as much: more than the longest header of a block.
	wanted = 1 << 10

	// atEnd is the room that the last bytes of the input need at most: they, and
	// what the bit buffer holds, are 40 bytes, and two bits can be a match of 258.
	atEnd = 160*258 + fastOutput
)

// A Reader inflates streams (RFC 1951) that are in files: one after the other,
// with whatever the files' format has around them. It holds half a megabyte and
// is used by one goroutine at a time.
type Reader struct {
	decoder Decoder
	src     io.Reader
	err     error // of src

	in    []byte // of which the decoder reads the rest
	taken int    // bytes of the decoder's output that were read

	failed   error // how the decoder failed, once what it made is read
	inStream bool
	final    bool    // this block is the last
	table    *tables // of the block; nil: it is stored, or none has begun
	stored   int     // bytes that are left of a stored block
}

// NewReader returns a reader of src, whose first stream begins with Begin.
func NewReader(src io.Reader) *Reader {
	r := &Reader{src: src, in: make([]byte, 0, inputSize)}
	r.decoder.dst = make([]byte, window+outputSize)
	return r
}

// Next returns the next n bytes, at most 1024, of the file that are in no stream.
// It gives io.EOF if there are none, and io.ErrUnexpectedEOF with what there is
// if there are fewer. They are valid until the next call.
func (r *Reader) Next(n int) ([]byte, error) {
	p, err := r.Peek(n)
	r.decoder.reader.pos += len(p)
	return p, err
}

// Peek is Next, but leaves the bytes where they are.
func (r *Reader) Peek(n int) ([]byte, error) {
	r.fill(n)
	p := r.decoder.reader.src[r.decoder.reader.pos:]
	switch {
	case len(p) >= n:
		return p[:n], nil
	case !errors.Is(r.err, io.EOF):
		return p, r.err
	case len(p) == 0:
		return p, io.EOF
	}
	return p, io.ErrUnexpectedEOF
}

// Begin begins a stream where the last one, or Next, has ended.
func (r *Reader) Begin() {
	r.decoder.out, r.taken = 0, 0
	r.inStream, r.final, r.table, r.stored, r.failed = true, false, nil, 0, nil
}

// Read implements io.Reader. It gives io.EOF at the end of each stream, and
// io.ErrUnexpectedEOF or ErrCorrupt as Decode gives ErrTruncated or ErrCorrupt.
func (r *Reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for r.taken == r.decoder.out {
		switch {
		case r.failed != nil:
			return 0, r.failed
		case !r.inStream:
			return 0, io.EOF
		}
		r.slide()
		if err := r.inflate(); err != nil {
			r.failed = r.reason(err)
		}
	}
	n := copy(p, r.decoder.dst[r.taken:r.decoder.out])
	r.taken += n
	return n, nil
}

// reason gives an error of the decoder as one of a reader.
func (r *Reader) reason(err error) error {
	switch {
	case !errors.Is(err, ErrTruncated):
		return err
	case r.err != nil && !errors.Is(r.err, io.EOF):
		return r.err
	}
	return io.ErrUnexpectedEOF
}

// slide makes room behind the window.
func (r *Reader) slide() {
	d := &r.decoder
	if len(d.dst)-d.out >= outputSize/2 {
		return
	}
	d.out = copy(d.dst, d.dst[d.out-window:d.out])
	r.taken = d.out
}

// fill reads until n bytes are at hand, or src ends.
func (r *Reader) fill(n int) {
	b := &r.decoder.reader
	if len(b.src)-b.pos >= n {
		return
	}
	// The bit buffer may give back what it holds.
	held := min(b.pos, 8)
	r.in = append(r.in[:0], b.src[b.pos-held:]...)
	for tries := 0; len(r.in)-held < n && r.err == nil; {
		var k int
		k, r.err = r.src.Read(r.in[len(r.in):cap(r.in)])
		r.in = r.in[:len(r.in)+k]
		if tries++; k > 0 {
			tries = 0
		}
		if tries == 100 {
			r.err = io.ErrNoProgress
		}
	}
	b.src, b.pos = r.in, held
}

// inflate decodes until there is something to read, or the stream ends.
func (r *Reader) inflate() error {
	r.fill(wanted)
	switch {
	case r.stored > 0:
		return r.copyStored()
	case r.table != nil:
		return r.decode()
	case r.final:
		r.inStream = false
		r.decoder.reader.alignToByte()
		return nil
	}
	return r.begin()
}

// begin reads the head of a block.
func (r *Reader) begin() error {
	d := &r.decoder
	final, kind, err := d.blockHead()
	if err != nil {
		return err
	}
	r.final = final
	if kind != blockStored {
		r.table, err = d.tablesOf(kind)
		return err
	}
	b := &d.reader
	b.alignToByte()
	if len(b.src)-b.pos < 4 {
		return ErrTruncated
	}
	r.stored = int(binary.LittleEndian.Uint16(b.src[b.pos:]))
	if uint16(r.stored) != ^binary.LittleEndian.Uint16(b.src[b.pos+2:]) {
		return ErrCorrupt
	}
	b.pos += 4
	return nil
}

// copyStored copies what is at hand of a stored block.
func (r *Reader) copyStored() error {
	d := &r.decoder
	b := &d.reader
	body := b.src[b.pos:]
	n := copy(d.dst[d.out:], body[:min(r.stored, len(body))])
	if n == 0 {
		return ErrTruncated
	}
	d.out += n
	b.pos += n
	r.stored -= n
	return nil
}

// decode decodes symbols, to the block's end, or as long as the margins are kept.
func (r *Reader) decode() error {
	d := &r.decoder
	for d.roomy() {
		if r.table.flat {
			d.literals(r.table)
		}
		done, err := d.fast(r.table)
		if err != nil {
			return err
		}
		if done {
			r.table = nil
			return nil
		}
	}
	if r.err == nil || len(d.reader.src)-d.reader.pos >= fastInput || len(d.dst)-d.out < atEnd {
		return nil // More input or room comes with the next turn.
	}
	if err := d.careful(r.table); err != nil {
		return err
	}
	r.table = nil
	return nil
}
