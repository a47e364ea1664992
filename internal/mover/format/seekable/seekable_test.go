// SPDX-License-Identifier: Apache-2.0

package seekable_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/format"
	"github.com/novasphere/provider-wukong/internal/mover/format/compressed"
	"github.com/novasphere/provider-wukong/internal/mover/format/seekable"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// memory is a file that can be read at random.
type memory []byte

func (m memory) Stat() disk.Stat { return disk.Stat{Name: "memory", Size: int64(len(m)), Ranged: true} }

func (m memory) Open(_ context.Context, off, n int64) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m[off : off+n])), nil
}

func (memory) Close() error { return nil }

// A file is what the tests make of frames; what they change of it is changed
// before it is put together.
type file struct {
	frames    [][]byte
	sizes     []int // of what they decode to
	checksums bool
	change    func(table []byte) []byte
}

func frames(tb testing.TB, content []byte, cuts ...int) *file {
	tb.Helper()
	e, err := zstd.NewWriter(nil)
	if err != nil {
		tb.Fatal(err)
	}
	f := &file{change: func(p []byte) []byte { return p }}
	start := 0
	for _, end := range append(cuts, len(content)) {
		f.frames = append(f.frames, e.EncodeAll(content[start:end], nil))
		f.sizes = append(f.sizes, end-start)
		start = end
	}
	return f
}

func (f *file) bytes() []byte {
	var table []byte
	for i, p := range f.frames {
		table = binary.LittleEndian.AppendUint32(table, uint32(len(p)))
		table = binary.LittleEndian.AppendUint32(table, uint32(f.sizes[i]))
		if f.checksums {
			table = append(table, "any!"...)
		}
	}
	table = binary.LittleEndian.AppendUint32(table, uint32(len(f.frames)))
	descriptor := byte(0)
	if f.checksums {
		descriptor = 1 << 7
	}
	table = binary.LittleEndian.AppendUint32(append(table, descriptor), 0x8F92EAB1)
	head := binary.LittleEndian.AppendUint32([]byte{0x5e, 0x2a, 0x4d, 0x18}, uint32(len(table)))
	return append(bytes.Join(f.frames, nil), f.change(append(head, table...))...)
}

