// SPDX-License-Identifier: Apache-2.0

// Package allocation remembers which clusters of a disk hold data, and counts
// them: a file format that puts its tables before its data wants to know how
// many come before each.
//
// It needs one bit a cluster, and four bytes for each 64 of them: 3 MiB for
// each TiB of disk.
package allocation

import "math/bits"

const (
	// Cluster is the size of a cluster in bytes.
	Cluster = 64 << 10

	// Clusters in a word: those of one unit of 4 MiB, so that the workers
	// that look at units write words of their own.
	Clusters = 64
)

// A Map is the allocation of one disk. Words are set first, each by one
// goroutine; then Seal is called, and after it all other methods, by many.
type Map struct {
	words  []uint64
	before []uint32 // clusters with data before each word
	count  int64
}

// New returns the map of a disk of size bytes, on which nothing has data.
func New(size int64) *Map {
	clusters := (size + Cluster - 1) / Cluster
	return &Map{words: make([]uint64, (clusters+Clusters-1)/Clusters)}
}

// SetWord says which clusters of word i have data.
func (m *Map) SetWord(i int64, set uint64) { m.words[i] = set }

// Seal counts.
func (m *Map) Seal() {
	m.before = make([]uint32, len(m.words))
	m.count = 0
	for i, w := range m.words {
		m.before[i] = uint32(m.count)
		m.count += int64(bits.OnesCount64(w))
	}
}

// Count is the number of clusters with data.
func (m *Map) Count() int64 { return m.count }

// Has reports whether cluster c has data.
func (m *Map) Has(c int64) bool {
	i := c / Clusters
	return i < int64(len(m.words)) && m.words[i]&(1<<(c%Clusters)) != 0
}

// Rank is how many clusters before c have data.
func (m *Map) Rank(c int64) int64 {
	i := c / Clusters
	if i >= int64(len(m.words)) {
		return m.count
	}
	below := m.words[i] & (1<<(c%Clusters) - 1)
	return int64(m.before[i]) + int64(bits.OnesCount64(below))
}

// Select is the cluster that has k others with data before it, and data
// itself. k is less than Count.
func (m *Map) Select(k int64) int64 {
	// The last word with at most k before it is the one: it has data, or the
	// next one would have as many before it.
	lo, hi := 0, len(m.words)
	for hi-lo > 1 {
		if mid := (lo + hi) / 2; int64(m.before[mid]) <= k {
			lo = mid
		} else {
			hi = mid
		}
	}
	w := m.words[lo]
	for range k - int64(m.before[lo]) {
		w &= w - 1
	}
	return int64(lo)*Clusters + int64(bits.TrailingZeros64(w))
}

// Run is how many clusters from c on, which has data, have data without a gap,
// at most limit.
func (m *Map) Run(c, limit int64) int64 {
	n := int64(1)
	for n < limit && m.Has(c+n) {
		n++
	}
	return n
}
