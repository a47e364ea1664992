// SPDX-License-Identifier: Apache-2.0

package engine_test

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine"
	"github.com/novasphere/provider-wukong/internal/mover/spool"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// raw is the layout of a raw image.
func raw(n int) *table {
	return &table{size: int64(n), pieces: []disk.Piece{{FileLength: int64(n), DiskLength: int64(n)}}}
}

// scattered is an image of clusters in any order on the disk, one in three of
// them compressed and of any length, and every seventh named twice. It returns
// the file as well.
func scattered(clusters int, cluster int64) ([]byte, *table) {
	random := rand.New(rand.NewPCG(7, uint64(clusters)))
	l := &table{size: int64(2*clusters)*cluster - 1000}
	places := random.Perm(2 * clusters)
	off := int64(0)
	for i := range clusters {
		p := disk.Piece{FileLength: cluster, DiskOffset: int64(places[i]) * cluster, DiskLength: cluster}
		if random.IntN(3) == 0 {
			off += random.Int64N(700)
			p.FileLength = cluster/2 + random.Int64N(512)
			p.Compressed = true
		} else {
			off = (off + cluster - 1) / cluster * cluster
		}
		p.FileOffset = off
		off += p.FileLength
		l.pieces = append(l.pieces, p)
		if i%7 == 0 {
			p.DiskOffset = int64(places[clusters+i]) * cluster
			l.pieces = append(l.pieces, p)
		}
	}
	// The last compressed piece may name more bytes than there are.
	last := disk.Piece{FileOffset: off, FileLength: cluster/2 + 500, DiskOffset: int64(places[clusters+1]) * cluster, DiskLength: cluster, Compressed: true}
	l.pieces = append(l.pieces, last)
	return noise(int(off + cluster/2)), l
}

// check runs a task and compares the disk, the digest and the goroutines.
func check(t *testing.T, task engine.Task, file []byte, disk *memDisk, want []byte) {
	t.Helper()
	task.Digests = []hash.Hash{sha256.New(), md5.New()}
	task.Meter = &engine.Meter{}
	if err := engine.Copy(t.Context(), task); err != nil {
		t.Fatalf("Copy: %v", err)
	}
	sums := [][]byte{make([]byte, 0), make([]byte, 0)}
	for i, h := range task.Digests {
		sums[i] = h.Sum(nil)
	}
	a, b := sha256.Sum256(file), md5.Sum(file)
	if diff := cmp.Diff([][]byte{a[:], b[:]}, sums); diff != "" {
		t.Errorf("digests: -want, +got:\n%s", diff)
	}
	if !bytes.Equal(disk.data, want) {
		t.Errorf("disk: differs from what the image holds, first at %d", firstDifference(disk.data, want))
	}
	if !disk.synced {
		t.Error("disk: was not synced")
	}
	if got := task.Meter.Transferred.Load(); got != int64(len(file)) {
		t.Errorf("transferred: got %d, want %d", got, len(file))
	}
}

