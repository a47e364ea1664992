// SPDX-License-Identifier: Apache-2.0

// Package packtest has pieces of every kind that changes the path through a
// compressor, for their tests.
package packtest

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
)

// Pieces gives the pieces by name. They are always the same; a sample of them
// if few are wanted.
func Pieces(few bool) map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // Test data, always the same.
	noise := func(n, kinds int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(r.IntN(kinds))
		}
		return b
	}
	var lines strings.Builder
	for i := range 20000 {
		fmt.Fprintf(&lines, "line %d of %x\n", i, r.IntN(1<<(i%30)))
	}
	text := []byte(lines.String())
	mixed := noise(64<<10, 256)
	for range 300 {
		from, to, n := r.IntN(60<<10), r.IntN(60<<10), 4+r.IntN(400)
		copy(mixed[to:], mixed[from:min(from+n, len(mixed))])
	}
	m := map[string][]byte{
		"Empty": {}, "OneByte": {7}, "Zeros": make([]byte, 64<<10), "ZerosLong": make([]byte, 300<<10),
		"Noise": noise(64<<10, 256), "NoiseLong": noise(1<<20+17, 256), "Mixed": mixed,
		"Text": text, "TextCluster": text[:64<<10],
		"Bits": noise(64<<10, 2), "Few": noise(64<<10, 5), "Nibbles": noise(64<<10, 16), "Seven": noise(64<<10, 128),
		"ZerosThenNoise": append(make([]byte, 65000), noise(536, 256)...),
		"NoiseThenZeros": append(noise(536, 256), make([]byte, 65000)...),
		"FarBack":        bytes.Repeat(noise(64<<10, 256), 3),
		"JustTooFar":     bytes.Repeat(noise(64<<10+1, 256), 3),
		"JustNear":       bytes.Repeat(noise(64<<10-1, 256), 3),
		"NoticedLate":    bytes.Repeat(noise(30000, 256), 2), // Steps are longer than the longest match of deflate.
		"OneOdd":         append(bytes.Repeat([]byte{9}, 65535), 8),
		"Shorts":         bytes.Repeat([]byte("abcd"), 16<<10),
		"Skewed":         skewed(),
	}
	if few {
		delete(m, "NoiseLong")
		delete(m, "Text")
	}
	for n := range 300 {
		if few && n%30 != 7 {
			continue
		}
		m[fmt.Sprintf("Short%d", n)] = noise(n, 1+n%11)
		m[fmt.Sprintf("ShortText%d", n)] = text[100 : 100+3*n]
	}
	return m
}

// skewed is a piece whose bytes occur as often as Fibonacci's numbers say, in
// an order that hides repetitions: its best Huffman code is too long for any
// format.
func skewed() []byte {
	var b []byte
	for v, n, next := 0, 1, 1; len(b)+n < 60<<10; v, n, next = v+1, next, n+next {
		b = append(b, bytes.Repeat([]byte{byte(v)}, n)...)
	}
	r := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // Test data, always the same.
	r.Shuffle(len(b), func(i, j int) { b[i], b[j] = b[j], b[i] })
	return b
}
