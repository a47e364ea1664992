// SPDX-License-Identifier: Apache-2.0

package qcow2_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// twoTables returns an image of 4 MiB whose second L2 table is the last cluster
// of the file, behind the cluster of the disk that it names.
func twoTables(names uint64) []byte {
	b := append(handmade(), make([]byte, 2*4096)...)
	put64(b, 24, 4<<20)
	put32(b, 36, 2)
	put64(b, l1+8, data+2*4096)
	copy(b[data+4096:], strings.Repeat("y", 4096))
	put64(b, data+2*4096, names)
	return b
}

// TestLate checks what a table may name that comes after what it names.
func TestLate(t *testing.T) {
	cases := map[string]struct {
		reason string
		image  []byte
		want   map[int]byte
		err    transfer.Reason
	}{
		"Parked":     {"A cluster that nothing else names is kept.", twoTables(data + 4096), map[int]byte{0: 'x', 2 << 20: 'y'}, ""},
		"Nothing":    {"A table may name nothing.", twoTables(0), map[int]byte{0: 'x', 2 << 20: 0}, ""},
		"Named":      {"A cluster that another table names has gone to the disk, and is not kept.", twoTables(data), nil, transfer.ReasonImageTooComplex},
		"Table":      {"A table is not kept.", twoTables(l2), nil, transfer.ReasonImageTooComplex},
		"Compressed": {"No part of a compressed cluster is in what is kept.", twoTables(1<<62 | data), nil, transfer.ReasonImageTooComplex},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for _, step := range []int64{4096, 5000} {
				got, err := learn(t, qcow2.NewStream(qcow2.StreamOptions{FileSize: disk.Unknown}), tc.image, step)
				if transfer.ReasonOf(err) != tc.err {
					t.Errorf("%s: error %v (%s), want %q", tc.reason, err, transfer.ReasonOf(err), tc.err)
				}
				for off, want := range tc.want {
					if !bytes.Equal(got[off:off+4096], bytes.Repeat([]byte{want}, 4096)) {
						t.Errorf("%s: the disk does not hold %q at %d", tc.reason, want, off)
					}
				}
			}
		})
	}
}

// TestStreamBounds checks that a stream gives up where it would need more
// memory than it may take.
func TestStreamBounds(t *testing.T) {
	full := handmade()
	for i := range 256 {
		put64(full, l2+8*i, data)
	}
	// The header, the L1 table behind everything, and what may be tables.
	grown := append(bytes.Clone(handmade()), make([]byte, 4096)...)
	put64(grown, 40, data+4096)
	put64(grown, data+4096, l2)
	cases := map[string]struct {
		reason  string
		image   []byte
		memory  int64
		message string
	}{
		"Map":   {"The tables name more than fits.", full, 3200, "fragments"},
		"Early": {"What may be tables is more than fits.", grown, 4096, "comes after too much else"},
		"Fits":  {"The same with room.", grown, 1 << 20, "<nil>"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := learn(t, qcow2.NewStream(qcow2.StreamOptions{FileSize: disk.Unknown, Memory: tc.memory}), tc.image, 4096)
			if !strings.Contains(fmt.Sprint(err), tc.message) || err != nil && transfer.ReasonOf(err) != transfer.ReasonImageTooComplex {
				t.Errorf("%s: error %v (%s), want one with %q", tc.reason, err, transfer.ReasonOf(err), tc.message)
			}
		})
	}
}

// TestEndless checks that a stream that does not end is left at last.
func TestEndless(t *testing.T) {
	s := qcow2.NewStream(qcow2.StreamOptions{FileSize: disk.Unknown})
	image := handmade()
	if err := s.Learn(image, 0); err != nil {
		t.Fatal(err)
	}
	zeros := make([]byte, 16<<20)
	off := int64(len(image))
	for ; off < 4<<30; off += int64(len(zeros)) {
		if err := s.Learn(zeros, off); err != nil {
			if transfer.ReasonOf(err) != transfer.ReasonImageTooComplex {
				t.Errorf("Learn(): %v is %s", err, transfer.ReasonOf(err))
			}
			return
		}
	}
	t.Errorf("a disk of 1 MiB is still read after %d bytes", off)
}
