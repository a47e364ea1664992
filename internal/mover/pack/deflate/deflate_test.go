// SPDX-License-Identifier: Apache-2.0

package deflate_test

import (
	"bytes"
	"compress/flate"
	"io"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/pack/deflate"
	"github.com/novasphere/provider-wukong/internal/mover/pack/packtest"
)

func inflated(t *testing.T, p []byte) []byte {
	t.Helper()
	r := bytes.NewReader(p)
	got, err := io.ReadAll(flate.NewReader(r))
	if err != nil {
		t.Fatal(err)
	}
	if r.Len() > 0 {
		t.Errorf("%d bytes stand behind the stream", r.Len())
	}
	return got
}

// TestAppend packs pieces one after the other with one encoder, and has them
// read by the standard library. That no distance is larger than the window is
// tested where QEMU reads clusters, and with lz77.
func TestAppend(t *testing.T) {
	for _, window := range []int{4 << 10, 32 << 10} {
		e := deflate.NewEncoder(window)
		for name, p := range packtest.Pieces(testing.Short()) {
			stream := e.Append([]byte("before"), p)
			if got := inflated(t, stream[6:]); !bytes.Equal(got, p) {
				t.Errorf("%s, window %d: another content", name, window)
			}
			if most := len(p) + (len(p)/(64<<10)+1)*11 + 10; len(stream)-6 > most {
				t.Errorf("%s grew from %d to %d bytes", name, len(p), len(stream)-6)
			}
			if again := deflate.NewEncoder(window).Append([]byte("before"), p); !bytes.Equal(again, stream) {
				t.Errorf("%s: the same piece gives other bytes with a fresh encoder", name)
			}
		}
	}
}

func FuzzAppend(f *testing.F) {
	for _, p := range packtest.Pieces(testing.Short()) {
		if len(p) < 1000 {
			f.Add(p, 1)
		}
	}
	e := deflate.NewEncoder(4 << 10)
	f.Fuzz(func(t *testing.T, p []byte, times int) {
		p = bytes.Repeat(p, min(max(times, 1), 1+(200<<10)/(len(p)+1)))
		if got := inflated(t, e.Append(nil, p)); !bytes.Equal(got, p) {
			t.Fatal("another content")
		}
	})
}
