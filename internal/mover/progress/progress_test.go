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
	if diff := cmp.Diff("[====================                    ]  50%       1 GiB of 2 GiB      14 MiB/s      1:15 left", line(p, 120)); diff != "" {
		t.Errorf("line: -want, +got:\n%s", diff)
	}
	for width := -1; width < 120; width++ {
		if n := utf8.RuneCountInString(line(p, width)); n > max(0, width) {
			t.Errorf("line of %d cells: got %d", width, n)
		}
	}
}

// TestLineSteady draws one transfer at many moments: nothing on the line moves
// but what is told.
func TestLineSteady(t *testing.T) {
	const width = 100
	var bar, length int
	for _, n := range []int64{0, 1, 999, 1023, 1 << 10, 1500, 1023 << 10, 1 << 20, 7<<20 + 1, 999 << 20, 1023 << 20, 2 << 30} {
		for _, eta := range []int64{-1, 0, 9, 61, 3599, 3600, 99*3600 + 59*60 + 59} {
			p := transfer.Progress{Percent: int(n * 100 >> 31), TransferredBytes: n, TotalBytes: 2 << 30, BytesPerSecond: n}
			if eta >= 0 {
				p.ETASeconds = &eta
			}
			l := line(p, width)
			if bar == 0 {
				bar, length = strings.IndexByte(l, ']'), len(l)
			}
			if strings.IndexByte(l, ']') != bar || len(l) != length {
				t.Fatalf("the line has another shape, of %d cells with the bar to %d, want %d and %d:\n%s", len(l), strings.IndexByte(l, ']'), length, bar, l)
			}
		}
	}
}

func TestStart(t *testing.T) {
	cases := map[string]struct {
		reason    string
		bytes     []int64 // at each look; the last one at all others
		succeeded bool
		want      []int
	}{
		"Done":   {"an end is told", []int64{5}, true, []int{99, 100}},
		"Failed": {"a failure tells how far it came", []int64{0, 3}, false, []int{0, 60}},
		"AtOnce": {"but nothing twice", []int64{0}, false, []int{0}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			looks := tc.bytes
			stop := Start(NewLines(&out), func() transfer.Progress {
				p := transfer.Progress{Type: transfer.LineProgress, TransferredBytes: looks[0], TotalBytes: 5}
				looks = looks[min(1, len(looks)-1):]
				return p
			}, nil)
			stop(tc.succeeded)
			var percents []int
			for l := range strings.Lines(out.String()) {
				p := transfer.ParseLine([]byte(l)).Progress
				if p == nil {
					t.Fatalf("not a progress line: %s", l)
				}
				percents = append(percents, p.Percent)
			}
			if diff := cmp.Diff(tc.want, percents); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// TestNews tells at once what another attempt has to know.
func TestNews(t *testing.T) {
	news, shown := make(chan struct{}), make(chan transfer.Progress, 3)
	stop := Start(sink(shown), func() transfer.Progress { return transfer.Progress{Resume: "x"} }, news)
	defer stop(false)
	<-shown
	news <- struct{}{}
	if p := <-shown; p.Resume != "x" {
		t.Errorf("got %+v", p)
	}
}

// sink shows progress to whoever receives.
type sink chan transfer.Progress

func (s sink) Show(p transfer.Progress) { s <- p }
func (sink) Interval() time.Duration    { return time.Hour }
