// SPDX-License-Identifier: Apache-2.0

package sha256pair_test

import (
	"bytes"
	"crypto/sha256"
	"math/rand/v2"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/sha256pair"
)

func random(n int, seed byte) []byte {
	p := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{seed, byte(n)}).Read(p)
	return p
}

// TestSum compares with the standard library, at every length up to five blocks
// (the padding takes one or two of its own) and at those that are in use. The
// messages begin aligned and not, and stay as they were.
func TestSum(t *testing.T) {
	lengths := []int{4096, 4095, 65536 + 1}
	for n := range 5*sha256.BlockSize + 1 {
		lengths = append(lengths, n)
	}
	for _, n := range lengths {
		for shift := range 3 {
			whole, other := random(n+shift, 1), random(n+shift, 2)
			a, b := whole[shift:], other[shift:]
			keptA, keptB := bytes.Clone(a), bytes.Clone(b)
			x, y := sha256pair.Sum(a, b)
			if x != sha256.Sum256(keptA) || y != sha256.Sum256(keptB) {
				t.Fatalf("%d bytes: got %x and %x, want %x and %x", n, x, y, sha256.Sum256(keptA), sha256.Sum256(keptB))
			}
			if !bytes.Equal(a, keptA) || !bytes.Equal(b, keptB) {
				t.Fatalf("%d bytes: a message was changed", n)
			}
		}
	}
}

func TestSumOfTwoLengths(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("Sum of messages of two lengths: got a result, want a panic")
		}
	}()
	sha256pair.Sum(make([]byte, 1), make([]byte, 2))
}

func FuzzSum(f *testing.F) {
	f.Add([]byte("a"), []byte("b"))
	f.Fuzz(func(t *testing.T, a, b []byte) {
		n := min(len(a), len(b))
		a, b = a[:n], b[:n]
		if x, y := sha256pair.Sum(a, b); x != sha256.Sum256(a) || y != sha256.Sum256(b) {
			t.Errorf("got %x and %x, want %x and %x", x, y, sha256.Sum256(a), sha256.Sum256(b))
		}
	})
}

// BenchmarkSum is of two of fs-verity's blocks; BenchmarkOneByOne has the
// standard library take the same.
func BenchmarkSum(b *testing.B) {
	p := random(8192, 1)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		sha256pair.Sum(p[:4096], p[4096:])
	}
}

func BenchmarkOneByOne(b *testing.B) {
	p := random(8192, 1)
	b.SetBytes(int64(len(p)))
	for b.Loop() {
		sha256.Sum256(p[:4096])
		sha256.Sum256(p[4096:])
	}
}
