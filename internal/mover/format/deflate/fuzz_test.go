// SPDX-License-Identifier: Apache-2.0

package deflate_test

import (
	"bytes"
	"compress/flate"
	"errors"
	"io"
	"testing"

	kflate "github.com/klauspost/compress/flate"

	"github.com/novasphere/provider-wukong/internal/mover/format/deflate"
)

// fuzzed is how large the fuzzers' seeds are: larger ones are only slower.
const fuzzed = 8 << 10

// check compares Decode with the reference on a stream that may be anything,
// for an output of size bytes, and returns what was decoded.
func check(t *testing.T, d *deflate.Decoder, src []byte, size int) ([]byte, error) {
	t.Helper()
	// What stands behind the buffers must not be touched.
	const guard = 64
	mem := bytes.Repeat([]byte{0xa5}, size+guard)
	n, err := d.Decode(mem[:size:size], src[:len(src):len(src)])
	want, wantErr := inflate(src, size)
	if !errors.Is(err, wantErr) {
		t.Fatalf("Decode(%d bytes into %d): error %v, want %v", len(src), size, err, wantErr)
	}
	if !bytes.Equal(mem[:n], want) {
		t.Fatalf("Decode(%d bytes into %d): %d bytes that differ from the wanted %d", len(src), size, n, len(want))
	}
	if !bytes.Equal(mem[size:], bytes.Repeat([]byte{0xa5}, guard)) {
		t.Fatalf("Decode(%d bytes into %d): wrote beyond its buffer", len(src), size)
	}
	return mem[:n], err
}

// FuzzDecode decodes bytes that need not be a stream.
func FuzzDecode(f *testing.F) {
	for _, data := range samples() {
		data = data[:min(len(data), fuzzed)]
		for level := flate.HuffmanOnly; level <= flate.BestCompression; level++ {
			f.Add(compress(f, data, level), uint32(len(data)))
		}
	}
	d := &deflate.Decoder{}
	f.Fuzz(func(t *testing.T, src []byte, size uint32) {
		got, err := check(t, d, src, int(size%(64<<10)))
		if err != nil {
			return
		}
		// The standard library takes a little more than zlib does, never less.
		want, err := io.ReadAll(flate.NewReader(bytes.NewReader(src)))
		if err != nil {
			t.Fatalf("compress/flate: %v, but Decode accepts", err)
		}
		if !bytes.Equal(got, want) {
			t.Fatal("Decode and compress/flate differ")
		}
	})
}

// FuzzRoundTrip compresses what it is given, and looks at every end that
// output and input may have near the true one.
func FuzzRoundTrip(f *testing.F) {
	for _, data := range samples() {
		data = data[:min(len(data), fuzzed)]
		f.Add(data, 6)
		f.Add(data, 1)
	}
	d := &deflate.Decoder{}
	f.Fuzz(func(t *testing.T, data []byte, level int) {
		level = flate.HuffmanOnly + (level&0xff)%(flate.BestCompression-flate.HuffmanOnly+1)
		for _, src := range [][]byte{compress(t, data, level), compressOther(t, data, level)} {
			size := len(data)
			if got, err := check(t, d, src, size); err != nil || !bytes.Equal(got, data) {
				t.Fatalf("Decode: %v, or other bytes than were compressed", err)
			}
			check(t, d, src, size/2)
			check(t, d, src[:len(src)/2], size)
			check(t, d, src[:len(src)-1], size)
			check(t, d, append(src, "garbage that fills the sector"...), size+1)
		}
	})
}

func compress(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := flate.NewWriter(&buf, level)
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, w, &buf, data)
}

func compressOther(t testing.TB, data []byte, level int) []byte {
	t.Helper()
	var buf bytes.Buffer
	w, err := kflate.NewWriter(&buf, level)
	if err != nil {
		t.Fatal(err)
	}
	return finish(t, w, &buf, data)
}

func finish(t testing.TB, w io.WriteCloser, buf *bytes.Buffer, data []byte) []byte {
	t.Helper()
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}
