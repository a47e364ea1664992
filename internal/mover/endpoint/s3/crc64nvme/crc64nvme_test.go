// SPDX-License-Identifier: Apache-2.0

package crc64nvme_test

import (
	"hash/crc64"
	"math/rand/v2"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/crc64nvme"
)

func TestCRC64NVME(t *testing.T) {
	// The check value of the catalogue of CRC algorithms.
	if got := crc64.Checksum([]byte("123456789"), crc64nvme.Table()); got != 0xae8b14860a799888 {
		t.Errorf("CRC-64/NVME of the check string: %#x", got)
	}
}

func TestCombine(t *testing.T) {
	table := crc64nvme.Table()
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		b := make([]byte, r.IntN(5000))
		for i := range b {
			b[i] = byte(r.Uint32())
		}
		cut := r.IntN(len(b) + 1)
		got := crc64nvme.Combine(crc64.Checksum(b[:cut], table), crc64.Checksum(b[cut:], table), int64(len(b)-cut))
		if want := crc64.Checksum(b, table); got != want {
			t.Fatalf("CRC of %d and %d bytes: got %#x, want %#x", cut, len(b)-cut, got, want)
		}
	}
}
