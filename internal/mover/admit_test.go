// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestAdmitMore(t *testing.T) {
	const gib = 1 << 30
	cases := map[string]struct {
		reason      string
		admission   admission
		length      int64
		virtualSize int64
		want        transfer.Reason
	}{
		"Grows":    {"a destination that grows has no bound of its own", admission{capacity: disk.Unknown}, 100 * gib, 100 * gib, ""},
		"Fits":     {"a disk may be as large as its destination", admission{capacity: gib}, gib, gib, ""},
		"TooLarge": {"but no larger", admission{capacity: gib}, gib + 512, gib + 512, transfer.ReasonTargetTooSmall},
		"Policy":   {"the policy comes first", admission{policy: gib, capacity: gib}, gib + 512, gib + 512, transfer.ReasonPolicyDenied},
		"Old":      {"an image may hold clusters that nothing names any more", admission{capacity: disk.Unknown}, 2*gib + gib, gib, ""},
		"Bomb":     {"within reason", admission{capacity: disk.Unknown}, 2*gib + gib + 1, gib, transfer.ReasonImageCorrupt},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			i := &image{admission: tc.admission}
			if got := transfer.ReasonOf(i.admitMore(tc.length, tc.virtualSize)); got != tc.want {
				t.Errorf("%s: got %q, want %q", tc.reason, got, tc.want)
			}
		})
	}
}
