// SPDX-License-Identifier: Apache-2.0

package huffman_test

import (
	"container/heap"
	"math/rand/v2"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/pack/huffman"
)

type weights []uint64

func (w weights) Len() int           { return len(w) }
func (w weights) Less(i, j int) bool { return w[i] < w[j] }
func (w weights) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *weights) Push(v any)        { *w = append(*w, v.(uint64)) }
func (w *weights) Pop() any {
	v := (*w)[len(*w)-1]
	*w = (*w)[:len(*w)-1]
	return v
}

// best is how many bits the best code needs, by Huffman's own algorithm.
func best(counts []uint32) (bits uint64) {
	var w weights
	for _, n := range counts {
		if n > 0 {
			w = append(w, uint64(n))
		}
	}
	if len(w) == 1 {
		return w[0]
	}
	heap.Init(&w)
	for len(w) > 1 {
		sum := heap.Pop(&w).(uint64) + heap.Pop(&w).(uint64)
		bits += sum
		heap.Push(&w, sum)
	}
	return bits
}

func TestLengths(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var b huffman.Builder
	for round := range 2000 {
		counts := make([]uint32, 1+r.IntN(286))
		for i := range counts {
			if r.IntN(3) > 0 {
				counts[i] = uint32(r.IntN(1 << r.IntN(17)))
			}
		}
		lengths := make([]uint8, len(counts))
		for _, limit := range []int{15, 32} {
			symbols := b.Lengths(lengths, counts, limit)
			bits, space, used := uint64(0), uint64(0), 0
			for i, n := range lengths {
				if (n > 0) != (counts[i] > 0) || int(n) > limit {
					t.Fatalf("round %d: %d times, but a length of %d with limit %d", round, counts[i], n, limit)
				}
				if n > 0 {
					used++
					space += 1 << (32 - n)
					bits += uint64(n) * uint64(counts[i])
				}
			}
			if used != symbols || (used > 1 && space != 1<<32) {
				t.Fatalf("round %d, limit %d: %d symbols of %d, %#x of the codes are given away", round, limit, used, symbols, space)
			}
			if want := best(counts); limit == 32 && bits != want || bits < want {
				t.Fatalf("round %d, limit %d: %d bits, the best code has %d", round, limit, bits, want)
			}
		}
	}
}
