// SPDX-License-Identifier: Apache-2.0

package multipart

import "testing"

func TestPartSize(t *testing.T) {
	cases := map[string]struct {
		reason string
		bound  int64
		want   int64
	}{
		"Nothing":  {"at least the smallest", 0, 16*mib + partMark},
		"Small":    {"the smallest is enough for 156 GiB", 156 << 30, 16*mib + partMark},
		"Large":    {"then it grows by whole MiB", 200 << 30, 21*mib + partMark},
		"Greatest": {"up to a bound of what a mover can hold", 127 * mib * MaxParts, maxPart},
		"Beyond":   {"and not beyond", 127*mib*MaxParts + 1, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := PartSize(tc.bound)
			if got != tc.want || (err != nil) != (tc.want == 0) || got*MaxParts < tc.bound && err == nil {
				t.Errorf("%s: got %d, %v, want %d", tc.reason, got, err, tc.want)
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
