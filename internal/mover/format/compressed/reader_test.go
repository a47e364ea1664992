// SPDX-License-Identifier: Apache-2.0

package compressed_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os/exec"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/format"
	"github.com/novasphere/provider-wukong/internal/mover/format/compressed"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// sample is some text, some noise and some zeros.
func sample() []byte {
	var b bytes.Buffer
	r := rand.New(rand.NewPCG(1, 2))
	for i := range 20_000 {
		fmt.Fprintf(&b, "line %d of a text\n", i*i%977)
	}
	for range 100_000 {
		b.WriteByte(byte(r.Uint32()))
	}
	b.Write(make([]byte, 500_000))
	return b.Bytes()
}

// tool packs p with one of the usual tools.
func tool(t testing.TB, p []byte, command string) []byte {
	t.Helper()
	args := strings.Fields(command)
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdin = bytes.NewReader(p)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", command, err, &stderr)
	}
	return out
}

func unpack(kind format.Compression, r io.Reader) ([]byte, error) {
	z, err := compressed.NewReader(kind, r)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(z)
	return b, errors.Join(err, z.Close())
}

func TestRead(t *testing.T) {
	plain := sample()
	cases := map[string]struct {
		reason string
		kind   format.Compression
		packed []byte
		want   []byte
	}{
		"Gzip":          {"The usual kind.", format.Gzip, tool(t, plain, "gzip -c"), plain},
		"GzipMembers":   {"Members follow each other.", format.Gzip, append(tool(t, plain, "gzip -1c"), tool(t, plain, "gzip -9c")...), append(plain, plain...)},
		"GzipPadded":    {"Zeros are padding.", format.Gzip, append(tool(t, plain, "gzip -c"), make([]byte, 1000)...), plain},
		"GzipEmpty":     {"Nothing was packed.", format.Gzip, tool(t, nil, "gzip -c"), []byte{}},
		"Zstd":          {"The usual kind.", format.Zstd, tool(t, plain, "zstd -c"), plain},
		"ZstdStrong":    {"A large window.", format.Zstd, tool(t, plain, "zstd -19 -c"), plain},
		"ZstdLong":      {"The largest window.", format.Zstd, tool(t, plain, "zstd --long=26 -c"), plain},
		"ZstdFrames":    {"Frames follow each other.", format.Zstd, append(tool(t, plain, "zstd -c"), tool(t, plain, "zstd -1c --no-check")...), append(plain, plain...)},
		"ZstdSkippable": {"A skippable frame is skipped.", format.Zstd, append([]byte("\x50\x2a\x4d\x18\x03\x00\x00\x00abc"), tool(t, plain, "zstd -c")...), plain},
		"PZstd":         {"A parallel compressor.", format.Zstd, tool(t, plain, "pzstd -c"), plain},
		"XZ":            {"The usual kind.", format.XZ, tool(t, plain, "xz -c"), plain},
		"XZStrong":      {"The largest dictionary.", format.XZ, tool(t, plain, "xz -9c"), plain},
		"XZStreams":     {"Streams follow each other, with padding.", format.XZ, append(append(tool(t, plain, "xz -c"), 0, 0, 0, 0), tool(t, plain, "xz -0c --check=crc32")...), append(plain, plain...)},
		"XZBlocks":      {"A parallel compressor.", format.XZ, tool(t, plain, "xz -c --block-size=100000 -T2"), plain},
		"XZChecks":      {"Each kind of checksum.", format.XZ, append(tool(t, plain, "xz -0c --check=sha256"), tool(t, plain, "xz -0c --check=none")...), append(plain, plain...)},
		"XZFilter":      {"A filter for machine code.", format.XZ, tool(t, plain, "xz -c --x86 --lzma2"), plain},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for how, r := range map[string]io.Reader{
				"whole":       bytes.NewReader(tc.packed),
				"piecemeal":   iotest.HalfReader(bytes.NewReader(tc.packed)),
				"data at EOF": iotest.DataErrReader(bytes.NewReader(tc.packed)),
			} {
				got, err := unpack(tc.kind, r)
				if err != nil || !bytes.Equal(got, tc.want) {
					t.Errorf("%s: %s: %d bytes, error %v; want %d bytes", tc.reason, how, len(got), err, len(tc.want))
				}
			}
		})
	}
}

