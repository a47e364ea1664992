// SPDX-License-Identifier: Apache-2.0

package s3

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
		"Greatest": {"up to a bound of what a mover can hold", 127 * mib * maxParts, maxPart},
		"Beyond":   {"and not beyond", 127*mib*maxParts + 1, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := partSize(tc.bound)
			if got != tc.want || (err != nil) != (tc.want == 0) || got*maxParts < tc.bound && err == nil {
				t.Errorf("%s: got %d, %v, want %d", tc.reason, got, err, tc.want)
			}
		})
	}
}

func TestUnit(t *testing.T) {
	const ours = 16*mib + partMark
	cases := map[string]struct {
		reason string
		parts  map[int32]listed
		want   int64
	}{
		"None":     {"no parts tell nothing", nil, 0},
		"Ours":     {"parts with our mark", map[int32]listed{1: {size: ours}, 3: {size: ours}, 4: {size: 7}}, ours},
		"One":      {"one of them is enough", map[int32]listed{2: {size: ours}}, ours},
		"Foreign":  {"parts without it", map[int32]listed{1: {size: 16 * mib}, 2: {size: 16 * mib}}, 0},
		"Mixed":    {"parts of several sizes", map[int32]listed{1: {size: ours}, 2: {size: 7}, 3: {size: ours}}, 0},
		"TooSmall": {"our mark by chance", map[int32]listed{1: {size: 5*mib + partMark}}, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := unit(tc.parts); got != tc.want {
				t.Errorf("%s: got %d, want %d", tc.reason, got, tc.want)
			}
		})
	}
}
