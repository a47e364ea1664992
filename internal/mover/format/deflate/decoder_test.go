// SPDX-License-Identifier: Apache-2.0

package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/format/deflate"
)

// samples returns data of the kinds that disks hold.
func samples() map[string][]byte {
	rnd := rand.New(rand.NewPCG(1, 2))
	noise := make([]byte, 64<<10)
	for i := range noise {
		noise[i] = byte(rnd.Uint32())
	}
	text := []byte{}
	for i := 0; len(text) < 64<<10; i++ {
		text = fmt.Appendf(text, "%d: the quick brown fox jumps %d times over %x dogs\n", i, rnd.IntN(1000), rnd.Uint64())
	}
	skewed := make([]byte, 64<<10)
	for i := range skewed {
		// Codewords from 1 to 15 bits.
		skewed[i] = byte(rnd.ExpFloat64() * 3)
	}
	mixed := bytes.Join([][]byte{text[:9000], noise[:9000], make([]byte, 9000), skewed[:9000], text[:9000]}, nil)
	periods := []byte{}
	for p := 1; p <= 40; p++ {
		periods = append(periods, bytes.Repeat(noise[p*50:p*50+p], 3+300/p)...)
	}
	return map[string][]byte{
		"Empty":   {},
		"OneByte": {'x'},
		"Sector":  text[:512],
		"Zeros":   make([]byte, 64<<10),
		"Noise":   noise,
		"Text":    text,
		"Skewed":  skewed,
		"Mixed":   mixed,
		"Periods": periods,
		"Large":   bytes.Repeat(mixed, 7),
	}
}

func TestDecodeLevels(t *testing.T) {
	d := &deflate.Decoder{}
	for name, data := range samples() {
		t.Run(name, func(t *testing.T) {
			for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
				for writer, src := range map[string][]byte{
					"compress/flate": compress(t, data, level), "klauspost": compressOther(t, data, level),
				} {
					dst := make([]byte, len(data))
					n, err := d.Decode(dst, append(src, "garbage to the end of the sector"...))
					if err != nil || n != len(data) || !bytes.Equal(dst, data) {
						t.Errorf("Decode(%s level %d): %d bytes of %d, error %v", writer, level, n, len(data), err)
					}
				}
			}
		})
	}
}

// TestDecodeLargest decodes the largest cluster that qcow2 has.
func TestDecodeLargest(t *testing.T) {
	data := bytes.Repeat(samples()["Mixed"], 50)[:2<<20]
	src := compress(t, data, flate.BestSpeed)
	dst := make([]byte, len(data))
	n, err := (&deflate.Decoder{}).Decode(dst, src)
	if err != nil || n != len(data) || !bytes.Equal(dst, data) {
		t.Errorf("Decode: %d bytes of %d, error %v", n, len(data), err)
	}
}

// TestDecodeZlib decodes what zlib wrote as qemu-img has it write, with a window of
// 4 KiB, and with each of its strategies.
func TestDecodeZlib(t *testing.T) {
	all := samples()
	want := bytes.Join([][]byte{
		all["Text"][:3000], make([]byte, 3000), all["Skewed"][:3000], all["Periods"][:3000], all["Text"][:3000],
	}, nil)
	files, err := filepath.Glob("testdata/zlib-*.deflate")
	if err != nil || len(files) == 0 {
		t.Fatalf("Glob: %d files, %v", len(files), err)
	}
	d := &deflate.Decoder{}
	for _, name := range files {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := check(t, d, src, len(want))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("Decode(%s): %d bytes of %d, %v", name, len(got), len(want), err)
		}
	}
}

// TestDecodeEnds cuts the input and the output at each place.
func TestDecodeEnds(t *testing.T) {
	d := &deflate.Decoder{}
	all := samples()
	for _, name := range []string{"Periods", "Mixed", "Skewed"} {
		data := all[name][:min(len(all[name]), 800)]
		for _, level := range []int{flate.HuffmanOnly, flate.NoCompression, flate.BestSpeed, 6} {
			src := compress(t, data, level)
			for cut := range src {
				check(t, d, src[:cut], len(data))
			}
			for size := range data {
				check(t, d, src, size)
			}
		}
	}
}

// TestDecodeDamaged flips each bit of some streams.
func TestDecodeDamaged(t *testing.T) {
	d := &deflate.Decoder{}
	data := samples()["Mixed"][8000:20000]
	for _, src := range [][]byte{compress(t, data[:1200], 6), compress(t, data[:400], 1), compress(t, data, 9)[:400]} {
		for bit := range 8 * len(src) {
			damaged := bytes.Clone(src)
			damaged[bit/8] ^= 1 << (bit % 8)
			check(t, d, damaged, len(data))
		}
	}
}

// writer writes streams bit by bit that no compressor would write.
type writer struct {
	buf []byte
	n   int
}