func TestReadErrors(t *testing.T) {
	plain := sample()
	damaged := func(p []byte) []byte {
		p = bytes.Clone(p)
		p[len(p)/2] ^= 0x55
		return p
	}
	gz, zst, xz := tool(t, plain, "gzip -c"), tool(t, plain, "zstd -c"), tool(t, plain, "xz -c")
	cases := map[string]struct {
		reason string
		kind   format.Compression
		packed []byte
		want   transfer.Reason
	}{
		"GzipCut":         {"Half of the file.", format.Gzip, gz[:len(gz)/2], transfer.ReasonSourceTruncated},
		"GzipCutHeader":   {"A part of the header.", format.Gzip, gz[:5], transfer.ReasonSourceTruncated},
		"GzipCutTrailer":  {"All but the last byte.", format.Gzip, gz[:len(gz)-1], transfer.ReasonSourceTruncated},
		"GzipNothing":     {"Not a byte.", format.Gzip, nil, transfer.ReasonSourceTruncated},
		"GzipDamaged":     {"A byte is wrong.", format.Gzip, damaged(gz), transfer.ReasonImageCorrupt},
		"GzipChecksum":    {"The checksum is wrong.", format.Gzip, append(bytes.Clone(gz[:len(gz)-8]), "12345678"...), transfer.ReasonImageCorrupt},
		"GzipGarbage":     {"Something follows.", format.Gzip, append(bytes.Clone(gz), "garbage"...), transfer.ReasonImageCorrupt},
		"GzipSecond":      {"Something that resembles a member follows.", format.Gzip, append(bytes.Clone(gz), "\x1f\x8cgarbage-garbage"...), transfer.ReasonImageCorrupt},
		"ZstdCut":         {"Half of the file.", format.Zstd, zst[:len(zst)/2], transfer.ReasonSourceTruncated},
		"ZstdCutChecksum": {"All but the last byte.", format.Zstd, zst[:len(zst)-1], transfer.ReasonSourceTruncated},
		"ZstdDamaged":     {"A byte is wrong.", format.Zstd, damaged(zst), transfer.ReasonImageCorrupt},
		"ZstdGarbage":     {"Something follows.", format.Zstd, append(bytes.Clone(zst), "garbage"...), transfer.ReasonImageCorrupt},
		"ZstdWindow":      {"A window beyond the bound.", format.Zstd, tool(t, plain, "zstd --ultra -22 --long=27 -c"), transfer.ReasonImageTooComplex},
		"XZCut":           {"Half of the file.", format.XZ, xz[:len(xz)/2], transfer.ReasonSourceTruncated},
		"XZCutIndex":      {"All but the last byte.", format.XZ, xz[:len(xz)-1], transfer.ReasonSourceTruncated},
		"XZDamaged":       {"A byte is wrong.", format.XZ, damaged(xz), transfer.ReasonImageCorrupt},
		"XZGarbage":       {"Something follows.", format.XZ, append(bytes.Clone(xz), "garbage of some length"...), transfer.ReasonImageCorrupt},
		"XZDictionary":    {"A dictionary beyond the bound.", format.XZ, tool(t, plain, "xz -c --lzma2=dict=65MiB"), transfer.ReasonImageTooComplex},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := unpack(tc.kind, bytes.NewReader(tc.packed))
			if diff := cmp.Diff(tc.want, transfer.ReasonOf(err)); diff != "" {
				t.Errorf("%s: error %v: -want, +got:\n%s", tc.reason, err, diff)
			}
		})
	}
}

// TestSourceError checks that what goes wrong with the source is not blamed on
// the image.
func TestSourceError(t *testing.T) {
	broken := transfer.Retryable(transfer.ReasonSourceUnavailable, errors.New("connection lost"))
	for kind, command := range map[format.Compression]string{format.Gzip: "gzip -c", format.Zstd: "zstd -c", format.XZ: "xz -c"} {
		packed := tool(t, sample(), command)
		for _, n := range []int{0, 3, len(packed) / 2, len(packed)} {
			_, err := unpack(kind, io.MultiReader(bytes.NewReader(packed[:n]), iotest.ErrReader(broken)))
			if !errors.Is(err, broken) || transfer.ReasonOf(err) != transfer.ReasonSourceUnavailable {
				t.Errorf("%s, broken after %d bytes: error %v (%s)", kind, n, err, transfer.ReasonOf(err))
			}
		}
	}
}

func TestNewReaderUnknown(t *testing.T) {
	if _, err := compressed.NewReader("lzma", nil); err == nil {
		t.Error("NewReader(lzma) gives no error")
	}
}

// TestMemory checks the memory that the largest allowed windows take.
func TestMemory(t *testing.T) {
	const window = 64 << 20
	plain := append(sample(), make([]byte, 140<<20)...)
	for kind, command := range map[format.Compression]string{format.Zstd: "zstd -1 --long=26 -c", format.XZ: "xz -0c --lzma2=preset=0,dict=64MiB"} {
		packed := tool(t, plain, command)
		z, err := compressed.NewReader(kind, bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		var before, now runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		most := uint64(0)
		buf := make([]byte, 8<<20)
		for err == nil {
			_, err = io.ReadFull(z, buf)
			runtime.ReadMemStats(&now)
			most = max(most, now.HeapInuse-min(before.HeapInuse, now.HeapInuse))
		}
		if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatal(err)
		}
		t.Logf("%s: %d MiB", kind, most>>20)
		if most > window+window/2 {
			t.Errorf("%s with a window of %d MiB took %d MiB", kind, window>>20, most>>20)
		}
	}
}

// FuzzCompressed checks that no input makes a decoder panic or give more than
// its source could hold.
func FuzzCompressed(f *testing.F) {
	kinds := []format.Compression{format.Gzip, format.Zstd, format.XZ}
	for i, command := range []string{"gzip -c", "zstd -c", "xz -c"} {
		f.Add(byte(i), tool(f, []byte("some text, some text, some text"), command))
		f.Add(byte(i), tool(f, sample()[:5000], command))
	}
	f.Add(byte(2), tool(f, sample()[:5000], "xz -c --x86 --delta=dist=2 --lzma2"))
	f.Fuzz(func(t *testing.T, kind byte, packed []byte) {
		z, err := compressed.NewReader(kinds[int(kind)%len(kinds)], bytes.NewReader(packed))
		if err != nil {
			t.Fatal(err)
		}
		defer z.Close()
		if _, err := io.Copy(io.Discard, io.LimitReader(z, 16<<20)); err != nil && !transfer.IsTerminal(err) {
			t.Errorf("error without a terminal reason: %v", err)
		}
	})
}
