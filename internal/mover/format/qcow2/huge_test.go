// SPDX-License-Identifier: Apache-2.0

package qcow2_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"runtime"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2"
)

// huge is the worst image of 256 GiB, more than the map's bound holds at once:
// every cluster is allocated, every other one compressed, and no two neighbours
// on the disk are neighbours in the file. Its tables are made up as they are
// read; its data is never looked at.
type huge struct{}

const (
	hugeBits     = 22 // 2^22 clusters of 64 KiB
	hugeTables   = 1 << (hugeBits - 13)
	hugeCluster  = 64 << 10
	hugeL1       = 2 * hugeCluster
	hugeL2       = 3 * hugeCluster
	hugeData     = hugeL2 + hugeTables*hugeCluster
	hugeEnd      = hugeData + hugeCluster<<hugeBits
	hugeMultiply = 0x9E3779B1 // odd, so that multiplying permutes
)

func (huge) Stat() disk.Stat { return disk.Stat{Name: "huge", Size: hugeEnd, Ranged: true} }
func (huge) Close() error    { return nil }

func (h huge) Open(_ context.Context, off, n int64) (io.ReadCloser, error) {
	if off+n > hugeData {
		return nil, fmt.Errorf("data was read at %d", off)
	}
	return io.NopCloser(&hugeReader{huge: h, off: off, left: n}), nil
}

// host is where the guest cluster i is in the file.
func host(i uint64) uint64 {
	return hugeData + (i*hugeMultiply&(1<<hugeBits-1))*hugeCluster
}

type hugeReader struct {
	huge
	off, left int64
}

func (r *hugeReader) Read(p []byte) (int, error) {
	n := min(int64(len(p)), r.left) &^ 7
	if n == 0 {
		return 0, io.EOF
	}
	for i := int64(0); i < n; i += 8 {
		put64(p, int(i), r.word(r.off+i))
	}
	r.off += n
	r.left -= n
	return int(n), nil
}

// word is the number at offset off.
func (huge) word(off int64) uint64 {
	switch {
	case off >= hugeL2 && off&8 != 0:
		return 1<<62 | 100<<54 | host(uint64(off-hugeL2)/8)
	case off >= hugeL2:
		return host(uint64(off-hugeL2) / 8)
	case off >= hugeL1+hugeTables*8:
		return 0
	case off >= hugeL1:
		return uint64(hugeL2 + (off-hugeL1)/8*hugeCluster)
	}
	header := make([]byte, hugeL1)
	copy(header, "QFI\xfb\x00\x00\x00\x02")
	put32(header, 20, 16)
	put64(header, 24, hugeCluster<<hugeBits)
	put32(header, 36, hugeTables)
	put64(header, 40, hugeL1)
	put64(header, 48, hugeCluster)
	put32(header, 56, 1)
	return binary.BigEndian.Uint64(header[off:])
}

// fetch is a Fetch that makes no garbage, which would blur the measurement.
func (huge) fetch(buf []byte) qcow2.Fetch {
	return func(ctx context.Context, f disk.File, ranges []disk.Extent, take func(int, []byte) error) error {
		for i, e := range ranges {
			if err := disk.ReadAt(ctx, f, buf[:e.Length], e.Offset); err != nil {
				return err
			}
			if err := take(i, buf[:e.Length]); err != nil {
				return err
			}
		}
		return nil
	}
}

// TestMemoryBound maps the worst image within the memory bound, and checks each
// of its 4 million pieces.
func TestMemoryBound(t *testing.T) {
	h := huge{}
	fetch := h.fetch(make([]byte, 8<<20))
	before := heap()
	img, err := qcow2.Open(t.Context(), h, qcow2.Options{Fetch: fetch})
	if err != nil {
		t.Fatal(err)
	}
	if img.AllocatedBytes() != img.VirtualSize() {
		t.Errorf("AllocatedBytes() = %d, want all of %d", img.AllocatedBytes(), img.VirtualSize())
	}
	count, most := 0, uint64(0)
	const step = 1 << 30
	for off := int64(0); off < hugeEnd; off += step {
		pieces, err := img.Pieces(t.Context(), off, min(step, hugeEnd-off))
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range pieces {
			i := p.DiskOffset / hugeCluster
			if uint64(p.FileOffset) != host(uint64(i)) || p.DiskLength != hugeCluster || p.Compressed != (i%2 != 0) {
				t.Fatalf("wrong piece: %+v", p)
			}
		}
		count += len(pieces)
		if off/step%16 == 0 {
			most = max(most, heap()-before)
		}
	}
	t.Logf("%d pieces, %d MiB", count, most>>20)
	if count != 1<<hugeBits {
		t.Errorf("%d pieces, want %d", count, 1<<hugeBits)
	}
	if limit := uint64(qcow2.DefaultMemory + 4<<20); most > limit {
		t.Errorf("the map took %d MiB, want %d at most", most>>20, limit>>20)
	}
}

// heap is how many bytes are in use.
func heap() uint64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
