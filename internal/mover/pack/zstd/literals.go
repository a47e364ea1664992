// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"
	"unsafe"

	"github.com/novasphere/provider-wukong/internal/mover/pack/bitstream"
	"github.com/novasphere/provider-wukong/internal/mover/pack/huffman"
)

// Kinds of literals (RFC 8878 section 3.1.1.3.1.1).
const (
	literalsRaw        = 0
	literalsRepeated   = 1
	literalsCompressed = 2
)

const (
	// maxCode is the length of the longest Huffman code (section 4.2.1).
	maxCode = 11

	// maxWeightLog is the accuracy of the table that packs a Huffman code's
	// weights.
	maxWeightLog = 6

	// fewLiterals are written as they are: a code costs more than it saves.
	fewLiterals = 64

	// oneStream is below this many literals, four streams from it on.
	oneStream = 256

	// worthwhile is the part of the literals that a code must save: less is
	// not worth a reader's time.
	worthwhile = 32

	// A sample is so many bytes of each step, and at least so many times.
	sampleSize = 64
	sampleStep = 2 << 10
	fewSamples = 8

	// evenShare is the part by which equal bytes may be more frequent than
	// where all values occur equally often. A sample of 64 KiB of noise is off
	// by less than a thirtieth; what a code would save is less than worthwhile.
	evenShare = 8
)

// literals writes the literals section of a block.
type literals struct {
	builder huffman.Builder
	weights fse

	histogram huffman.Histogram
	lengths   [256]uint8
	codes     [256]uint64 // the code in the highest bits, and its length in the lowest 8
	packed    []byte
}

// append appends the section, or tells false if the literals alone are not
// below so many bytes.
func (l *literals) append(dst, p []byte, below int) (section []byte, smaller bool) {
	if len(p) > 0 && uniform(p) {
		return append(appendSize(dst, literalsRepeated, len(p)), p[0]), true
	}
	if l.choose(p) && l.pack(p) {
		return append(appendSizes(dst, len(p), len(l.packed)), l.packed...), true
	}
	if len(p) >= below {
		return dst, false
	}
	return append(appendSize(dst, literalsRaw, len(p)), p...), true
}

// choose finds the lengths of codes for p, and tells whether they are worth it.
func (l *literals) choose(p []byte) bool {
	if len(p) < fewLiterals || even(p) {
		return false
	}
	counts := l.histogram.Count(p)
	most := uint32(0)
	for _, n := range counts {
		most = max(most, n)
	}
	if int(most) < len(p)/128+4 {
		return false
	}
	l.builder.Lengths(l.lengths[:], counts[:], maxCode)
	bits := 0
	for i, n := range counts {
		bits += int(n) * int(l.lengths[i])
	}
	return bits/8+len(p)/worthwhile < len(p)
}

// even tells from a sample whether all values seem to occur equally often, so
// that no code is worth it: by how often two bytes are the same, which is least
// then.
func even(p []byte) bool {
	if len(p) < fewSamples*sampleStep {
		return false
	}
	var counts [256]uint16
	n := 0
	for at := 0; at+sampleSize <= len(p); at += sampleStep {
		for _, v := range p[at : at+sampleSize] {
			counts[v]++
		}
		n += sampleSize
	}
	pairs := 0
	for _, c := range &counts {
		pairs += int(c) * (int(c) - 1)
	}
	return pairs*len(counts)*evenShare < n*(n-1)*(evenShare+1)
}

// pack makes the code's description and the streams. It tells false if the
// weights of the code cannot be described.
func (l *literals) pack(p []byte) bool {
	longest := uint8(0)
	for _, n := range l.lengths {
		longest = max(longest, n)
	}
	var ok bool
	if l.packed, ok = l.appendWeights(l.packed[:0], longest); !ok {
		return false
	}
	l.assign(longest)
	if len(p) < oneStream {
		l.packed = l.appendStream(l.packed, p)
		return true
	}
	// Three sizes, of which the last stream needs none.
	quarter, sizes := (len(p)+3)/4, len(l.packed)
	l.packed = append(l.packed, make([]byte, 6)...)
	for i := range 4 {
		begun := len(l.packed)
		l.packed = l.appendStream(l.packed, p[i*quarter:min(len(p), (i+1)*quarter)])
		if size := len(l.packed) - begun; i < 3 {
			l.packed[sizes+2*i], l.packed[sizes+2*i+1] = byte(size), byte(size>>8)
		}
	}
	return true
}

// assign gives the codes: those of the longest begin with 0, and the next
// shorter ones go on behind them (section 4.2.1.3).
func (l *literals) assign(longest uint8) {
	var of, next [maxCode + 2]uint32
	for _, n := range l.lengths {
		of[n]++
	}
	code := uint32(0)
	for n := longest; n > 0; n-- {
		next[n] = code
		code = (code + of[n]) >> 1
	}
	for i, n := range l.lengths {
		l.codes[i] = uint64(next[n])<<(64-n&63) | uint64(n)
		next[n]++
	}
}

