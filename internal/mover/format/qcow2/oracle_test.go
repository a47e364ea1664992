// SPDX-License-Identifier: Apache-2.0

package qcow2_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// memory is a disk.File in memory.
type memory []byte

func (m memory) Stat() disk.Stat {
	return disk.Stat{Name: "memory", Size: int64(len(m)), Ranged: true}
}

func (m memory) Open(_ context.Context, off, n int64) (io.ReadCloser, error) {
	if off < 0 || off > int64(len(m)) || n > int64(len(m))-off {
		return nil, fmt.Errorf("cannot read %d bytes at %d of %d: %w", n, off, len(m), io.ErrUnexpectedEOF)
	}
	return io.NopCloser(bytes.NewReader(m[off : off+n])), nil
}

func (m memory) Close() error { return nil }

// counting is a Fetch that counts the ranges and calls take in reverse.
func counting(n *int) func(context.Context, disk.File, []disk.Extent, func(int, []byte) error) error {
	return func(ctx context.Context, f disk.File, ranges []disk.Extent, take func(int, []byte) error) error {
		for i := len(ranges) - 1; i >= 0; i-- {
			*n++
			p := make([]byte, ranges[i].Length)
			if err := disk.ReadAt(ctx, f, p, ranges[i].Offset); err != nil {
				return err
			}
			if err := take(i, p); err != nil {
				return err
			}
		}
		return nil
	}
}

// decoded remembers what clusters hold: an image is read in twelve ways, and
// decoding each time is what would take long.
type decoded map[string][]byte

type decodedLayout struct {
	disk.Layout
	done decoded
}

func (l decodedLayout) NewDecoder() disk.Decoder {
	return decodedCluster{l.Layout.NewDecoder(), l.done}
}

type decodedLearner struct {
	disk.Learner
	done decoded
}

func (l decodedLearner) NewDecoder() disk.Decoder {
	return decodedCluster{l.Learner.NewDecoder(), l.done}
}

type decodedCluster struct {
	disk.Decoder
	done decoded
}

func (d decodedCluster) Decode(dst, src []byte) error {
	if p, ok := d.done[string(src)]; ok && len(p) == len(dst) {
		copy(dst, p)
		return nil
	}
	err := d.Decoder.Decode(dst, src)
	if err == nil {
		d.done[string(src)] = bytes.Clone(dst)
	}
	return err
}

// placer fills a disk from pieces, and checks each against what the
// vocabulary promises.
type placer struct {
	t     *testing.T
	image []byte
	disk  []byte
	dec   disk.Decoder
	last  int64
}

func (p *placer) put(x disk.Piece) error {
	p.t.Helper()
	if x.FileOffset < p.last || x.FileLength <= 0 || x.DiskOffset < 0 || x.DiskLength <= 0 {
		p.t.Fatalf("piece %+v after file offset %d", x, p.last)
	}
	p.last = x.FileOffset
	if x.FileOffset+x.FileLength > int64(len(p.image)) || x.DiskOffset >= int64(len(p.disk)) {
		p.t.Fatalf("piece %+v is outside the file (%d) or the disk (%d)", x, len(p.image), len(p.disk))
	}
	src := p.image[x.FileOffset:][:x.FileLength]
	if !x.Compressed {
		if x.DiskLength != x.FileLength {
			p.t.Fatalf("plain piece %+v has two lengths", x)
		}
		copy(p.disk[x.DiskOffset:], src)
		return nil
	}
	dst := make([]byte, x.DiskLength)
	if err := p.dec.Decode(dst, src); err != nil {
		return fmt.Errorf("piece %+v: %w", x, err)
	}
	copy(p.disk[x.DiskOffset:], dst)
	return nil
}

