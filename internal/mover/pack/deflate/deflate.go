// SPDX-License-Identifier: Apache-2.0

// Package deflate packs pieces of disks as raw deflate streams (RFC 1951), for
// speed, and with a window as small as the reader's: QEMU reads clusters with
// one of 4 KiB.
//
// Each 64 KiB become one block with Huffman codes of its own, or are stored
// where that is not smaller. The same piece always gives the same bytes.
package deflate

import (
	"encoding/binary"

	"github.com/novasphere/provider-wukong/internal/mover/pack/bitstream"
	"github.com/novasphere/provider-wukong/internal/mover/pack/huffman"
	"github.com/novasphere/provider-wukong/internal/mover/pack/lz77"
)

const (
	maxMatch = 258

	// Kinds of blocks (section 3.2.3).
	kindStored  = 0
	kindDynamic = 2

	// maxStored is the size of the largest stored block (section 3.2.4).
	maxStored = 1<<16 - 1

	endOfBlock    = 256
	firstLength   = 257
	literalCodes  = 286
	distanceCodes = 30

	// Four literals fit between two flushes: 7 bits held, and 4 times this.
	literalLimit = 12
	codeLimit    = 15
)

// Encoder makes streams. It serves one goroutine at a time.
type Encoder struct {
	matcher   *lz77.Matcher
	builder   huffman.Builder
	histogram huffman.Histogram
	literals  codes
	distances codes
	lengths   codes                       // of the other two codes' lengths
	lengthOf  [maxMatch + 1]extended      // the code of a match's length, counted from firstLength
	matches   [maxMatch + 1]uint64        // the whole code of a match's length
	runs      [literalCodes * 2]lengthRun // which describe the codes
}

// NewEncoder makes an encoder of streams for readers with a window, of at most
// 32 KiB.
func NewEncoder(window int) *Encoder {
	return &Encoder{
		matcher:   lz77.New(lz77.MinMatch, maxMatch, window),
		literals:  newCodes(literalCodes),
		distances: newCodes(distanceCodes),
		lengths:   newCodes(len(lengthOrder)),
		lengthOf:  newMatchLengths(),
	}
}

// Append appends a stream of p to dst.
func (e *Encoder) Append(dst, p []byte) []byte {
	e.matcher.Reset()
	w := bitstream.New(dst, 0)
	for from := 0; ; from += lz77.BlockSize {
		end := min(from+lz77.BlockSize, len(p))
		e.appendBlock(&w, p[:end], from, end == len(p))
		if end == len(p) {
			return w.Bytes()
		}
	}
}

// appendBlock appends the block p[from:].
func (e *Encoder) appendBlock(w *bitstream.Writer, p []byte, from int, last bool) {
	final := uint64(0)
	if last {
		final = 1
	}
	found := e.matcher.Find(p, from)
	runs, bits := e.plan(found)
	if bits/8 >= len(p)-from+10 {
		store(w, p[from:], final)
		return
	}
	room(w, bits/8+64)
	w.Add(final|kindDynamic<<1, 3)
	e.appendCodes(w, runs)
	e.appendFound(w, found)
}

// room makes room for n bytes.
func room(w *bitstream.Writer, n int) {
	more := bitstream.New(w.P[:w.At], n)
	w.P = more.P
}

// store appends blocks of p as it is.
func store(w *bitstream.Writer, p []byte, final uint64) {
	for {
		n := min(len(p), maxStored)
		room(w, n+16)
		if n == len(p) {
			w.Add(final, 3)
		} else {
			w.Add(kindStored, 3)
		}
		w.Bytes()
		binary.LittleEndian.PutUint16(w.P[w.At:], uint16(n))
		binary.LittleEndian.PutUint16(w.P[w.At+2:], ^uint16(n))
		copy(w.P[w.At+4:], p[:n])
		w.At += 4 + n
		if p = p[n:]; len(p) == 0 {
			return
		}
	}
}

// plan makes the codes for what was found. It returns their description and
// how many bits the block needs.
func (e *Encoder) plan(found lz77.Found) (runs []lengthRun, bits int) {
	copy(e.literals.counts, e.histogram.Count(found.Literals)[:])
	clear(e.literals.counts[endOfBlock:])
	clear(e.distances.counts)
	e.literals.counts[endOfBlock] = 1
	for _, q := range found.Sequences {
		e.literals.counts[firstLength+uint32(e.lengthOf[q.Match].symbol)]++
		e.distances.counts[distanceOf(q.Distance).symbol]++
	}
	bits = e.literals.build(&e.builder, literalLimit) + e.distances.build(&e.builder, codeLimit)
	for i, n := range e.literals.counts[firstLength:] {
		bits += int(n) * int(lengthBits[i])
	}
	for i, n := range e.distances.counts {
		bits += int(n) * int(distanceBits(uint32(i)))
	}
	runs = e.describe()
	return runs, bits + e.lengths.build(&e.builder, maxLengthCode) + e.descriptionBits(runs)
}

// appendFound appends literals, matches and the end of the block.
func (e *Encoder) appendFound(w *bitstream.Writer, found lz77.Found) {
	for n := uint32(3); n <= maxMatch; n++ {
		c := e.lengthOf[n]
		symbol := firstLength + uint32(c.symbol)
		code, bits := e.literals.bits[symbol]>>8, e.literals.bits[symbol]&0xff
		e.matches[n] = uint64(code|c.open<<bits)<<8 | uint64(bits+uint32(c.bits))
	}
	rest := found.Literals
	for _, q := range found.Sequences {
		e.appendLiterals(w, rest[:q.Literals])
		rest = rest[q.Literals:]
		m := e.matches[q.Match]
		c := distanceOf(q.Distance)
		d := e.distances.bits[c.symbol]
		// In one go: at most 12 + 5 + 15 + 13 bits.
		v := m >> 8
		n := uint(m & 0xff)
		v |= uint64(d>>8) << (n & 63)
		n += uint(d & 0xff)
		v |= uint64(c.open) << (n & 63)
		w.Add(v, n+uint(c.bits))
		w.Flush()
	}
	e.appendLiterals(w, rest)
	end := e.literals.bits[endOfBlock]
	w.Add(uint64(end>>8), uint(end&0xff))
	w.Flush()
}

// appendLiterals appends the codes of p.
func (e *Encoder) appendLiterals(w *bitstream.Writer, p []byte) {
	codes := (*[256]uint32)(e.literals.bits)
	// In registers: the compiler keeps a struct whose methods change it in memory.
	out, at, held, n := w.P, w.At, w.Held, w.N
	for ; len(p) >= 4; p = p[4:] {
		v := binary.LittleEndian.Uint32(p)
		a, b, c, d := codes[v&0xff], codes[v>>8&0xff], codes[v>>16&0xff], codes[v>>24]
		ab := uint64(a>>8) | uint64(b>>8)<<(a&31)
		cd := uint64(c>>8) | uint64(d>>8)<<(c&31)
		nab := uint(a&0xff + b&0xff)
		held |= (ab | cd<<(nab&63)) << (n & 63)
		n += nab + uint(c&0xff+d&0xff)
		binary.LittleEndian.PutUint64(out[at:], held)
		at += int(n >> 3)
		held >>= n &^ 7 & 63
		n &= 7
	}
	for _, v := range p {
		held |= uint64(codes[v]>>8) << (n & 63)
		n += uint(codes[v] & 0xff)
	}
	binary.LittleEndian.PutUint64(out[at:], held)
	w.At, w.Held, w.N = at+int(n>>3), held>>(n&^7&63), n&7
}
