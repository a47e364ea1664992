// SPDX-License-Identifier: Apache-2.0

package lz77

import (
	"encoding/binary"
	"unsafe"
)

// The loads of the inner loop are not checked against the slice's length: Find
// keeps to it (margin), and checking costs a fifth of its time. The race
// detector's tests check them all the same (checkptr).

func pointer(p []byte) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(p)) //nolint:gosec // The reason stands above.
}

func byteAt(p unsafe.Pointer, i int) byte { return *(*byte)(unsafe.Add(p, i)) }

func load64(p unsafe.Pointer, i int) uint64 {
	return binary.LittleEndian.Uint64((*[8]byte)(unsafe.Add(p, i))[:])
}

// copy16 copies sixteen bytes.
func copy16(dst, src []byte) {
	*(*[16]byte)(dst) = *(*[16]byte)(src)
}
