// SPDX-License-Identifier: Apache-2.0

package export_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"runtime"
	"slices"
	"sync"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/engine/export"
	"github.com/novasphere/provider-wukong/internal/mover/pack"
	"github.com/novasphere/provider-wukong/internal/mover/pack/frames"
	"github.com/novasphere/provider-wukong/internal/mover/pack/qcow2"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const mib = 1 << 20

// memory is an image in memory, whose zeros it knows a unit at a time.
type memory []byte

func (m memory) Size() int64 { return int64(len(m)) }

func (m memory) ReadAt(_ context.Context, p []byte, off int64) (bool, error) {
	if n := copy(p, m[off:]); n < len(p) {
		return false, io.ErrUnexpectedEOF
	}
	return bytes.Equal(p, make([]byte, len(p))), nil
}

// target is an upload in memory.
type target struct {
	cut disk.Parts

	mu    sync.Mutex
	parts map[int64][]byte
	order []int64
	has   map[int64][]byte // from before
	fail  func(off int64) error
}

func newTarget(size int64, ordered bool) *target {
	return &target{cut: disk.Parts{Size: size, Ordered: ordered}, parts: map[int64][]byte{}}
}

func (t *target) Parts() disk.Parts { return t.cut }

func (t *target) Put(ctx context.Context, p []byte, off int64) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if t.fail != nil {
		if err := t.fail(off); err != nil {
			return false, err
		}
	}
	t.parts[off] = bytes.Clone(p)
	t.order = append(t.order, off)
	return bytes.Equal(t.has[off], p) && t.has != nil, nil
}

func (t *target) Commit(context.Context, disk.Sum) (disk.Placed, error) { return disk.Placed{}, nil }
func (t *target) Abort(context.Context, bool) error                     { return nil }

// whole puts the parts together and checks how they were cut.
func (t *target) whole(tb testing.TB, sum disk.Sum) []byte {
	tb.Helper()
	var out []byte
	for off := int64(0); off < sum.Size || off == 0; off += t.cut.Size {
		p, ok := t.parts[off]
		if last := off+t.cut.Size >= sum.Size; !ok || !last && int64(len(p)) != t.cut.Size {
			tb.Fatalf("the part at %d of %d has %d bytes", off, sum.Size, len(p))
		}
		out = append(out, p...)
	}
	if int64(len(out)) != sum.Size {
		tb.Fatalf("%d bytes arrived of %d", len(out), sum.Size)
	}
	return out
}

// readable is a target that can be read again.
type readable struct{ *target }

func (r readable) ReadAt(_ context.Context, p []byte, off int64) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n := 0; n < len(p); {
		at := off + int64(n)
		part := r.parts[at/r.cut.Size*r.cut.Size]
		n += copy(p[n:], part[at%r.cut.Size:])
	}
	return nil
}

// stream is a target that takes a stream.
type stream struct {
	*target

	got  []byte
	size int64
	stop int // bytes after which it wants no more; 0: it wants all
}

func (s *stream) Stream(_ context.Context, r io.Reader, size int64) (err error) {
	s.size = size
	if s.stop > 0 {
		s.got = make([]byte, s.stop)
		_, err = io.ReadFull(r, s.got)
		return err
	}
	s.got, err = io.ReadAll(r)
	return err
}

func sample() memory {
	m := make(memory, 41*mib+4321)
	copy(m[3*mib:], endpointtest.Content(1, 9*mib))
	copy(m[20*mib:], bytes.Repeat([]byte("text that repeats itself, "), 5*mib/26))
	copy(m[len(m)-100:], "the end")
	return m
}

func packers(size int64) map[string]func() disk.Packer {
	return map[string]func() disk.Packer{
		"plain": func() disk.Packer { return pack.Plain{} },
		"zstd":  func() disk.Packer { return frames.NewZstd(0, true) },
		"gzip":  func() disk.Packer { return frames.NewGzip(0) },
		"qcow2": func() disk.Packer { return qcow2.NewCompressed(size, transfer.CompressionZstd, 0) },
		"zlib":  func() disk.Packer { return qcow2.NewCompressed(size, transfer.CompressionZlib, 0) },
		"zlib1": func() disk.Packer { return qcow2.NewCompressed(size, transfer.CompressionZlib, 1) },
	}
}

