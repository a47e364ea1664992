// SPDX-License-Identifier: Apache-2.0

// Package bitstream writes numbers of some bits each, the first one into the
// lowest bits of the first byte, as zstd and deflate both do.
package bitstream

import (
	"encoding/binary"
	"slices"
)

// slack is what Flush may touch behind what it writes, and what is held.
const slack = 24

// Writer appends to P. At most 57 bits fit between two calls of Flush. Inner
// loops take its fields into variables, as the compiler does not.
type Writer struct {
	P    []byte
	At   int    // where the next byte goes
	Held uint64 // bits that are not written
	N    uint   // how many; at most 7 behind Flush
}

// New makes a writer that appends at most n bytes to dst, and what ends a stream.
func New(dst []byte, n int) Writer {
	at := len(dst)
	dst = slices.Grow(dst, n+slack)
	return Writer{P: dst[:at+n+slack], At: at}
}

// Add adds the lowest bits of v; the others must be 0.
func (w *Writer) Add(v uint64, bits uint) {
	w.Held |= v << (w.N & 63)
	w.N += bits
}

// Flush writes what is held, but for the last bits that are no byte.
func (w *Writer) Flush() {
	binary.LittleEndian.PutUint64(w.P[w.At:], w.Held)
	w.At += int(w.N >> 3)
	w.Held >>= w.N &^ 7 & 63
	w.N &= 7
}

// Bytes fills the last byte up with zeros, and returns all that was appended to.
func (w *Writer) Bytes() []byte {
	w.Flush()
	if w.N > 0 {
		w.At++
		w.Held, w.N = 0, 0
	}
	return w.P[:w.At]
}
