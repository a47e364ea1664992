// SPDX-License-Identifier: Apache-2.0

// Package huffman gives symbols the lengths of their codes, so that the whole
// becomes shortest (Huffman, A Method for the Construction of Minimum-Redundancy
// Codes, 1952). What the codes look like is the business of the formats.
package huffman

// MaxSymbols are the most symbols that an alphabet can have.
const MaxSymbols = 512

const symbolBits = 9

// Builder finds lengths. The zero value is ready for use, by one goroutine at a
// time.
type Builder struct {
	keys   [MaxSymbols]uint32 // how often and which
	spare  [MaxSymbols]uint32 // for sorting them
	depths [MaxSymbols]uint32
}

// Lengths sets the length in bits of each symbol's code, 0 for those that do
// not occur, and at most limit for the others, of which 1<<limit must be able
// to have one. It returns how many symbols occur. A single one has a length of 1.
// Each of counts must be below 1<<23.
func (b *Builder) Lengths(lengths []uint8, counts []uint32, limit int) int {
	clear(lengths)
	keys := b.keys[:0]
	for symbol, n := range counts {
		if n > 0 {
			keys = append(keys, n<<symbolBits|uint32(symbol))
		}
	}
	if len(keys) == 0 {
		return 0
	}
	keys = sortCounts(keys, b.spare[:len(keys)])
	var of [33]int // how many codes have this length
	b.measure(keys, &of)
	shorten(&of, limit)
	length := limit
	for _, key := range keys {
		for of[length] == 0 {
			length--
		}
		of[length]--
		lengths[key%MaxSymbols] = uint8(length)
	}
	return len(keys)
}

// sortCounts sorts keys whose symbols rise by their counts, a digit of eight bits
// at a time. What it returns stands in keys or in spare, which is as long.
func sortCounts(keys, spare []uint32) []uint32 {
	all := uint32(0)
	for _, key := range keys {
		all |= key
	}
	for shift := symbolBits; all>>shift != 0; shift += 8 {
		var next [256]uint16
		for _, key := range keys {
			next[key>>shift&0xff]++
		}
		at := uint16(0)
		for i, n := range &next {
			next[i] = at
			at += n
		}
		for _, key := range keys {
			digit := key >> shift & 0xff
			spare[next[digit]] = key
			next[digit]++
		}
		keys, spare = spare, keys
	}
	return keys
}

// measure counts the lengths of the shortest codes for keys, in place (Moffat
// and Katajainen, In-Place Calculation of Minimum-Redundancy Codes, 1995).
func (b *Builder) measure(keys []uint32, of *[33]int) {
	n := len(keys)
	if n == 1 {
		of[1] = 1
		return
	}
	a := b.depths[:n]
	for i, key := range keys {
		a[i] = key >> symbolBits
	}
	// Weights of inner nodes replace those of leaves, and are replaced by the
	// numbers of their parents.
	leaf, root := 0, 0
	take := func(next int) uint32 {
		if leaf >= n || (root < next && a[root] < a[leaf]) {
			w := a[root]
			a[root] = uint32(next)
			root++
			return w
		}
		leaf++
		return a[leaf-1]
	}
	for next := range n - 1 {
		first := take(next)
		a[next] = first + take(next)
	}
	// Depths of the inner nodes, from the root, and from these of the leaves.
	a[n-2] = 0
	for i := n - 3; i >= 0; i-- {
		a[i] = a[a[i]] + 1
	}
	inner, free := n-2, 1
	for depth := uint32(0); free > 0; depth++ {
		used := 0
		for inner >= 0 && a[inner] == depth {
			used++
			inner--
		}
		of[min(int(depth), len(of)-1)] += free - used
		free = 2 * used
	}
}

// shorten makes no code longer than limit, at the least cost that is simple to
// find: a code of the greatest length moves beside a shorter one, which grows
// by a bit.
func shorten(of *[33]int, limit int) {
	for i := limit + 1; i < len(of); i++ {
		of[limit] += of[i]
		of[i] = 0
	}
	total := 0
	for i := 1; i <= limit; i++ {
		total += of[i] << (limit - i)
	}
	for ; total > 1<<limit; total-- {
		i := limit - 1
		for of[i] == 0 {
			i--
		}
		of[limit]--
		of[i]--
		of[i+1] += 2
	}
}