// decode reads all frames by ranges of n bytes of the file, each frame from
// what it says is its place.
func decode(t *testing.T, l *seekable.Layout, whole []byte, n int64) ([]byte, error) {
	t.Helper()
	out := make([]byte, l.VirtualSize())
	d := l.NewDecoder()
	for off := int64(0); off < int64(len(whole)); off += n {
		pieces, err := l.Pieces(t.Context(), off, n)
		if err != nil {
			return nil, err
		}
		for _, p := range pieces {
			if p.FileOffset < off || p.FileOffset >= off+n || !p.Compressed {
				t.Fatalf("the range at %d has a piece %+v", off, p)
			}
			err := d.Decode(out[p.DiskOffset:p.DiskOffset+p.DiskLength], whole[p.FileOffset:p.FileOffset+p.FileLength])
			if err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

func sample() []byte {
	content := append(endpointtest.Content(1, 300<<10), make([]byte, 5<<20)...)
	return append(content, bytes.Repeat([]byte("text that repeats itself; "), 10_000)...)
}

// TestDecode gives what a stream of the frames gives, however they are cut.
func TestDecode(t *testing.T) {
	content := sample()
	for name, f := range map[string]*file{
		"Ours":      frames(t, content, 1024, 4<<20),
		"Odd":       frames(t, content, 1, 1000, 333_333, 333_334, 4_000_000),
		"Checksums": func() *file { f := frames(t, content, 3<<20); f.checksums = true; return f }(),
	} {
		whole := f.bytes()
		for _, n := range []int64{4 << 20, 1000, 1 << 40} {
			l, err := seekable.Open(t.Context(), memory(whole))
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			if want := int64(len(content)+511) &^ 511; l.VirtualSize() != want {
				t.Errorf("%s: the disk has %d bytes, want %d", name, l.VirtualSize(), want)
			}
			got, err := decode(t, l, whole, n)
			if err != nil || !bytes.Equal(got[:len(content)], content) {
				t.Errorf("%s, by ranges of %d: another disk (%v)", name, n, err)
			}
		}
		r, err := compressed.NewReader(format.Zstd, bytes.NewReader(whole))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s, as a stream: another disk (%v)", name, err)
		}
	}
}

// TestOpenNone leaves a file to the stream's reader where its table is missing,
// or asks for more than it may.
func TestOpenNone(t *testing.T) {
	content := sample()
	put := func(at int, v uint32) func([]byte) []byte {
		return func(table []byte) []byte {
			if at < 0 {
				at += len(table)
			}
			binary.LittleEndian.PutUint32(table[at:], v)
			return table
		}
	}
	for name, tc := range map[string]struct {
		reason string
		change func(table []byte) []byte
	}{
		"NoTable":    {"Any other zstd file.", func([]byte) []byte { return nil }},
		"Magic":      {"What ends otherwise has no table.", put(-4, 0x8F92EAB0)},
		"Frame":      {"The table is no skippable frame.", put(0, 0xFD2FB528)},
		"FrameSize":  {"The table's frame ends elsewhere.", put(4, 1)},
		"Few":        {"It names fewer frames than it holds.", put(-9, 2)},
		"Many":       {"It names more frames than can be.", put(-9, 0xffffffff)},
		"NoFrames":   {"It names no frame.", put(-9, 0)},
		"Reserved":   {"It is of another version.", func(p []byte) []byte { p[len(p)-5] |= 0x40; return p }},
		"Gap":        {"Something stands between frames and table.", put(8, 1)},
		"Empty":      {"A frame that holds nothing might hold something.", put(12, 0)},
		"Large":      {"A frame is larger than one may be.", put(12, 4<<20+1)},
		"Impossible": {"A frame is longer than what it holds ever is.", put(12, 1)},
		"Cut":        {"The end is missing.", func(p []byte) []byte { return p[:len(p)-1] }},
	} {
		t.Run(name, func(t *testing.T) {
			f := frames(t, content, 300<<10, 4<<20)
			f.change = tc.change
			if _, err := seekable.Open(t.Context(), memory(f.bytes())); !errors.Is(err, seekable.ErrNone) {
				t.Errorf("%s Got %v", tc.reason, err)
			}
		})
	}
	tiny := &file{change: func(p []byte) []byte { return p }}
	for range 10_000 { // Skippable frames without content, which a table calls a byte each.
		tiny.frames, tiny.sizes = append(tiny.frames, []byte("\x50\x2a\x4d\x18\x00\x00\x00\x00")), append(tiny.sizes, 1)
	}
	if _, err := seekable.Open(t.Context(), memory(tiny.bytes())); !errors.Is(err, seekable.ErrNone) {
		t.Errorf("frames without number: got %v", err)
	}
}

// TestDecodeRefused takes no frame for another one than the table says.
func TestDecodeRefused(t *testing.T) {
	content := sample()
	for name, tc := range map[string]struct {
		reason string
		change func(f *file)
	}{
		"Longer":    {"The frame holds more than the table says.", func(f *file) { f.sizes[1]-- }},
		"Shorter":   {"The frame holds less than the table says.", func(f *file) { f.sizes[1]++ }},
		"Damaged":   {"The frame's checksum is wrong.", func(f *file) { f.frames[0][len(f.frames[0])-1] ^= 1 }},
		"Skippable": {"The frame is none that holds anything.", func(f *file) { copy(f.frames[1], "\x50\x2a\x4d\x18\x00\x00\x00\x00") }},
		"Misplaced": {"The frames begin elsewhere.", func(f *file) {
			f.frames[0], f.frames[1] = f.frames[0][:len(f.frames[0])-1], slices.Concat(f.frames[0][len(f.frames[0])-1:], f.frames[1])
		}},
	} {
		t.Run(name, func(t *testing.T) {
			f := frames(t, content, 300<<10, 4<<20)
			tc.change(f)
			whole := f.bytes()
			l, err := seekable.Open(t.Context(), memory(whole))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := decode(t, l, whole, 4<<20); transfer.ReasonOf(err) != transfer.ReasonImageCorrupt {
				t.Errorf("%s Got %v", tc.reason, err)
			}
		})
	}
}

// FuzzOpen opens and decodes whatever it is given.
func FuzzOpen(f *testing.F) {
	whole := frames(f, sample()[:400<<10], 1024, 200<<10).bytes()
	f.Add(whole)
	f.Add(whole[len(whole)-60:])
	f.Fuzz(func(t *testing.T, p []byte) {
		l, err := seekable.Open(t.Context(), memory(p))
		if err != nil {
			return
		}
		if l.VirtualSize() > 64<<20 {
			return
		}
		if _, err := decode(t, l, p, 1<<20); err != nil && transfer.ReasonOf(err) != transfer.ReasonImageCorrupt {
			t.Errorf("%v is %s", err, transfer.ReasonOf(err))
		}
	})
}
