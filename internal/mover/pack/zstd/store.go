// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"encoding/binary"
	"unsafe"

	"github.com/novasphere/provider-wukong/internal/mover/pack/bitstream"
)

// The stores of the inner loops are not checked against the slice's length:
// bitstream.New has made room for all that a stream can need, and checking
// costs a twentieth of the encoder's time, mostly for registers. The race
// detector's tests check them all the same (checkptr).

// nextByte is where the next byte of a stream goes.
func nextByte(w *bitstream.Writer) unsafe.Pointer {
	return unsafe.Pointer(&w.P[w.At]) //nolint:gosec // The reason stands above.
}

// put writes eight bytes.
func put(at unsafe.Pointer, v uint64) { binary.LittleEndian.PutUint64((*[8]byte)(at)[:], v) }

// past tells how many bytes at is behind begin.
func past(begin, at unsafe.Pointer) int { return int(uintptr(at) - uintptr(begin)) }
