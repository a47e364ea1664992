// SPDX-License-Identifier: Apache-2.0

package raw_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/raw"
)

func TestLayout(t *testing.T) {
	cases := map[string]struct {
		reason  string
		size    int64
		off, n  int64
		virtual int64
		want    []disk.Piece
	}{
		"Within": {"Every byte belongs where it stands.", 4096, 512, 1024, 4096, []disk.Piece{{FileOffset: 512, FileLength: 1024, DiskOffset: 512, DiskLength: 1024}}},
		"End":    {"A range is cut at the end.", 1000, 512, 1024, 1024, []disk.Piece{{FileOffset: 512, FileLength: 488, DiskOffset: 512, DiskLength: 488}}},
		"Beyond": {"There is nothing behind the end.", 1000, 1024, 1024, 1024, nil},
		"Odd":    {"A disk has whole sectors.", 513, 0, 10, 1024, []disk.Piece{{FileLength: 10, DiskLength: 10}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := raw.NewStream()
			if err := s.Learn(make([]byte, tc.size), 0); err != nil {
				t.Fatal(err)
			}
			for _, l := range []disk.Layout{raw.New(tc.size), s} {
				got, err := l.Pieces(t.Context(), tc.off, tc.n)
				if err != nil {
					t.Fatal(err)
				}
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("%s: %T.Pieces(): -want, +got:\n%s", tc.reason, l, diff)
				}
				if l.VirtualSize() != tc.virtual {
					t.Errorf("%s: %T.VirtualSize() = %d, want %d", tc.reason, l, l.VirtualSize(), tc.virtual)
				}
			}
		})
	}
}

// TestStream checks that the size of a stream grows with what passes.
func TestStream(t *testing.T) {
	s := raw.NewStream()
	for i, want := range []int64{512, 1024, 1536, 2048, 2048} {
		if err := s.Learn(make([]byte, 400), int64(i)*400); err != nil {
			t.Fatal(err)
		}
		if s.VirtualSize() != want {
			t.Errorf("VirtualSize() = %d after %d bytes, want %d", s.VirtualSize(), (i+1)*400, want)
		}
	}
	late, err := s.Late(t.Context())
	if err != nil || late != nil || s.Parked() != nil {
		t.Errorf("Late() = %v, %v; Parked() = %v; want nothing", late, err, s.Parked())
	}
}
