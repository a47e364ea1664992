// SPDX-License-Identifier: Apache-2.0

package lz77_test

import (
	"bytes"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/pack/lz77"
	"github.com/novasphere/provider-wukong/internal/mover/pack/packtest"
)

// replay makes the block again, behind what came before it.
func replay(before []byte, f lz77.Found) []byte {
	rest := f.Literals
	for _, q := range f.Sequences {
		before = append(before, rest[:q.Literals]...)
		rest = rest[q.Literals:]
		from := len(before) - int(q.Distance)
		for n := int(q.Match); n > 0; {
			k := min(n, len(before)-from)
			before = append(before, before[from:from+k]...)
			n -= k
		}
	}
	return append(before, rest...)
}

func TestFind(t *testing.T) {
	cases := map[string]struct {
		reason                      string
		shortest, longest, furthest int
	}{
		"Zstd":   {"anything within a block", 7, lz77.BlockSize, lz77.Window},
		"Gzip":   {"as deflate allows", 6, 258, 32 << 10},
		"QEMU":   {"as QEMU reads it", 6, 258, 4 << 10},
		"Narrow": {"a window smaller than most repetitions", 7, 17, 9},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := lz77.New(tc.shortest, tc.longest, tc.furthest)
			for piece, p := range packtest.Pieces(testing.Short()) {
				m.Reset()
				var again []byte
				for from := 0; from < len(p); from += lz77.BlockSize {
					f := m.Find(p[:min(from+lz77.BlockSize, len(p))], from)
					for _, q := range f.Sequences {
						if int(q.Match) > tc.longest || int(q.Match) < tc.shortest || int(q.Distance) > tc.furthest {
							t.Fatalf("%s: %+v, want %d to %d bytes, at most %d bytes back: %s", piece, q, tc.shortest, tc.longest, tc.furthest, tc.reason)
						}
					}
					again = replay(again, f)
				}
				if !bytes.Equal(again, p) {
					t.Errorf("%s: another content", piece)
				}
			}
		})
	}
}

// guarded is n bytes of memory with none around them that can be read.
func guarded(t *testing.T, n int) []byte {
	t.Helper()
	const guard = 2 * lz77.BlockSize
	b, err := unix.Mmap(-1, 0, guard+n+guard, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(b) })
	for _, g := range [][]byte{b[:guard], b[guard+n:]} {
		if err := unix.Mprotect(g, unix.PROT_NONE); err != nil {
			t.Fatal(err)
		}
	}
	return b[guard : guard+n]
}

// TestStaysWithin puts pieces beside memory that cannot be read: what is
// outside of a piece is not looked at, for which the loads are not checked.
func TestStaysWithin(t *testing.T) {
	const room = 2 << 20
	memory := guarded(t, room)
	for _, window := range []int{4 << 10, 32 << 10, lz77.Window} {
		m := lz77.New(lz77.MinMatch+window%2, 258, window)
		for _, p := range packtest.Pieces(testing.Short()) {
			for _, at := range []int{0, room - len(p)} {
				m.Reset()
				q := memory[at : at+copy(memory[at:], p)]
				for from := 0; from < len(q); from += lz77.BlockSize {
					m.Find(q[:min(from+lz77.BlockSize, len(q))], from)
				}
			}
		}
	}
}
