// SPDX-License-Identifier: Apache-2.0

package allocation_test

import (
	"math/rand/v2"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/pack/allocation"
)

// TestMap compares counting with counting by hand.
func TestMap(t *testing.T) {
	for name, density := range map[string]float64{"Empty": 0, "Sparse": 0.01, "Half": 0.5, "Full": 1} {
		r := rand.New(rand.NewPCG(1, 2))
		const clusters = 1000
		m := allocation.New(clusters*allocation.Cluster - 5)
		var set []int64
		var word uint64
		for c := range int64(clusters) {
			if r.Float64() < density {
				set = append(set, c)
				word |= 1 << (c % allocation.Clusters)
			}
			if c%allocation.Clusters == allocation.Clusters-1 || c == clusters-1 {
				m.SetWord(c/allocation.Clusters, word)
				word = 0
			}
		}
		m.Seal()
		if m.Count() != int64(len(set)) {
			t.Fatalf("%s: count: got %d, want %d", name, m.Count(), len(set))
		}
		before := int64(0)
		for c := range int64(clusters + 100) {
			has := before < int64(len(set)) && set[before] == c
			if m.Has(c) != has || m.Rank(c) != before {
				t.Fatalf("%s: cluster %d: got %t with %d before it, want %t with %d", name, c, m.Has(c), m.Rank(c), has, before)
			}
			if !has {
				continue
			}
			if got := m.Select(before); got != c {
				t.Fatalf("%s: the one with %d before it: got %d, want %d", name, before, got, c)
			}
			run := int64(1)
			for run < 7 && before+run < int64(len(set)) && set[before+run] == c+run {
				run++
			}
			if got := m.Run(c, 7); got != run {
				t.Fatalf("%s: run at %d: got %d, want %d", name, c, got, run)
			}
			before++
		}
	}
}
