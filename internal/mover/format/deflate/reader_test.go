// SPDX-License-Identifier: Apache-2.0

package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"
	"testing/iotest"

	"github.com/novasphere/provider-wukong/internal/mover/format/deflate"
)

// contents are such that streams of them cross all of a Reader's bounds.
func contents() map[string][]byte {
	r := rand.New(rand.NewPCG(5, 6))
	noise := make([]byte, 700<<10)
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	var text []byte
	for i := range 60000 {
		text = fmt.Appendf(text, "line %d of %x\n", i, r.IntN(1<<(i%30)))
	}
	far := bytes.Clone(noise)
	for at := 40 << 10; at+300 < len(far); at += 500 + r.IntN(3000) {
		copy(far[at:], far[at-32<<10:][:3+r.IntN(256)])
	}
	m := map[string][]byte{
		"Empty": {}, "OneByte": {1}, "Noise": noise, "Text": text, "Far": far,
		"Zeros": make([]byte, 3<<20), "Mixed": append(bytes.Clone(text), noise...),
	}
	for name, p := range m {
		if testing.Short() {
			m[name] = p[:min(len(p), 100<<10)]
		}
	}
	return m
}

func deflated(t testing.TB, p []byte, level int) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, level)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(p); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestReader reads streams that follow each other, with some bytes between
// them, from readers that give them in all kinds of pieces.
func TestReader(t *testing.T) {
	ways := map[string]func(io.Reader) io.Reader{
		"Whole": func(r io.Reader) io.Reader { return r }, "Bytes": iotest.OneByteReader,
		"Halves": iotest.HalfReader, "EndWithData": iotest.DataErrReader,
	}
	for name, p := range contents() {
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.BestCompression, flate.HuffmanOnly} {
			stream := deflated(t, p, level)
			file := bytes.Join([][]byte{[]byte("head"), stream, []byte("between"), stream, []byte("end")}, nil)
			for way, of := range ways {
				r := deflate.NewReader(of(bytes.NewReader(file)))
				for _, around := range []string{"head", "between"} {
					if b, err := r.Next(len(around)); err != nil || string(b) != around {
						t.Fatalf("%s, level %d, %s: %q, %v, want %q", name, level, way, b, err, around)
					}
					r.Begin()
					if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, p) {
						t.Fatalf("%s, level %d, %s: another content: %v", name, level, way, err)
					}
				}
				if b, err := r.Next(10); !errors.Is(err, io.ErrUnexpectedEOF) || string(b) != "end" {
					t.Fatalf("%s, level %d, %s: %q, %v at the end", name, level, way, b, err)
				}
				if _, err := r.Next(1); !errors.Is(err, io.EOF) {
					t.Fatalf("%s, level %d, %s: %v behind the end", name, level, way, err)
				}
			}
		}
	}
}

// TestReaderBroken cuts and damages streams: what is read is what the standard
// library reads, to the same byte where it is an error.
func TestReaderBroken(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	for name, p := range contents() {
		p = p[:min(len(p), 400<<10)]
		for _, level := range []int{flate.NoCompression, flate.BestSpeed, flate.HuffmanOnly} {
			whole := deflated(t, p, level)
			for range 30 {
				stream := bytes.Clone(whole[:r.IntN(len(whole)+1)])
				if len(stream) > 0 && r.IntN(2) == 0 {
					stream = bytes.Clone(whole)
					stream[r.IntN(len(stream))] ^= 1 << r.IntN(8)
				}
				want, wantErr := io.ReadAll(flate.NewReader(bytes.NewReader(stream)))
				z := deflate.NewReader(iotest.HalfReader(bytes.NewReader(stream)))
				z.Begin()
				got, err := io.ReadAll(z)
				if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
					t.Fatalf("%s, level %d: %d bytes and %v, the standard library %d bytes and %v", name, level, len(got), err, len(want), wantErr)
				}
				if errors.Is(wantErr, io.ErrUnexpectedEOF) != errors.Is(err, io.ErrUnexpectedEOF) {
					t.Fatalf("%s, level %d: %v, the standard library %v", name, level, err, wantErr)
				}
			}
		}
	}
}

func TestReaderSourceFails(t *testing.T) {
	broken := errors.New("broken")
	for name, p := range contents() {
		stream := deflated(t, p, flate.BestSpeed)
		r := deflate.NewReader(io.MultiReader(bytes.NewReader(stream[:len(stream)/2]), iotest.ErrReader(broken)))
		r.Begin()
		if _, err := io.ReadAll(r); !errors.Is(err, broken) {
			t.Errorf("%s: %v, want the source's error", name, err)
		}
	}
}

func FuzzReader(f *testing.F) {
	for _, p := range contents() {
		f.Add(deflated(f, p[:min(len(p), 2000)], flate.BestSpeed))
	}
	f.Fuzz(func(t *testing.T, stream []byte) {
		want, wantErr := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(stream)), 4<<20))
		z := deflate.NewReader(iotest.OneByteReader(bytes.NewReader(stream)))
		z.Begin()
		got, err := io.ReadAll(io.LimitReader(z, 4<<20))
		if wantErr == nil && (err != nil || !bytes.Equal(got, want)) {
			t.Fatalf("%d bytes and %v, want %d", len(got), err, len(want))
		}
	})
}