// number writes the n bits of v, least significant first.
func (w *writer) number(v, n int) *writer {
	for i := range n {
		if w.n%8 == 0 {
			w.buf = append(w.buf, 0)
		}
		w.buf[w.n/8] |= byte(v>>i&1) << (w.n % 8)
		w.n++
	}
	return w
}

// dynamic starts a last block with the codes of the given lengths, each
// written in four bits: its precode is 0 to 15 with four bits each.
func dynamic(litlen map[int]int, offset ...int) *writer {
	w := (&writer{}).number(1|2<<1, 3).number(286-257, 5).number(max(len(offset), 1)-1, 5).number(19-4, 4)
	for _, sym := range []int{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15} {
		l := 4
		if sym > 15 {
			l = 0
		}
		w.number(l, 3)
	}
	for sym := range 286 {
		w.code(litlen[sym], 4)
	}
	if len(offset) == 0 {
		offset = []int{0}
	}
	for _, l := range offset {
		w.code(l, 4)
	}
	return w
}

// code writes a codeword of n bits, which is most significant bit first.
func (w *writer) code(v, n int) *writer {
	for i := n - 1; i >= 0; i-- {
		w.number(v>>i&1, 1)
	}
	return w
}

func TestDecodeRules(t *testing.T) {
	literalAndEnd := map[int]int{'a': 1, 256: 1}
	withLength := map[int]int{'a': 2, 'b': 2, 256: 2, 257: 2}
	cases := map[string]struct {
		reason string
		src    *writer
		want   string
		err    error
	}{
		"NoOffsets": {
			reason: "A block of literals alone needs no offset code.",
			src:    dynamic(literalAndEnd).code(0, 1).code(0, 1).code(1, 1),
			want:   "aa",
		},
		"NoOffsetsUsed": {
			reason: "A match where there is no offset code has no meaning.",
			src:    dynamic(withLength).code(0, 2).code(3, 2).code(0, 1),
			want:   "a",
			err:    deflate.ErrCorrupt,
		},
		"OneOffset": {
			reason: "One offset has a codeword of one bit, although that leaves the code incomplete.",
			src:    dynamic(withLength, 1).code(0, 2).code(3, 2).code(0, 1).code(2, 2),
			want:   "aaaa",
		},
		"OneOffsetOtherBit": {
			reason: "The codeword that an incomplete code lacks has no meaning.",
			src:    dynamic(withLength, 1).code(0, 2).code(3, 2).code(1, 1).code(2, 2),
			want:   "a",
			err:    deflate.ErrCorrupt,
		},
		"OneOffsetOfTwoBits": {
			reason: "zlib refuses a single codeword that is longer than one bit.",
			src:    dynamic(withLength, 2).code(0, 2).code(2, 2),
			err:    deflate.ErrCorrupt,
		},
		"IncompleteOffsets": {
			reason: "zlib refuses other incomplete codes.",
			src:    dynamic(withLength, 1, 2).code(0, 2).code(2, 2),
			err:    deflate.ErrCorrupt,
		},
		"OversubscribedOffsets": {
			reason: "Three codewords of one bit cannot be.",
			src:    dynamic(withLength, 1, 1, 1).code(0, 2).code(2, 2),
			err:    deflate.ErrCorrupt,
		},
		"IncompleteLitlen": {
			reason: "zlib refuses incomplete litlen codes with more than one codeword.",
			src:    dynamic(map[int]int{'a': 2, 256: 1}).code(0, 1),
			err:    deflate.ErrCorrupt,
		},
		"OnlyEndOfBlock": {
			reason: "A block that is empty may have a litlen code of one codeword.",
			src:    dynamic(map[int]int{256: 1}).code(0, 1),
		},
		"OnlyEndOfBlockOtherBit": {
			reason: "The codeword that it lacks has no meaning.",
			src:    dynamic(map[int]int{256: 1}).code(1, 1),
			err:    deflate.ErrCorrupt,
		},
		"NoEndOfBlock": {
			reason: "A block that cannot end is refused, as in zlib.",
			src:    dynamic(map[int]int{'a': 1, 'b': 1}).code(0, 1),
			err:    deflate.ErrCorrupt,
		},
		"TooFarBack": {
			reason: "There is nothing before the output's first byte.",
			src:    dynamic(withLength, 1, 1).code(0, 2).code(3, 2).code(1, 1).code(2, 2),
			want:   "a",
			err:    deflate.ErrCorrupt,
		},
		"ReservedBlock": {
			reason: "Block type 3 is reserved.",
			src:    (&writer{}).number(1|3<<1, 3).number(0, 32),
			err:    deflate.ErrCorrupt,
		},
		"StoredComplement": {
			reason: "The length of a stored block and its complement must agree.",
			src:    (&writer{}).number(1, 8).number(1, 16).number(1, 16).number('x', 8),
			err:    deflate.ErrCorrupt,
		},
		"Stored": {
			reason: "A stored block starts at a byte's boundary.",
			src:    (&writer{}).number(1, 8).number(1, 16).number(0xfffe, 16).number('x', 8),
			want:   "x",
		},
		"TooManyLitlens": {
			reason: "287 and 288 litlen codes are more than RFC 1951 has.",
			src:    (&writer{}).number(1|2<<1, 3).number(30, 5).number(0, 9).number(0, 64),
			err:    deflate.ErrCorrupt,
		},
		"TooManyOffsets": {
			reason: "31 and 32 offset codes are more than RFC 1951 has.",
			src:    (&writer{}).number(1|2<<1, 3).number(0, 5).number(30, 5).number(0, 4).number(0, 64),
			err:    deflate.ErrCorrupt,
		},
		"FixedReservedLength": {
			reason: "Symbol 286 of the fixed code stands for nothing.",
			src:    (&writer{}).number(1|1<<1, 3).code(0x30, 8).code(0xc6, 8).code(0, 5).code(0, 7),
			want:   "\x00",
			err:    deflate.ErrCorrupt,
		},
		"FixedReservedOffset": {
			reason: "Offset 30 of the fixed code stands for nothing.",
			src:    (&writer{}).number(1|1<<1, 3).code(0x30, 8).code(1, 7).code(30, 5).code(0, 7),
			want:   "\x00",
			err:    deflate.ErrCorrupt,
		},
		"Nothing": {
			reason: "No input is a truncated stream.",
			src:    &writer{},
			err:    deflate.ErrTruncated,
		},
	}
	d := &deflate.Decoder{}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			// With much behind it, the fast loop decodes, else the careful one.
			for _, tail := range []int{0, 1000} {
				src := append(bytes.Clone(tc.src.buf), make([]byte, tail)...)
				if tail > 0 && errors.Is(tc.err, deflate.ErrTruncated) {
					continue
				}
				got, err := check(t, d, src, 10+tail)
				if !errors.Is(err, tc.err) || string(got) != tc.want {
					t.Errorf("%s\nDecode with %d bytes behind: %q, %v; want %q, %v", tc.reason, tail, got, err, tc.want, tc.err)
				}
			}
		})
	}
}

