// SPDX-License-Identifier: Apache-2.0

package coverage_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/coverage"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
	tib = int64(1) << 40
)

func TestHoles(t *testing.T) {
	cases := map[string]struct {
		reason string
		size   int64
		mark   []disk.Extent
		want   []disk.Extent
	}{
		"Nothing": {
			reason: "a disk that nobody wrote is one hole",
			size:   1 * mib,
			want:   []disk.Extent{{Offset: 0, Length: mib}},
		},
		"All": {
			reason: "a disk that was written whole has none, whatever its last block's length",
			size:   300*mib + 512,
			mark:   []disk.Extent{{Offset: 0, Length: 300*mib + 512}},
		},
		"Between": {
			reason: "holes lie between what was written, in order, across chunks",
			size:   400 * mib,
			mark: []disk.Extent{
				{Offset: 300 * mib, Length: mib},
				{Offset: 0, Length: 128 * mib},
				{Offset: 200 * mib, Length: 4 * kib},
			},
			want: []disk.Extent{
				{Offset: 128 * mib, Length: 72 * mib},
				{Offset: 200*mib + 4*kib, Length: 100*mib - 4*kib},
				{Offset: 301 * mib, Length: 99 * mib},
			},
		},
		"Sectors": {
			reason: "parts of a block are remembered by the sector, and make a whole",
			size:   16 * kib,
			mark: []disk.Extent{
				{Offset: 512, Length: 1024},
				{Offset: 8 * kib, Length: 512},
				{Offset: 8*kib + 512, Length: 7 * 512},
			},
			want: []disk.Extent{
				{Offset: 0, Length: 512},
				{Offset: 1536, Length: 8*kib - 1536},
				{Offset: 12 * kib, Length: 4 * kib},
			},
		},
		"Twice": {
			reason: "what is written twice is written once",
			size:   1 * mib,
			mark:   []disk.Extent{{Length: 64 * kib}, {Length: 64 * kib}},
			want:   []disk.Extent{{Offset: 64 * kib, Length: mib - 64*kib}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			m := coverage.New(tc.size)
			for _, e := range tc.mark {
				if err := m.Mark(e); err != nil {
					t.Fatalf("%s: Mark(%v): %v", tc.reason, e, err)
				}
			}
			if diff := cmp.Diff(tc.want, slices.Collect(m.Holes())); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestHolesAgainstModel compares with one bool a sector.
func TestHolesAgainstModel(t *testing.T) {
	const sectors = 3 << 18 // 384 MiB: three chunks
	random := rand.New(rand.NewPCG(1, 2))
	model := make([]bool, sectors)
	m := coverage.New(sectors * coverage.Sector)
	for range 2000 {
		from := random.Int64N(sectors)
		n := min(1+random.Int64N(1<<uint(random.IntN(13))), sectors-from)
		if err := m.Mark(disk.Extent{Offset: from * coverage.Sector, Length: n * coverage.Sector}); err != nil {
			t.Fatal(err)
		}
		for i := range n {
			model[from+i] = true
		}
	}
	got := make([]bool, sectors)
	for i := range got {
		got[i] = true
	}
	for e := range m.Holes() {
		for i := e.Offset / coverage.Sector; i < e.End()/coverage.Sector; i++ {
			got[i] = false
		}
	}
	if !slices.Equal(model, got) {
		t.Error("holes differ from the model")
	}
}

func TestMemory(t *testing.T) {
	m := coverage.New(8 * tib)
	var err error
	for off := int64(0); off < 8*tib && err == nil; off += 128 * mib {
		err = m.Mark(disk.Extent{Offset: off, Length: 4 * kib})
	}
	if got := transfer.ReasonOf(err); got != transfer.ReasonImageTooComplex {
		t.Errorf("a block in each chunk of 8 TiB: got reason %q, want %q", got, transfer.ReasonImageTooComplex)
	}
}