func firstDifference(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

func TestCopy(t *testing.T) {
	rawFile := noise(21*mib + 777)
	clear(rawFile[5*mib : 9*mib])
	small, smallTable := scattered(3000, 512)
	middle, middleTable := scattered(250, 64*kib)
	large, largeTable := scattered(11, 2*mib)
	cases := map[string]struct {
		reason string
		file   []byte
		layout *table
	}{
		"Raw":           {"a raw image is copied as it is, odd end included", rawFile, raw(len(rawFile))},
		"Empty":         {"an empty image is an empty disk", nil, raw(0)},
		"OneByte":       {"the least image", noise(1), raw(1)},
		"WholeUnits":    {"an image that ends with a unit", noise(8 * mib), raw(8 * mib)},
		"SmallClusters": {"clusters of a sector, in any order, some compressed and some shared", small, smallTable},
		"Clusters":      {"clusters of 64 KiB", middle, middleTable},
		"LargeClusters": {"clusters of 2 MiB, which straddle units", large, largeTable},
	}
	for name, tc := range cases {
		size := int(tc.layout.size) + 5*512
		sizeOf := (size + 511) / 512 * 512
		want := expand(tc.file, tc.layout, sizeOf)
		t.Run(name, func(t *testing.T) {
			for name, open := range map[string]func() (disk.File, disk.Layout){
				"Ranged": func() (disk.File, disk.Layout) {
					f := newFile(tc.file)
					f.jitter = 5 * time.Millisecond
					return f, &table{size: tc.layout.size, pieces: tc.layout.pieces}
				},
				"InOrder": func() (disk.File, disk.Layout) {
					f := newFile(tc.file)
					f.stat.Ranged = false
					f.stat.Size = disk.Unknown
					return f, &table{size: tc.layout.size, pieces: tc.layout.pieces}
				},
				"Learned": func() (disk.File, disk.Layout) {
					return newFile(tc.file), &lateTable{
						table: table{size: tc.layout.size, pieces: tc.layout.pieces},
						known: int64(len(tc.file)) * 2 / 3,
					}
				},
			} {
				t.Run(name, func(t *testing.T) {
					file, layout := open()
					d := &memDisk{data: make([]byte, sizeOf)}
					check(t, engine.Task{Source: file, Layout: layout, Destination: d, Spool: spool.NewFile(t.TempDir(), 1<<30)}, tc.file, d, want)

					file, layout = open()
					old := newOldDisk(sizeOf)
					check(t, engine.Task{Source: file, Layout: layout, Destination: old, Spool: spool.NewMemory(1 << 30)}, tc.file, old.memDisk, want)
				})
			}
		})
	}
}

// TestDecompress has a decompressor that drops every second byte, and leaves
// the file's last ones unread.
func TestDecompress(t *testing.T) {
	image := noise(21*mib + 5)
	file := make([]byte, 2*len(image), 2*len(image)+9*mib)
	for i, b := range image {
		file[2*i] = b
	}
	file = append(file, noise(9*mib)...)
	d := &memDisk{data: make([]byte, 22*mib)}
	want := make([]byte, 22*mib)
	copy(want, image)
	check(t, engine.Task{
		Source:      newFile(file),
		Layout:      &lateTable{table: *raw(len(image)), known: 3*mib + 1},
		Destination: d,
		Spool:       spool.NewMemory(4 * mib),
		Decompress: func(r io.Reader) (io.ReadCloser, error) {
			return io.NopCloser(&halver{r: r, left: len(image)}), nil
		},
	}, file, d, want)
}

type halver struct {
	r    io.Reader
	left int
}

func (h *halver) Read(p []byte) (int, error) {
	p = p[:min(len(p), h.left)]
	if len(p) == 0 {
		return 0, io.EOF
	}
	q := make([]byte, 2*len(p))
	n, err := io.ReadFull(h.r, q)
	for i := range n / 2 {
		p[i] = q[2*i]
	}
	h.left -= n / 2
	return n / 2, err
}

func TestWrites(t *testing.T) {
	file := noise(16 * mib)
	clear(file[1*mib : 2*mib])
	clear(file[9*mib : 9*mib+64*kib])
	clear(file[10*mib+1 : 10*mib+64*kib]) // no hole: a byte short
	d := &memDisk{data: make([]byte, 16*mib)}
	m := &engine.Meter{}
	err := engine.Copy(t.Context(), engine.Task{
		Source: newFile(file), Layout: raw(len(file)), Destination: d, Meter: m,
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Written.Load(), int64(15*mib-64*kib); got != want {
		t.Errorf("runs of 64 KiB of zeros are not written: got %d bytes written, want %d", got, want)
	}
	if got, want := len(d.writes), 6; got != want {
		t.Errorf("writes are as large as units and holes permit: got %d, want %d: %v", got, want, d.writes)
	}
}

// TestGaps has clusters of which no two are neighbours on the disk. None is
// written before a worker has its memory full of them: a disk that is busy stops
// it then, and not at the first gap.
func TestGaps(t *testing.T) {
	const cluster, clusters = 64 * kib, 512
	l := &countingTable{table: table{size: 2 * clusters * cluster}}
	for i := range int64(clusters) {
		l.pieces = append(l.pieces, disk.Piece{
			FileOffset: i * cluster / 2, FileLength: cluster / 2,
			DiskOffset: 2 * i * cluster, DiskLength: cluster, Compressed: true,
		})
	}
	file := noise(clusters * cluster / 2)
	first, decoded := sync.Once{}, int64(0)
	d := &memDisk{data: make([]byte, l.size), fail: func(int64) error {
		first.Do(func() { decoded = l.decoded.Load() })
		return nil
	}}
	check(t, engine.Task{Source: newFile(file), Layout: l, Destination: d}, file, d, expand(file, &l.table, len(d.data)))
	if decoded < 4*mib {
		t.Errorf("decoded when the first write came: %d bytes, want at least what a worker gathers, 4 MiB", decoded)
	}
	if got := len(d.writes); got != clusters {
		t.Errorf("writes: got %d, want one for each of the %d clusters", got, clusters)
	}
}

func TestFailures(t *testing.T) {
	file := noise(28 * mib)
	errDisk := transfer.Terminal(transfer.ReasonOutOfSpace, errors.New("full"))
	errAdmit := transfer.Terminal(transfer.ReasonTargetTooSmall, errors.New("too large"))
	cases := map[string]struct {
		reason string
		task   func(t *testing.T, cancel func()) engine.Task
		want   error
	}{
		"SourceBreaks": {
			reason: "an error of the source ends the transfer, and comes back as it is",
			task: func(*testing.T, func()) engine.Task {
				f := newFile(file)
				f.breakAt = 17*mib + 3
				return engine.Task{Source: f}
			},
			want: errBroken,
		},
		"SourceBreaksInOrder": {
			reason: "also where the source is read in order",
			task: func(*testing.T, func()) engine.Task {
				f := newFile(file)
				f.stat.Ranged = false
				f.breakAt = 17*mib + 3
				return engine.Task{Source: f}
			},
			want: errBroken,
		},
		"SourceShort": {
			reason: "a source that ends before its size is an error",
			task: func(*testing.T, func()) engine.Task {
				f := newFile(file[:22*mib])
				f.stat.Size = 28 * mib
				return engine.Task{Source: f}
			},
			want: io.ErrUnexpectedEOF,
		},
		"DiskFails": {
			reason: "an error of the disk ends the transfer",
			task: func(*testing.T, func()) engine.Task {
				return engine.Task{Source: newFile(file), Destination: &memDisk{data: make([]byte, 28*mib), fail: func(off int64) error {
					if off >= 12*mib {
						return errDisk
					}
					return nil
				}}}
			},
			want: errDisk,
		},
		"Cancelled": {
			reason: "a context that ends ends the transfer",
			task: func(_ *testing.T, cancel func()) engine.Task {
				return engine.Task{Source: newFile(file), Destination: &memDisk{data: make([]byte, 28*mib), fail: func(off int64) error {
					if off >= 12*mib {
						cancel()
					}
					return nil
				}}}
			},
			want: context.Canceled,
		},
		"NotAdmitted": {
			reason: "an image that becomes too long is stopped",
			task: func(*testing.T, func()) engine.Task {
				return engine.Task{
					Source: newFile(file),
					Layout: &lateTable{table: *raw(len(file))},
					Admit: func(length, _ int64) error {
						if length > 8*mib {
							return errAdmit
						}
						return nil
					},
				}
			},
			want: errAdmit,
		},
		"DecoderFails": {
			reason: "a cluster that cannot be decoded ends the transfer",
			task: func(*testing.T, func()) engine.Task {
				return engine.Task{
					Source: newFile(file),
					Layout: broken{raw(len(file))},
				}
			},
			want: errBroken,
		},
		"DecompressorFails": {
			reason: "a wrapper that is damaged ends the transfer",
			task: func(*testing.T, func()) engine.Task {
				return engine.Task{
					Source: newFile(file),
					Decompress: func(r io.Reader) (io.ReadCloser, error) {
						return io.NopCloser(io.MultiReader(io.LimitReader(r, 9*mib), failing{errBroken})), nil
					},
				}
			},
			want: errBroken,
		},
		"DecompressedSourceBreaks": {
			reason: "a source that breaks off under a wrapper is not taken for its end",
			task: func(*testing.T, func()) engine.Task {
				f := newFile(file)
				f.breakAt = 17*mib + 3
				return engine.Task{Source: f, Decompress: func(r io.Reader) (io.ReadCloser, error) { return io.NopCloser(r), nil }}
			},
			want: errBroken,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			task := tc.task(t, cancel)
			task.Meter = &engine.Meter{}
			if task.Layout == nil {
				task.Layout = raw(len(file))
			}
			if task.Destination == nil {
				task.Destination = &memDisk{data: make([]byte, 28*mib)}
			}
			if err := engine.Copy(ctx, task); !errors.Is(err, tc.want) {
				t.Errorf("%s: got error %v, want %v", tc.reason, err, tc.want)
			}
			// A goroutine that has returned may not have left the count yet.
			for i := 0; i < 100 && runtime.NumGoroutine() > before; i++ {
				time.Sleep(10 * time.Millisecond)
			}
			if got := runtime.NumGoroutine(); got > before {
				t.Errorf("%s: %d goroutines are left", tc.reason, got-before)
			}
		})
	}
}

type broken struct{ *table }

func (l broken) Pieces(ctx context.Context, off, n int64) ([]disk.Piece, error) {
	ps, err := l.table.Pieces(ctx, off, n)
	for i := range ps {
		ps[i].Compressed = true
		ps[i].DiskLength = 64 * kib
	}
	return ps, err
}
func (broken) NewDecoder() disk.Decoder { return brokenDecoder{} }

type brokenDecoder struct{}

func (brokenDecoder) Decode(_, _ []byte) error { return errBroken }

func TestSpoolBound(t *testing.T) {
	file := noise(10 * mib)
	for name, s := range map[string]engine.Spool{
		"None":   nil,
		"Memory": spool.NewMemory(4*mib - 1),
		"File":   spool.NewFile(t.TempDir(), 4*mib-1),
	} {
		err := engine.Copy(t.Context(), engine.Task{
			Source: newFile(file), Layout: &lateTable{table: *raw(len(file)), known: 4 * mib},
			Destination: &memDisk{data: make([]byte, 10*mib)},
			Meter:       &engine.Meter{}, Spool: s,
		})
		if got, want := transfer.ReasonOf(err), transfer.ReasonImageTooComplex; got != want {
			t.Errorf("%s: a layout that parks more than the bound: got %q (%v), want %q", name, got, err, want)
		}
	}
}

func TestConnections(t *testing.T) {
	for _, limit := range []int{1, 3} {
		f := newFile(noise(64 * mib))
		f.jitter = 20 * time.Millisecond
		err := engine.Copy(t.Context(), engine.Task{
			Source: f, Layout: raw(64 * mib), Destination: &memDisk{data: make([]byte, 64*mib)},
			Meter: &engine.Meter{}, Connections: limit,
		})
		if err != nil {
			t.Fatal(err)
		}
		if got := f.most.Load(); got != int64(limit) {
			t.Errorf("with at most %d connections: got %d at once", limit, got)
		}
	}
}

func TestReadRanges(t *testing.T) {
	file := newFile(noise(mib))
	file.jitter = time.Millisecond
	var ranges []disk.Extent
	for off := int64(0); off < mib; off += 10 * kib {
		ranges = append(ranges, disk.Extent{Offset: off, Length: min(kib, mib-off)})
	}
	got := make([]string, len(ranges))
	want := make([]string, len(ranges))
	for i, e := range ranges {
		want[i] = string(file.data[e.Offset:e.End()])
	}
	err := engine.ReadRanges(t.Context(), file, ranges, func(i int, p []byte) error {
		got[i] = string(p)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Join(want, ""), strings.Join(got, "")); diff != "" {
		t.Error("ranges: differ from the file's")
	}
	err = engine.ReadRanges(t.Context(), file, ranges, func(int, []byte) error { return errBroken })
	if !errors.Is(err, errBroken) {
		t.Errorf("an error of take: got %v, want %v", err, errBroken)
	}
	if err := engine.ReadRanges(t.Context(), file, nil, nil); err != nil {
		t.Errorf("no ranges: %v", err)
	}
}
