// SPDX-License-Identifier: Apache-2.0

package cluster_test

import (
	"bytes"
	"runtime"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/cluster"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/header"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const size = 4096

// text is the content of a cluster.
func text() []byte { return bytes.Repeat([]byte("some text; "), size/11+1)[:size] }

func deflated(tb testing.TB, p []byte) []byte {
	tb.Helper()
	var b bytes.Buffer
	w, err := flate.NewWriter(&b, 6)
	if err != nil {
		tb.Fatal(err)
	}
	if _, err := w.Write(p); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func zstandard(tb testing.TB, p []byte, o ...zstd.EOption) []byte {
	tb.Helper()
	w, err := zstd.NewWriter(nil, o...)
	if err != nil {
		tb.Fatal(err)
	}
	return w.EncodeAll(p, nil)
}

// join returns its arguments one after the other.
func join(ps ...[]byte) []byte { return bytes.Join(ps, nil) }

func TestDecode(t *testing.T) {
	d, z := deflated(t, text()), zstandard(t, text())
	half := zstandard(t, text()[:1000])
	rest := zstandard(t, text()[1000:], zstd.WithEncoderCRC(false), zstd.WithSingleSegment(true))
	garbage := bytes.Repeat([]byte{0xA5}, 500)
	skippable := []byte("\x5a\x2a\x4d\x18\x03\x00\x00\x00abc")
	// A frame of an unknown size whose window descriptor says 1 GiB, with one
	// block of size zero bytes (RFC 8878 § 3.1.1).
	window := join([]byte("\x28\xb5\x2f\xfd\x00\xa0"), []byte{size<<3&0xff | 3, size >> 5 & 0xff, size >> 13, 0})

	cases := map[string]struct {
		reason string
		kind   header.Compression
		src    []byte
		want   []byte // nil: an error
	}{
		"Deflate":         {"The usual case.", header.Deflate, d, text()},
		"DeflatePadded":   {"The last sector is filled with anything.", header.Deflate, join(d, garbage), text()},
		"DeflateCut":      {"The stream ends early.", header.Deflate, d[:len(d)-3], nil},
		"DeflateShort":    {"The stream holds less than a cluster.", header.Deflate, deflated(t, text()[1:]), nil},
		"DeflateLong":     {"The stream holds more than a cluster.", header.Deflate, deflated(t, append(text(), 'x')), nil},
		"DeflateGarbage":  {"No stream at all.", header.Deflate, garbage, nil},
		"DeflateEmpty":    {"No data at all.", header.Deflate, nil, nil},
		"Zstd":            {"The usual case.", header.Zstd, z, text()},
		"ZstdPadded":      {"The last sector is filled with anything.", header.Zstd, join(z, garbage), text()},
		"ZstdNext":        {"The next cluster begins in the last sector.", header.Zstd, join(z, half), text()},
		"ZstdFrames":      {"Two frames make one cluster.", header.Zstd, join(half, rest, garbage), text()},
		"ZstdSkippable":   {"Skippable frames are skipped.", header.Zstd, join(skippable, half, skippable, rest), text()},
		"ZstdWindow":      {"The window may be larger than any memory: a cluster is its own.", header.Zstd, window, make([]byte, size)},
		"ZstdCut":         {"The frame ends early.", header.Zstd, z[:len(z)-3], nil},
		"ZstdCutHeader":   {"The frame has no block.", header.Zstd, z[:9], nil},
		"ZstdShort":       {"The frame holds less than a cluster.", header.Zstd, half, nil},
		"ZstdShortPadded": {"The frame holds less than a cluster.", header.Zstd, join(half, garbage), nil},
		"ZstdLong":        {"The frame holds more than a cluster.", header.Zstd, zstandard(t, append(text(), 'x')), nil},
		"ZstdDamaged":     {"The checksum is wrong.", header.Zstd, join(z[:len(z)-1], []byte{^z[len(z)-1]}), nil},
		"ZstdEmpty":       {"No data at all.", header.Zstd, nil, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			d := cluster.NewDecoder(tc.kind)
			for range 2 { // A decoder is used again.
				dst := bytes.Repeat([]byte{0xEE}, size)
				err := d.Decode(dst, tc.src)
				if tc.want == nil {
					if transfer.ReasonOf(err) != transfer.ReasonImageCorrupt {
						t.Errorf("%s: error %v (%s), want ImageCorrupt", tc.reason, err, transfer.ReasonOf(err))
					}
					continue
				}
				if err != nil {
					t.Fatalf("%s: %v", tc.reason, err)
				}
				if diff := cmp.Diff(tc.want, dst); diff != "" {
					t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
				}
			}
		})
	}
}

// TestDecodeMemory checks that decoding allocates next to nothing, whatever
// window a cluster asks for.
func TestDecodeMemory(t *testing.T) {
	for kind, src := range map[header.Compression][]byte{
		header.Deflate: deflated(t, text()),
		header.Zstd:    zstandard(t, text(), zstd.WithWindowSize(512<<20), zstd.WithSingleSegment(false)),
	} {
		d, dst := cluster.NewDecoder(kind), make([]byte, size)
		if err := d.Decode(dst, src); err != nil {
			t.Fatal(err)
		}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		const rounds = 1000
		for range rounds {
			if err := d.Decode(dst, src); err != nil {
				t.Fatal(err)
			}
		}
		runtime.ReadMemStats(&after)
		// The race detector makes a pool forget some of what it is given.
		if n := (after.TotalAlloc - before.TotalAlloc) / rounds; n > 16<<10 {
			t.Errorf("%s: %d bytes are allocated for each cluster", kind, n)
		}
	}
}

// FuzzDecoder checks that no cluster makes a decoder panic or hang.
func FuzzDecoder(f *testing.F) {
	f.Add(deflated(f, text()), uint16(size), false)
	f.Add(zstandard(f, text()), uint16(size), true)
	f.Add(join(zstandard(f, text()[:99], zstd.WithEncoderCRC(false)), zstandard(f, text()[99:300])), uint16(300), true)
	f.Add([]byte("\x5a\x2a\x4d\x18\xff\xff\xff\xffabc"), uint16(300), true)
	decoders := map[bool]interface{ Decode(dst, src []byte) error }{
		false: cluster.NewDecoder(header.Deflate),
		true:  cluster.NewDecoder(header.Zstd),
	}
	f.Fuzz(func(t *testing.T, src []byte, n uint16, zstd bool) {
		if err := decoders[zstd].Decode(make([]byte, n), src); err != nil && transfer.ReasonOf(err) != transfer.ReasonImageCorrupt {
			t.Errorf("Decode(): %v is %s", err, transfer.ReasonOf(err))
		}
	})
}
