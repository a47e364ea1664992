// SPDX-License-Identifier: Apache-2.0

package frames_test

import (
	"bytes"
	"io"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover/pack/frames"
)

func packed(t *testing.T, seek bool, units ...[]byte) []byte {
	t.Helper()
	z := frames.NewZstd(0, seek)
	e, err := z.NewEncoder()
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	for _, u := range units {
		p, err := e.Encode(nil, u)
		if err != nil {
			t.Fatal(err)
		}
		if err := z.Place(&b, p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := z.Finish(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestLead reads a file as CDI's importer does: the first 512 bytes are
// overwritten as soon as something of what they unpack to has been read.
func TestLead(t *testing.T) {
	noise := make([]byte, 300<<10)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = byte(r.Uint32())
	}
	text := bytes.Repeat([]byte("all work and no play "), 20000)
	cases := map[string][][]byte{
		"Zeros":  {make([]byte, 4<<20), make([]byte, 4<<20)},
		"Text":   {text, noise},
		"Noise":  {noise, text},
		"Sector": {append(bytes.Clone(noise[:512]), make([]byte, 1<<20)...), noise},
		"Edge":   {noise[:1024], text},
		"Longer": {noise[:1025], text},
		"Short":  {noise[:700]},
	}
	for name, units := range cases {
		for _, seek := range []bool{false, true} {
			b := packed(t, seek, units...)
			head := bytes.Clone(b[:512])
			d, err := zstd.NewReader(io.MultiReader(bytes.NewReader(head), bytes.NewReader(b[512:])), zstd.WithDecoderConcurrency(1))
			if err != nil {
				t.Fatal(err)
			}
			got := make([]byte, 512)
			if _, err := io.ReadFull(d, got); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			clear(head)
			rest, err := io.ReadAll(d)
			if err != nil || !bytes.Equal(slices.Concat(got, rest), bytes.Join(units, nil)) {
				t.Errorf("%s, seek table %t: the content is another: %v", name, seek, err)
			}
			d.Close()
		}
	}
}
