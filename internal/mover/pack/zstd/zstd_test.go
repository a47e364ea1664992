// SPDX-License-Identifier: Apache-2.0

package zstd_test

import (
	"bytes"
	"os"
	"os/exec"
	"testing"

	klauspost "github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover/pack/packtest"
	"github.com/novasphere/provider-wukong/internal/mover/pack/zstd"
)

// TestAppend packs pieces one after the other with one encoder, and has them
// read by an independent decoder.
func TestAppend(t *testing.T) {
	d, err := klauspost.NewReader(nil, klauspost.WithDecoderConcurrency(1))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	e := zstd.NewEncoder()
	for name, p := range packtest.Pieces(testing.Short()) {
		p = p[:min(len(p), zstd.MaxSize)]
		frame := e.Append([]byte("before"), p)
		got, err := d.DecodeAll(frame[6:], nil)
		if err != nil || !bytes.Equal(got, p) {
			t.Errorf("%s: another content: %v", name, err)
		}
		if most := len(p) + 10; len(frame)-6 > most {
			t.Errorf("%s grew from %d to %d bytes", name, len(p), len(frame)-6)
		}
		if again := zstd.NewEncoder().Append([]byte("before"), p); !bytes.Equal(again, frame) {
			t.Errorf("%s: the same piece gives other bytes with a fresh encoder", name)
		}
	}
}

// TestReference has everything read by the reference decoder.
func TestReference(t *testing.T) {
	e := zstd.NewEncoder()
	var frames, all []byte
	for _, p := range packtest.Pieces(testing.Short()) {
		p = p[:min(len(p), zstd.MaxSize)]
		frames = e.Append(frames, p)
		all = append(all, p...)
	}
	path := t.TempDir() + "/frames.zst"
	if err := os.WriteFile(path, frames, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "zstd", "-dc", path).Output()
	if err != nil || !bytes.Equal(out, all) {
		t.Errorf("zstd -d: another content: %v", err)
	}
}

func FuzzAppend(f *testing.F) {
	for _, p := range packtest.Pieces(testing.Short()) {
		if len(p) < 1000 {
			f.Add(p, 1)
		}
	}
	d, err := klauspost.NewReader(nil, klauspost.WithDecoderConcurrency(1))
	if err != nil {
		f.Fatal(err)
	}
	e := zstd.NewEncoder()
	f.Fuzz(func(t *testing.T, p []byte, times int) {
		p = bytes.Repeat(p, min(max(times, 1), 1+zstd.MaxSize/(len(p)+1)))
		p = p[:min(len(p), zstd.MaxSize)]
		got, err := d.DecodeAll(e.Append(nil, p), nil)
		if err != nil || !bytes.Equal(got, p) {
			t.Fatalf("another content: %v", err)
		}
	})
}
