// SPDX-License-Identifier: Apache-2.0

package qcow2_test

import (
	"context"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/pack/allocation"
	"github.com/novasphere/provider-wukong/internal/mover/pack/qcow2"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	unit = 4 << 20
	tib  = 1 << 40
)

// holes writes an artifact to a file, but leaves large runs, which are clusters
// and not tables, as holes.
type holes struct {
	f   *os.File
	off int64
}

func (h *holes) Write(p []byte) (int, error) {
	defer func() { h.off += int64(len(p)) }()
	if len(p) > 1<<20 {
		return len(p), nil
	}
	return h.f.WriteAt(p, h.off)
}

// TestCompressedLarge packs a disk of which every second GiB is full of what
// cannot be compressed: many tables, and many blocks of reference counts.
func TestCompressedLarge(t *testing.T) {
	const size = 64 << 30
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := qcow2.NewCompressed(size, transfer.CompressionZstd, 0)
	w := &holes{f: f, off: int64(c.Head())}
	full := disk.Packed{Data: make([]byte, unit), Source: unit, Marks: make([]int32, unit/allocation.Cluster)}
	for i := range full.Marks {
		full.Marks[i] = -1
	}
	// The same, but for clusters that are packed: 100 bytes each, and one of
	// 65000.
	mixed := disk.Packed{Data: make([]byte, 2*65536+100*61+65000), Source: unit, Marks: make([]int32, unit/allocation.Cluster)}
	for i := range mixed.Marks {
		mixed.Marks[i] = 100
	}
	mixed.Marks[5], mixed.Marks[6], mixed.Marks[20] = -1, 65000, -1
	empty := disk.Packed{Source: unit, Marks: make([]int32, unit/allocation.Cluster)}
	for off := int64(0); off < size; off += unit {
		p := empty
		if off>>30%2 == 0 {
			p = full
		}
		if off>>22%1000 == 77 {
			p = mixed
		}
		if err := c.Place(w, p); err != nil {
			t.Fatal(err)
		}
	}
	head, err := c.Finish(w)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteAt(head, 0); err != nil {
		t.Fatal(err)
	}
	if err := f.Truncate(w.off); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "qemu-img", "check", "-f", "qcow2", path).CombinedOutput(); err != nil {
		t.Errorf("qemu-img check: %v: %s", err, out)
	}
}

// TestCompressedMemory packs a full TiB and looks at what is kept of it.
func TestCompressedMemory(t *testing.T) {
	c := qcow2.NewCompressed(tib, transfer.CompressionZstd, 0)
	p := disk.Packed{Data: make([]byte, 64*40000), Source: unit, Marks: make([]int32, unit/allocation.Cluster)}
	for i := range p.Marks {
		p.Marks[i] = 40000
	}
	for range tib / unit {
		if err := c.Place(io.Discard, p); err != nil {
			t.Fatal(err)
		}
	}
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	if m.HeapAlloc > 8<<20 {
		t.Errorf("%d bytes are kept of a disk of 1 TiB", m.HeapAlloc)
	}
	if _, err := c.Finish(io.Discard); err != nil {
		t.Fatal(err)
	}
}

// zeroDisk is a disk of zeros that claims to hold data.
type zeroDisk int64

func (z zeroDisk) Size() int64 { return int64(z) }

func (z zeroDisk) ReadAt(_ context.Context, p []byte, _ int64) error {
	clear(p)
	return nil
}

func (z zeroDisk) Data(context.Context, int64) (disk.Extent, error) { return disk.Extent{}, nil }
func (z zeroDisk) Unchanged() error                                 { return nil }
func (z zeroDisk) Close() error                                     { return nil }

// TestPlainLarge does with tables that come first what TestCompressedLarge does.
func TestPlainLarge(t *testing.T) {
	const size = 64<<30 + 12345
	has := allocation.New(size)
	for i := int64(0); i*unit < size; i++ {
		switch {
		case i%1000 == 77:
			has.SetWord(i, 1<<5|1<<20)
		case i>>8%2 == 0 && (i+1)*unit < size:
			has.SetWord(i, ^uint64(0))
		}
	}
	has.Seal()
	p := qcow2.NewPlain(zeroDisk(size), has)
	path := filepath.Join(t.TempDir(), "image")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, unit)
	for off := int64(0); off < 64<<20; off += unit {
		if _, err := p.ReadAt(t.Context(), b, off); err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(b, off); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Truncate(p.Size()); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.CommandContext(t.Context(), "qemu-img", "check", "-f", "qcow2", path).CombinedOutput(); err != nil {
		t.Errorf("qemu-img check: %v: %s", err, out)
	}
}