// appendWeights appends the description of the code (section 4.2.1.1).
func (l *literals) appendWeights(dst []byte, longest uint8) ([]byte, bool) {
	var weights [256]uint8
	var counts [maxCode + 2]uint32
	last := 0
	for i, n := range l.lengths {
		if n > 0 {
			weights[i] = longest + 1 - n
			last = i
		}
	}
	// The last one is what is missing.
	listed := weights[:last]
	for _, w := range listed {
		counts[w]++
	}
	dst = append(dst, 0)
	begun := len(dst)
	if packed, ok := l.packWeights(dst, listed, counts[:]); ok && (len(listed) > 128 || len(packed)-begun < (len(listed)+1)/2) {
		packed[begun-1] = byte(len(packed) - begun)
		return packed, len(packed)-begun < 128
	}
	if len(listed) > 128 {
		return dst, false
	}
	dst[begun-1] = byte(127 + len(listed))
	for i := 0; i < len(listed); i += 2 {
		dst = append(dst, weights[i]<<4|weights[i+1]) //nolint:gosec // At most 128 of 256 are listed.
	}
	return dst, true
}

// packWeights appends the weights in an FSE code with two states that take
// turns (section 4.2.1.2).
func (l *literals) packWeights(dst []byte, weights []uint8, counts []uint32) ([]byte, bool) {
	used, most := 0, uint32(0)
	for i, n := range counts {
		if n > 0 {
			used = i + 1
		}
		most = max(most, n)
	}
	if len(weights) < 3 || most <= 1 || int(most) == len(weights) {
		return dst, false
	}
	f := &l.weights
	f.set(counts[:used], len(weights), tableLog(len(weights), used, maxWeightLog))
	dst = f.appendTo(dst)
	w := bitstream.New(dst, len(weights))
	n := len(weights)
	states := [2]uint32{}
	states[(n-1)&1] = f.start(weights[n-1])
	states[(n-2)&1] = f.start(weights[n-2])
	for i := n - 3; i >= 0; i-- {
		var v uint64
		var bits uint
		v, bits, states[i&1] = f.step(states[i&1], weights[i])
		w.Add(v, bits)
		w.Flush()
	}
	f.stop(&w, states[1])
	f.stop(&w, states[0])
	return end(&w), true
}

// appendStream appends the codes of p, the last one first.
func (l *literals) appendStream(dst, p []byte) []byte {
	w := bitstream.New(dst, len(p)*maxCode/8)
	codes := &l.codes
	// The highest n bits are held, and what is below them, lengths of codes
	// among it, is of no account.
	begin := nextByte(&w)
	at, held, n := begin, uint64(0), uint64(0)
	for ; len(p)&3 != 0; p = p[:len(p)-1] {
		c := codes[p[len(p)-1]]
		held = held>>(c&63) | c
		n += c & 0xff
	}
	for ; len(p) >= 4; p = p[:len(p)-4] {
		q := binary.LittleEndian.Uint32(p[len(p)-4:])
		put(at, held>>(-n&63))
		at = unsafe.Add(at, n>>3)
		a, b, c, d := codes[q>>24], codes[q>>16&0xff], codes[q>>8&0xff], codes[q&0xff]
		held = held>>(a&63) | a
		held = held>>(b&63) | b
		held = held>>(c&63) | c
		held = held>>(d&63) | d
		n = n&7 + (a+b+c+d)&0xff
	}
	w.At, w.Held, w.N = w.At+past(begin, at), held>>(-n&63), uint(n)
	w.Flush()
	return end(&w)
}

// appendSize appends the header of literals that are raw or repeated.
func appendSize(dst []byte, kind, size int) []byte {
	switch {
	case size < 1<<5:
		return append(dst, byte(kind|size<<3))
	case size < 1<<12:
		return append(dst, byte(kind|1<<2|size<<4), byte(size>>4))
	default:
		return append(dst, byte(kind|3<<2|size<<4), byte(size>>4), byte(size>>12))
	}
}

// appendSizes appends the header of literals that are compressed.
func appendSizes(dst []byte, size, packed int) []byte {
	h := uint64(literalsCompressed)
	switch {
	case size < oneStream:
		h |= uint64(size)<<4 | uint64(packed)<<14
		return append(dst, byte(h), byte(h>>8), byte(h>>16))
	case size < 1<<10:
		h |= 1<<2 | uint64(size)<<4 | uint64(packed)<<14
		return append(dst, byte(h), byte(h>>8), byte(h>>16))
	case size < 1<<14:
		h |= 2<<2 | uint64(size)<<4 | uint64(packed)<<18
		return append(dst, byte(h), byte(h>>8), byte(h>>16), byte(h>>24))
	default:
		h |= 3<<2 | uint64(size)<<4 | uint64(packed)<<22
		return append(dst, byte(h), byte(h>>8), byte(h>>16), byte(h>>24), byte(h>>32))
	}
}
