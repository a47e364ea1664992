// SPDX-License-Identifier: Apache-2.0

// Package crc64nvme is the checksum that S3 stores keep of whole objects. It
// finds damage; against somebody who wants to deceive it proves nothing.
package crc64nvme

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash"

	nvme "github.com/minio/crc64nvme"
)

// polynomial of CRC-64/NVME (NVM Express command set specification, §5.2.1.3.4
// of revision 1.0c), its bits in the order in which hash/crc64 has them.
const polynomial = 0x9a6c9329ac4bc9b5

// Checksum returns the CRC of p.
func Checksum(p []byte) uint64 { return nvme.Checksum(p) }

// New returns a hash of what is written to it; its Sum is big-endian.
func New() hash.Hash64 { return nvme.New() }

// Digest is a CRC as this project writes it, "crc64nvme:" and 16 hexadecimal
// digits.
func Digest(crc uint64) string { return fmt.Sprintf("crc64nvme:%016x", crc) }

// Encode is a CRC as S3 writes it: base64 of its big-endian bytes.
func Encode(crc uint64) string {
	return base64.StdEncoding.EncodeToString(binary.BigEndian.AppendUint64(nil, crc))
}

// Combine returns the CRC of two byte strings, one after the other, from the
// CRC of each and the length of the second: as many zero bits are shifted into
// the first as the second has, which is a linear map over GF(2), raised to that
// power by squaring (as crc32_combine of zlib does).
func Combine(first, second uint64, length int64) uint64 {
	var shift, square [64]uint64
	shift[0] = polynomial // one zero bit
	for i := 1; i < 64; i++ {
		shift[i] = 1 << (i - 1)
	}
	for range 3 { // to one zero byte
		squareOf(&square, &shift)
		shift = square
	}
	for ; length > 0; length >>= 1 {
		if length&1 == 1 {
			first = apply(&shift, first)
		}
		squareOf(&square, &shift)
		shift = square
	}
	return first ^ second
}

// apply multiplies a matrix, given as its columns, with a vector.
func apply(matrix *[64]uint64, vector uint64) uint64 {
	sum := uint64(0)
	for i := 0; vector != 0; i, vector = i+1, vector>>1 {
		if vector&1 == 1 {
			sum ^= matrix[i]
		}
	}
	return sum
}

// squareOf squares a matrix.
func squareOf(square, matrix *[64]uint64) {
	for i := range matrix {
		square[i] = apply(matrix, matrix[i])
	}
}