// TestDecodeLongestCodewords has turns of the fast loop that need every bit that its
// buffer may hold: lengths and offsets with codewords of 15 bits and all their extra
// bits, between literals of all lengths.
func TestDecodeLongestCodewords(t *testing.T) {
	const (
		end, longLength = 256, 284 // Of 14 and 15 bits.
		window          = 32 << 10
	)
	litlen := map[int]int{end: 14, 'z': 15, longLength: 15}
	for l := 1; l < 14; l++ {
		litlen['a'+l-1] = l
	}
	offset := make([]int, 30)
	for l := 1; l < 15; l++ {
		offset[l-1] = l
	}
	offset[28], offset[29] = 15, 15

	w := dynamic(litlen, offset...)
	r := rand.New(rand.NewPCG(1, 2))
	size := 0
	literals := func(n int) {
		size += n
		for range n {
			if l := 1 + r.IntN(14); l < 14 {
				w.code(1<<l-2, l)
			} else {
				w.code(1<<15-2, 15)
			}
		}
	}
	literals(window)
	for range 2000 {
		literals(r.IntN(5))
		extra := r.IntN(31)
		w.code(1<<15-1, 15).number(extra, 5).code(1<<15-2+r.IntN(2), 15).number(r.IntN(1<<13), 13)
		size += 227 + extra
	}
	w.code(1<<14-2, 14)
	if got, err := check(t, &deflate.Decoder{}, w.buf, size); err != nil || len(got) != size {
		t.Errorf("Decode: %d bytes, %v; want %d", len(got), err, size)
	}
}

func TestDecodeDoesNotAllocate(t *testing.T) {
	data := samples()["Mixed"]
	src := compress(t, data, 6)
	dst := make([]byte, len(data))
	d := &deflate.Decoder{}
	allocs := testing.AllocsPerRun(10, func() {
		if _, err := d.Decode(dst, src); err != nil {
			t.Fatal(err)
		}
	})
	if allocs != 0 {
		t.Errorf("Decode allocates %v times", allocs)
	}
}

// BenchmarkDecode decodes 64 KiB clusters, beside what reads streams.
func BenchmarkDecode(b *testing.B) {
	all := samples()
	for _, name := range []string{"Text", "Mixed", "Skewed"} {
		data := all[name]
		src := compress(b, data, 6)
		dst := make([]byte, len(data))
		b.Run(name+"/Decoder", func(b *testing.B) {
			d := &deflate.Decoder{}
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if _, err := d.Decode(dst, src); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/compress-flate", func(b *testing.B) {
			r := flate.NewReader(nil)
			b.SetBytes(int64(len(data)))
			for b.Loop() {
				if err := r.(flate.Resetter).Reset(bytes.NewReader(src), nil); err != nil {
					b.Fatal(err)
				}
				if _, err := io.ReadFull(r, dst); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
