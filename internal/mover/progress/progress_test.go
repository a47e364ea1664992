// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"bytes"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestComplete(t *testing.T) {
	begin := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	seconds := func(n int64) *int64 { return &n }
	type want struct {
		Percent int
		Speed   int64
		ETA     *int64
	}
	cases := map[string]struct {
		reason    string
		bytes     []int64 // one each second
		total     int64
		succeeded bool
		want      want
	}{
		"First":     {"the first look knows no speed", []int64{0}, 1000, false, want{}},
		"Steady":    {"speed, percentage and time left", []int64{0, 100, 200}, 1000, false, want{20, 100, seconds(8)}},
		"Window":    {"speed is that of the last five seconds", []int64{0, 900, 900, 900, 900, 900, 910}, 1000, false, want{91, 2, seconds(45)}},
		"Stalled":   {"a stall has no time left", []int64{500, 500, 500, 500, 500, 500, 500}, 1000, false, want{50, 0, nil}},
		"Almost":    {"100 is only for what is durable", []int64{0, 1000}, 1000, false, want{99, 1000, seconds(0)}},
		"Done":      {"which success says", []int64{0, 1000}, 1000, true, want{100, 1000, seconds(0)}},
		"NoTotal":   {"without a total there is speed alone", []int64{0, 1000}, 0, false, want{0, 1000, nil}},
		"NoTotalOK": {"until it is done", []int64{0, 1000}, 0, true, want{100, 1000, seconds(0)}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var r rate
			var p transfer.Progress
			for i, b := range tc.bytes {
				p = r.complete(transfer.Progress{
					Time: begin.Add(time.Duration(i) * time.Second), TransferredBytes: b, TotalBytes: tc.total,
				}, tc.succeeded && i == len(tc.bytes)-1)
			}
			if diff := cmp.Diff(tc.want, want{p.Percent, p.BytesPerSecond, p.ETASeconds}); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLine(t *testing.T) {
	eta := int64(75)
	p := transfer.Progress{Percent: 50, TransferredBytes: 1 << 30, TotalBytes: 2 << 30, BytesPerSecond: 14 << 20, ETASeconds: &eta}
	if diff := cmp.Diff("[====================                    ]  50%  1 GiB of 2 GiB  14 MiB/s  1m15s left", line(p, 100)); diff != "" {
		t.Errorf("line: -want, +got:\n%s", diff)
	}
	for width := -1; width < 120; width++ {
		if n := utf8.RuneCountInString(line(p, width)); n > max(0, width) {
			t.Errorf("line of %d cells: got %d", width, n)
		}
	}
}

func TestStart(t *testing.T) {
	var out bytes.Buffer
	stop := Start(NewLines(&out), func() transfer.Progress {
		return transfer.Progress{Type: transfer.LineProgress, TransferredBytes: 5, TotalBytes: 5}
	})
	stop(true)
	var percents []int
	for l := range strings.Lines(out.String()) {
		p := transfer.ParseLine([]byte(l)).Progress
		if p == nil {
			t.Fatalf("not a progress line: %s", l)
		}
		percents = append(percents, p.Percent)
	}
	if diff := cmp.Diff([]int{99, 100}, percents); diff != "" {
		t.Errorf("lines at the begin and at the end: -want, +got:\n%s", diff)
	}
}