// place fills a disk from image as l says, asking for step bytes at a time.
func place(t *testing.T, l disk.Layout, image []byte, step int64) []byte {
	t.Helper()
	d, err := tryPlace(t, l, image, step)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func tryPlace(t *testing.T, l disk.Layout, image []byte, step int64) ([]byte, error) {
	t.Helper()
	p := &placer{t: t, image: image, disk: make([]byte, l.VirtualSize()), dec: l.NewDecoder()}
	for off := int64(0); off < int64(len(image)); off += step {
		n := min(step, int64(len(image))-off)
		if err := p.putRange(l, off, n); err != nil {
			return nil, err
		}
	}
	return p.disk, nil
}

// putRange fills the disk with what the range of the image holds.
func (p *placer) putRange(l disk.Layout, off, n int64) error {
	p.t.Helper()
	pieces, err := l.Pieces(p.t.Context(), off, n)
	if err != nil {
		return err
	}
	p.last = off
	for _, x := range pieces {
		if x.FileOffset >= off+n || !x.Compressed && x.FileOffset+x.FileLength > off+n {
			p.t.Fatalf("Pieces(%d, %d) returned %+v", off, n, x)
		}
		if x.Compressed {
			// The last sector may be cut where the file ends.
			x.FileLength = min(x.FileLength, int64(len(p.image))-x.FileOffset)
		}
		if err := p.put(x); err != nil {
			return err
		}
	}
	return nil
}

func firstDifference(a, b []byte) string {
	if len(a) != len(b) {
		return fmt.Sprintf("the size: %d instead of %d", len(a), len(b))
	}
	for i := range a {
		if a[i] != b[i] {
			return fmt.Sprint(i)
		}
	}
	return "nowhere"
}

func run(t testing.TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}

// qemuIO runs commands of qemu-io on an image.
func qemuIO(t testing.TB, file string, commands ...string) {
	t.Helper()
	args := []string{"-f", "qcow2", "-t", "unsafe"}
	for _, c := range commands {
		args = append(args, "-c", c)
	}
	run(t, "qemu-io", append(args, file)...)
}

func readFile(t testing.TB, name string) []byte {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// convert returns the disk of an image as qemu-img sees it.
func convert(t testing.TB, dir, file string) []byte {
	t.Helper()
	raw := filepath.Join(dir, "want.raw")
	run(t, "qemu-img", "convert", "-f", "qcow2", "-O", "raw", file, raw)
	return readFile(t, raw)
}

// rawDisk writes a disk of n bytes to dir: text, noise, and zeros in turn, in
// pieces of awkward lengths.
func rawDisk(t testing.TB, dir string, n int) string {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(n)))
	b := make([]byte, 0, n)
	for kind := 0; len(b) < n; kind++ {
		l := min(r.IntN(300_000)+1, n-len(b))
		switch kind % 3 {
		case 0:
			line := fmt.Sprintf("line %d of some text that compresses well\n", r.IntN(1000))
			b = append(b, strings.Repeat(line, l/len(line)+1)[:l]...)
		case 1:
			for range l {
				b = append(b, byte(r.Uint32()))
			}
		default:
			b = append(b, make([]byte, l)...)
		}
	}
	name := filepath.Join(dir, "disk.raw")
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// scattered makes an image whose clusters stand in random order.
func scattered(t testing.TB, dir, args string) string {
	t.Helper()
	file := filepath.Join(dir, "scattered.qcow2")
	const size, cluster = 8 << 20, 4096
	if args != "" {
		cmd := append([]string{"convert", "-O", "qcow2", "-W", "-m", "8"}, strings.Fields(args)...)
		cmd = append(cmd, "-o", "cluster_size=4k", rawDisk(t, dir, size), file)
		run(t, "qemu-img", cmd...)
		return file
	}
	run(t, "qemu-img", "create", "-q", "-f", "qcow2", "-o", "cluster_size=4k", file, fmt.Sprint(size))
	var commands []string
	for i, c := range rand.New(rand.NewPCG(1, 2)).Perm(size / cluster) {
		commands = append(commands, fmt.Sprintf("write -q -P %d %d %d", i%255+1, c*cluster, cluster))
	}
	qemuIO(t, file, commands...)
	return file
}

// crash writes to an image and does not close it.
func crash(t testing.TB, file string) {
	t.Helper()
	cmd := exec.Command("qemu-io", "-f", "qcow2", "-c", "write -q -P 9 2M 128k", "-c", "flush", "-c", "abort", file)
	if out, err := cmd.CombinedOutput(); err == nil {
		t.Fatalf("qemu-io did not abort: %s", out)
	}
}

// learn fills a disk from an image that passes by, step bytes at a time. Late
// pieces see nothing but the bytes that were parked.
func learn(t *testing.T, l disk.Learner, image []byte, step int64) ([]byte, error) {
	t.Helper()
	var p *placer
	parked := bytes.Repeat([]byte{0xEE}, len(image))
	kept := make([]bool, len(image))
	for off := int64(0); off < int64(len(image)); off += step {
		n := min(step, int64(len(image))-off)
		if err := l.Learn(image[off:off+n], off); err != nil {
			return nil, err
		}
		for _, e := range l.Parked() {
			if e.Offset < off || e.End() > off+n {
				t.Fatalf("Parked() after Learn of [%d, %d): %+v", off, off+n, e)
			}
			copy(parked[e.Offset:], image[e.Offset:e.End()])
			for i := e.Offset; i < e.End(); i++ {
				kept[i] = true
			}
		}
		if l.VirtualSize() == 0 {
			continue
		}
		if p == nil {
			p = &placer{t: t, image: image, disk: make([]byte, l.VirtualSize()), dec: l.NewDecoder()}
		}
		if err := p.putRange(l, off, n); err != nil {
			return nil, err
		}
	}
	late, err := l.Late(t.Context())
	if err != nil {
		return nil, err
	}
	p.last, p.image = 0, parked
	for _, x := range late {
		for i := x.FileOffset; i < x.FileOffset+x.FileLength; i++ {
			if !kept[i] {
				t.Fatalf("late piece %+v: offset %d was not parked", x, i)
			}
		}
		if err := p.put(x); err != nil {
			return nil, err
		}
	}
	return p.disk, nil
}