func run(t *testing.T, task export.Task) disk.Sum {
	t.Helper()
	task.Meter = &export.Meter{}
	task.Size = disk.Unknown
	sum, err := export.Run(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	if got := task.Meter.Sent.Load() + task.Meter.Reused.Load(); got != sum.Size {
		t.Errorf("meter: %d bytes were sent of %d", got, sum.Size)
	}
	return sum
}

// TestRunSame makes the same artifact however it is sent.
func TestRunSame(t *testing.T) {
	img := sample()
	content := sha256.Sum256(img)
	for name, p := range packers(img.Size()) {
		if testing.Short() && name != "qcow2" {
			continue // See `make unit`.
		}
		var want []byte
		check := func(way string, got []byte, sum disk.Sum) {
			t.Helper()
			if want == nil {
				want = got
			}
			if !bytes.Equal(got, want) {
				t.Errorf("%s, %s: another artifact", name, way)
			}
			if sum.SHA256 != sha256.Sum256(got) {
				t.Errorf("%s, %s: another digest", name, way)
			}
		}
		for _, procs := range []int{1, 2, 7} {
			before := runtime.GOMAXPROCS(procs)
			for _, connections := range []int{1, 4} {
				h := sha256.New()
				up := readable{newTarget(5*mib, false)}
				sum := run(t, export.Task{Image: img, NewPacker: p, Upload: up, Connections: connections, Digests: []io.Writer{h}})
				check("parts", up.whole(t, sum), sum)
				if !bytes.Equal(h.Sum(nil), content[:]) {
					t.Errorf("%s: the digest of the image is another", name)
				}
			}
			runtime.GOMAXPROCS(before)
		}
		ordered := newTarget(mib, true)
		sum := run(t, export.Task{Image: img, NewPacker: p, Upload: ordered, Connections: 4})
		check("ordered", ordered.whole(t, sum), sum)
		for i, off := range ordered.order {
			if off != int64(i)*mib {
				t.Fatalf("%s: part %d came as number %d", name, off/mib, i)
			}
		}
		s := &stream{target: newTarget(mib, true)}
		sum = run(t, export.Task{Image: img, NewPacker: p, Upload: s})
		check("stream", s.got, sum)
		if head := p().Head() > 0; head && s.size != sum.Size || !head && s.size != disk.Unknown {
			t.Errorf("%s: the size was said to be %d", name, s.size)
		}
		large := readable{newTarget(100*mib, false)}
		sum = run(t, export.Task{Image: img, NewPacker: p, Upload: large})
		check("large parts", large.whole(t, sum), sum)
	}
}

// TestRunUnknownDigest is that of what begins last and cannot be read again.
func TestRunUnknownDigest(t *testing.T) {
	img := sample()
	up := newTarget(mib, false)
	sum := run(t, export.Task{Image: img, NewPacker: packers(img.Size())["zlib"], Upload: up, Connections: 1})
	if sum.SHA256 != [32]byte{} {
		t.Errorf("got %x", sum.SHA256)
	}
	// The last one comes when all others have: a target may count on it.
	end := up.order[len(up.order)-2:]
	if end[0] != 0 || end[1] != slices.Max(up.order) {
		t.Errorf("the parts at %d came last, want the first and then the last one", end)
	}
}

// TestRunReused counts what the target had.
func TestRunReused(t *testing.T) {
	img := sample()
	up := newTarget(mib, false)
	p := packers(img.Size())["plain"]
	run(t, export.Task{Image: img, NewPacker: p, Upload: up})
	again := newTarget(mib, false)
	again.has = up.parts
	delete(again.has, 7*mib)
	m := &export.Meter{}
	if _, err := export.Run(t.Context(), export.Task{Image: img, NewPacker: p, Upload: again, Meter: m, Size: img.Size()}); err != nil {
		t.Fatal(err)
	}
	if m.Sent.Load() != mib || m.Reused.Load() != img.Size()-mib {
		t.Errorf("sent %d, reused %d", m.Sent.Load(), m.Reused.Load())
	}
}

var errBroken = errors.New("broken")

// broken is an image that cannot be read at one place.
type broken struct {
	memory

	at int64
}

func (b broken) ReadAt(ctx context.Context, p []byte, off int64) (bool, error) {
	if off <= b.at && b.at < off+int64(len(p)) {
		return false, errBroken
	}
	return b.memory.ReadAt(ctx, p, off)
}

// TestRunFails ends at once, whatever breaks, and never sends the end.
func TestRunFails(t *testing.T) {
	img := sample()
	for name, p := range packers(img.Size()) {
		if testing.Short() && (name == "gzip" || name == "zlib1") {
			continue // See `make unit`.
		}
		for way, task := range map[string]func(up *target) export.Task{
			"Image": func(up *target) export.Task {
				return export.Task{Image: broken{img, 30 * mib}, Upload: up}
			},
			"Check": func(up *target) export.Task {
				return export.Task{Image: img, Upload: up, Check: func() error { return errBroken }}
			},
			"Put": func(up *target) export.Task {
				up.fail = func(off int64) error {
					if off >= 3*mib {
						return errBroken
					}
					return nil
				}
				return export.Task{Image: img, Upload: up}
			},
			"Digest": func(up *target) export.Task {
				return export.Task{Image: img, Upload: up, Digests: []io.Writer{failing{}}}
			},
		} {
			up := newTarget(mib, false)
			job := task(up)
			job.NewPacker, job.Meter, job.Size = p, &export.Meter{}, disk.Unknown
			if _, err := export.Run(t.Context(), job); !errors.Is(err, errBroken) {
				t.Errorf("%s, %s: got %v", name, way, err)
			}
		}
	}
	early := &stream{target: newTarget(mib, true), stop: 3 * mib}
	_, err := export.Run(t.Context(), export.Task{
		Image: img, NewPacker: packers(0)["plain"], Upload: early, Meter: &export.Meter{}, Size: img.Size(),
	})
	if transfer.ReasonOf(err) != transfer.ReasonTargetUnavailable {
		t.Errorf("a stream that ends early: got %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errBroken }

// TestRunCancelled ends when its context does.
func TestRunCancelled(t *testing.T) {
	img := sample()
	ctx, cancel := context.WithCancel(t.Context())
	up := newTarget(mib, false)
	up.fail = func(off int64) error {
		if off == 5*mib {
			cancel()
		}
		return nil
	}
	_, err := export.Run(ctx, export.Task{
		Image: img, NewPacker: packers(0)["plain"], Upload: up, Meter: &export.Meter{}, Size: img.Size(),
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}

// hole is an image of any size without data.
type hole int64

func (h hole) Size() int64                                       { return int64(h) }
func (hole) ReadAt(context.Context, []byte, int64) (bool, error) { return true, nil }

// TestRunHuge exports a disk of 64 GiB without data in parts of the largest size.
// What memory parts of that size need is measured in cmd/mover.
func TestRunHuge(t *testing.T) {
	size := int64(64 << 30)
	if testing.Short() {
		size = 4 << 30 // See `make unit`.
	}
	up := newTarget(128*mib, false)
	sum := run(t, export.Task{Image: hole(size), NewPacker: func() disk.Packer {
		return qcow2.NewCompressed(size, transfer.CompressionZstd, 0)
	}, Upload: up})
	if sum.Size > mib {
		t.Errorf("a disk without data: got %d bytes", sum.Size)
	}
}

// TestScan finds the clusters that hold data.
func TestScan(t *testing.T) {
	img := make(memory, 9*mib+100)
	want := []int64{0, 63, 64, 100, 144}
	for _, c := range want {
		img[min(c*65536+65535, int64(len(img)-1))] = 1
	}
	m := &export.Meter{}
	has, err := export.Scan(t.Context(), img, m)
	if err != nil {
		t.Fatal(err)
	}
	if has.Count() != int64(len(want)) || m.Read.Load() != img.Size() {
		t.Errorf("got %d clusters of %d bytes", has.Count(), m.Read.Load())
	}
	for i, c := range want {
		if has.Select(int64(i)) != c {
			t.Errorf("cluster %d: got %d, want %d", i, has.Select(int64(i)), c)
		}
	}
}

// TestProof tells an artifact that is read back from another one.
func TestProof(t *testing.T) {
	img := sample()
	up := newTarget(mib, false)
	proof := &export.Proof{}
	sum := run(t, export.Task{Image: img, NewPacker: packers(img.Size())["zlib"], Upload: up, Proof: proof})
	whole := up.whole(t, sum)
	compare := func(artifact []byte) error {
		w := proof.Compare()
		for p := artifact; len(p) > 0; {
			n := min(len(p), 300_000)
			if _, err := w.Write(p[:n]); err != nil {
				return err
			}
			p = p[n:]
		}
		return w.Close()
	}
	if err := compare(whole); err != nil {
		t.Errorf("the same: %v", err)
	}
	for _, at := range []int{0, mib - 1, mib, len(whole) - 1} {
		other := bytes.Clone(whole)
		other[at] ^= 1
		if err := compare(other); transfer.ReasonOf(err) != transfer.ReasonChecksumMismatch {
			t.Errorf("another byte at %d: got %v", at, err)
		}
	}
	if err := compare(whole[:len(whole)-1]); transfer.ReasonOf(err) != transfer.ReasonChecksumMismatch {
		t.Errorf("one byte is missing: got %v", err)
	}
}
