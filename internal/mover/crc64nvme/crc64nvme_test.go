// SPDX-License-Identifier: Apache-2.0

package crc64nvme_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc64"
	"math/rand/v2"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/crc64nvme"
)

func TestCRC64NVME(t *testing.T) {
	// The check value of the catalogue of CRC algorithms.
	const want = 0xae8b14860a799888
	check := []byte("123456789")
	if got := crc64nvme.Checksum(check); got != want {
		t.Errorf("CRC-64/NVME of the check string: %#x", got)
	}
	h := crc64nvme.New()
	for _, b := range check {
		_, _ = h.Write([]byte{b})
	}
	if got := h.Sum(nil); !bytes.Equal(got, binary.BigEndian.AppendUint64(nil, want)) {
		t.Errorf("CRC-64/NVME of its bytes, one by one: %x", got)
	}
	if got := crc64nvme.Digest(0x1f); got != "crc64nvme:000000000000001f" {
		t.Errorf("as a digest: %s", got)
	}
	if got := crc64nvme.Encode(want); got != "rosUhgp5mIg=" {
		t.Errorf("as S3 writes it: %s", got)
	}
}

// TestEveryLength compares with the standard library, which knows the
// polynomial's table alone.
func TestEveryLength(t *testing.T) {
	table := crc64.MakeTable(0x9a6c9329ac4bc9b5)
	p := make([]byte, 4096)
	fill(rand.New(rand.NewPCG(1, 2)), p)
	for begin := range 17 {
		for end := begin; end <= len(p); end += 1 + end/7 {
			if got, want := crc64nvme.Checksum(p[begin:end]), crc64.Checksum(p[begin:end], table); got != want {
				t.Fatalf("CRC of bytes %d to %d: got %#x, want %#x", begin, end, got, want)
			}
		}
	}
}

func TestCombine(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		b := make([]byte, r.IntN(5000))
		fill(r, b)
		cut := r.IntN(len(b) + 1)
		got := crc64nvme.Combine(crc64nvme.Checksum(b[:cut]), crc64nvme.Checksum(b[cut:]), int64(len(b)-cut))
		if want := crc64nvme.Checksum(b); got != want {
			t.Fatalf("CRC of %d and %d bytes: got %#x, want %#x", cut, len(b)-cut, got, want)
		}
	}
}

func fill(r *rand.Rand, p []byte) {
	for i := range p {
		p[i] = byte(r.Uint32())
	}
}
