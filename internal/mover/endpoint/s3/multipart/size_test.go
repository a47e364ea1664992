// SPDX-License-Identifier: Apache-2.0

package multipart

import (
	"math"
	"testing"
)

func TestPartSize(t *testing.T) {
	cases := map[string]struct {
		reason string
		bound  int64
		want   int64
	}{
		"Nothing":  {"at least the smallest", 0, 16*mib + partMark},
		"Small":    {"the smallest is enough for 156 GiB", 156 << 30, 16*mib + partMark},
		"Large":    {"then it grows by whole MiB", 200 << 30, 21*mib + partMark},
		"Edge":     {"as many parts as can be", 16 * mib * MaxParts, 16*mib + partMark},
		"Beyond":   {"one byte more", 16*mib*MaxParts + 1, 17*mib + partMark},
		"TiB":      {"1 TiB", 1 << 40, 105*mib + partMark},
		"Greatest": {"up to what a mover can hold of parts", 127 * mib * MaxParts, maxPart},
		"Largest":  {"of the largest object", MaxSize, maxPart},
		"5TiB":     {"a disk that may still become an object when it is packed", 5 << 40, maxPart},
		"Absurd":   {"whatever the bound", math.MaxInt64, maxPart},
		"Negative": {"or its sign", -1, 16*mib + partMark},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := PartSize(tc.bound)
			if got != tc.want || got*MaxParts < min(tc.bound, MaxSize) {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
			if again := unit(map[int32]Listed{1: {Size: got}}); again != got {
				t.Errorf("%s: a part of %d bytes is taken for another's (%d)", tc.reason, got, again)
			}
		})
	}
}

func TestUnit(t *testing.T) {
	const ours = 16*mib + partMark
	cases := map[string]struct {
		reason string
		parts  map[int32]Listed
		want   int64
	}{
		"None":     {"no parts tell nothing", nil, 0},
		"Ours":     {"parts with our mark", map[int32]Listed{1: {Size: ours}, 3: {Size: ours}, 4: {Size: 7}}, ours},
		"One":      {"one of them is enough", map[int32]Listed{2: {Size: ours}}, ours},
		"Foreign":  {"parts without it", map[int32]Listed{1: {Size: 16 * mib}, 2: {Size: 16 * mib}}, 0},
		"Mixed":    {"parts of several sizes", map[int32]Listed{1: {Size: ours}, 2: {Size: 7}, 3: {Size: ours}}, 0},
		"TooSmall": {"our mark by chance", map[int32]Listed{1: {Size: 5*mib + partMark}}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := unit(tc.parts); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}
