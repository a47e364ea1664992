// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// clock is time that passes only by waiting.
type clock struct {
	mu    sync.Mutex
	waits []time.Duration
	limit time.Duration // the context ends when that much has passed; 0: never
	sum   time.Duration
}

func (c *clock) wait(_ context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.waits = append(c.waits, d)
	if c.sum += d; c.limit > 0 && c.sum > c.limit {
		return context.DeadlineExceeded
	}
	return nil
}

func policy(c *clock) retry.Policy {
	return retry.Policy{
		Retries: new(4), Base: time.Second, Max: 5 * time.Second, MaxAsked: time.Minute,
		Wait: c.wait, Random: func() float64 { return 0.5 },
	}
}

var (
	errDown  = transfer.Retryable(transfer.ReasonSourceUnavailable, errors.New("down"))
	errPlain = errors.New("unclassified")
	errGone  = transfer.Terminal(transfer.ReasonSourceNotFound, errors.New("gone"))
)

func busy(d time.Duration) error {
	return &transfer.Error{Reason: transfer.ReasonSourceUnavailable, Err: errors.New("busy"), RetryAfter: d}
}

func repeat(f endpointtest.Fault, n int) []endpointtest.Fault {
	var fs []endpointtest.Fault
	for range n {
		fs = append(fs, f)
	}
	return fs
}

func TestReadersContinue(t *testing.T) {
	content := endpointtest.Content(21, 10000)
	type want struct {
		n      int // bytes delivered
		reason transfer.Reason
		waits  []time.Duration
		opened []disk.Extent
	}
	cases := map[string]struct {
		reason string
		off, n int64
		faults []endpointtest.Fault
		want   want
	}{
		"Nothing": {
			reason: "without a fault there is one request",
			off:    100, n: 5000,
			want: want{n: 5000, opened: []disk.Extent{{Offset: 100, Length: 5000}}},
		},
		"Broken": {
			reason: "a reader goes on at the byte where it broke",
			off:    100, n: 5000,
			faults: []endpointtest.Fault{{After: 1000, Read: errDown}, {After: 500, Read: errPlain}},
			want: want{
				n: 5000, waits: []time.Duration{time.Second / 2, time.Second / 2},
				opened: []disk.Extent{{Offset: 100, Length: 5000}, {Offset: 1100, Length: 4000}, {Offset: 1600, Length: 3500}},
			},
		},
		"EndsEarly": {
			reason: "an end that comes early is a break too",
			off:    0, n: -1,
			faults: []endpointtest.Fault{{After: 4000}},
			want: want{
				n: 10000, waits: []time.Duration{time.Second / 2},
				opened: []disk.Extent{{Offset: 0, Length: 10000}, {Offset: 4000, Length: 6000}},
			},
		},
		"Closed": {
			reason: "opening fails a few times; the waits double up to their bound",
			off:    0, n: 10,
			faults: repeat(endpointtest.Fault{Open: errDown}, 4),
			want: want{
				n: 10, waits: []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 2500 * time.Millisecond},
				opened: []disk.Extent{{Length: 10}, {Length: 10}, {Length: 10}, {Length: 10}, {Length: 10}},
			},
		},
		"GivesUp": {
			reason: "tries without a byte between them are bounded",
			off:    0, n: 10,
			faults: repeat(endpointtest.Fault{Open: errDown}, 5),
			want: want{
				reason: transfer.ReasonSourceUnavailable,
				waits:  []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 2500 * time.Millisecond},
				opened: []disk.Extent{{Length: 10}, {Length: 10}, {Length: 10}, {Length: 10}, {Length: 10}},
			},
		},
		"ProgressResets": {
			reason: "a byte makes the count begin anew",
			off:    0, n: 100,
			faults: append(append(repeat(endpointtest.Fault{Open: errDown}, 3), endpointtest.Fault{After: 1, Read: errDown}), repeat(endpointtest.Fault{Read: errDown}, 3)...),
			want: want{
				n:     100,
				waits: []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second, 500 * time.Millisecond, time.Second, 2 * time.Second, 2500 * time.Millisecond},
				opened: []disk.Extent{
					{Length: 100}, {Length: 100}, {Length: 100}, {Length: 100},
					{Offset: 1, Length: 99}, {Offset: 1, Length: 99}, {Offset: 1, Length: 99}, {Offset: 1, Length: 99},
				},
			},
		},
		"Terminal": {
			reason: "what cannot become better is not tried again",
			off:    0, n: 100,
			faults: []endpointtest.Fault{{After: 50, Read: errDown}, {Open: errGone}},
			want: want{
				n: 50, reason: transfer.ReasonSourceNotFound, waits: []time.Duration{time.Second / 2},
				opened: []disk.Extent{{Length: 100}, {Offset: 50, Length: 50}},
			},
		},
		"TerminalRead": {
			reason: "also when it happens while reading, after the bytes before it",
			off:    0, n: 100,
			faults: []endpointtest.Fault{{After: 50, Read: errGone}},
			want:   want{n: 50, reason: transfer.ReasonSourceNotFound, opened: []disk.Extent{{Length: 100}}},
		},
		"Asked": {
			reason: "a server that names a time is given it, and a little more",
			off:    0, n: 100,
			faults: []endpointtest.Fault{{Open: busy(20 * time.Second)}, {Open: busy(time.Second)}},
			want: want{
				n: 100, waits: []time.Duration{20*time.Second + 500*time.Millisecond, time.Second + 250*time.Millisecond},
				opened: []disk.Extent{{Length: 100}, {Length: 100}, {Length: 100}},
			},
		},
		"AskedTooMuch": {
			reason: "within bounds",
			off:    0, n: 100,
			faults: []endpointtest.Fault{{Open: busy(24 * time.Hour)}},
			want: want{
				n: 100, waits: []time.Duration{time.Minute + 500*time.Millisecond},
				opened: []disk.Extent{{Length: 100}, {Length: 100}},
			},
		},
		"AllDelivered": {
			reason: "a break behind the last byte is none",
			off:    0, n: 100,
			faults: []endpointtest.Fault{{After: 100, Read: errDown}},
			want:   want{n: 100, opened: []disk.Extent{{Length: 100}}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := &clock{}
			inner := endpointtest.NewFaulty(endpointtest.NewMemory(content), tc.faults...)
			f := retry.New(inner, policy(c))
			got, err := read(t.Context(), f, tc.off, tc.n)
			if transfer.ReasonOf(err) != tc.want.reason {
				t.Errorf("%s: got %v, want reason %q", tc.reason, err, tc.want.reason)
			}
			if len(got) != tc.want.n || !bytes.HasPrefix(content[tc.off:], got) {
				t.Errorf("%s: got %d bytes, want the %d of the file", tc.reason, len(got), tc.want.n)
			}
			if diff := cmp.Diff(tc.want.waits, c.waits); diff != "" {
				t.Errorf("%s: waits: -want, +got:\n%s", tc.reason, diff)
			}
			if diff := cmp.Diff(tc.want.opened, inner.Opened()); diff != "" {
				t.Errorf("%s: opened: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func read(ctx context.Context, f disk.File, off, n int64) ([]byte, error) {
	r, err := f.Open(ctx, off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 1<<20))
}

// bare is a file that has no ranges and can tell nothing of its version.
func bare(content []byte) *endpointtest.Memory {
	m := endpointtest.NewMemory(content)
	m.Facts.Size, m.Facts.Validator, m.Facts.Ranged = disk.Unknown, "", false
	return m
}

// replaced is a file whose content is another from the second Open on.
type replaced struct {
	*endpointtest.Memory

	next []byte
}

func (r *replaced) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	b, err := r.Memory.Open(ctx, off, n)
	r.Content = r.next
	return b, err
}

func TestFilesThatProveNothing(t *testing.T) {
	content := endpointtest.Content(22, 10000)
	tail := append(bytes.Clone(content[:6000]), endpointtest.Content(23, 3000)...)
	cases := map[string]struct {
		reason string
		next   []byte
		off    int64
		want   []byte
		wants  transfer.Reason
	}{
		"Same":      {reason: "the same bytes come again", next: content, want: content},
		"SamePart":  {reason: "from the middle too", next: content, off: 2000, want: content[2000:]},
		"OtherTail": {reason: "what was delivered is the beginning of another version, which the whole then is", next: tail, want: tail},
		"Other":     {reason: "other bytes come", next: endpointtest.Content(24, 10000), want: content[:5000], wants: transfer.ReasonSourceChanged},
		"Shorter":   {reason: "fewer bytes come, time and again", next: content[:4000], want: content[:5000], wants: transfer.ReasonSourceUnavailable},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			after := 5000 - tc.off
			inner := endpointtest.NewFaulty(&replaced{bare(content), tc.next}, endpointtest.Fault{After: after, Read: errDown})
			got, err := read(t.Context(), retry.New(inner, policy(&clock{})), tc.off, -1)
			if transfer.ReasonOf(err) != tc.wants {
				t.Errorf("%s: got %v, want reason %q", tc.reason, err, tc.wants)
			}
			if !bytes.Equal(got, tc.want) {
				t.Errorf("%s: got %d bytes, want %d", tc.reason, len(got), len(tc.want))
			}
			for _, e := range inner.Opened() {
				if e.Offset != tc.off {
					t.Errorf("%s: opened at %d, want %d", tc.reason, e.Offset, tc.off)
				}
			}
		})
	}
}

func TestOpen(t *testing.T) {
	cases := map[string]struct {
		reason string
		errs   []error
		want   transfer.Reason
		tries  int
	}{
		"AtOnce":   {"nothing is wrong", nil, "", 1},
		"Late":     {"a name that DNS learns late", []error{errDown, errPlain, errDown}, "", 4},
		"Terminal": {"nothing that can become better", []error{errDown, errGone}, transfer.ReasonSourceNotFound, 2},
		"Never":    {"tries are bounded", []error{errDown, errDown, errDown, errDown, errDown}, transfer.ReasonSourceUnavailable, 5},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var seen []error
			p := policy(&clock{})
			p.Observe = func(err error) { seen = append(seen, err) }
			tries := 0
			f, err := retry.Open(t.Context(), p, func(context.Context) (disk.File, error) {
				if tries++; tries <= len(tc.errs) {
					return nil, tc.errs[tries-1]
				}
				return endpointtest.NewMemory(nil), nil
			})
			if transfer.ReasonOf(err) != tc.want || (err == nil) != (f != nil) || tries != tc.tries {
				t.Errorf("%s: got %v after %d tries, want reason %q after %d", tc.reason, err, tries, tc.want, tc.tries)
			}
			if len(seen) != tries-1 {
				t.Errorf("%s: observed %d errors, want %d", tc.reason, len(seen), tries-1)
			}
			if tc.want == transfer.ReasonSourceUnavailable && !strings.Contains(err.Error(), "given up after 5 tries") {
				t.Errorf("%s: message %q does not say how often it was tried", tc.reason, err)
			}
		})
	}
}

func TestContextEndsWaits(t *testing.T) {
	inner := endpointtest.NewFaulty(endpointtest.NewMemory(nil), endpointtest.Fault{Open: busy(time.Hour)})
	ctx, cancel := context.WithCancel(t.Context())
	p := retry.Policy{Observe: func(error) { cancel() }} // real time: the wait would last two minutes
	_, err := retry.New(inner, p).Open(ctx, 0, -1)
	if !errors.Is(err, context.Canceled) || transfer.ReasonOf(err) != transfer.ReasonInterrupted {
		t.Errorf("got %v, want %v", err, context.Canceled)
	}
	if err == nil || !strings.Contains(err.Error(), "busy") {
		t.Errorf("message %v does not say what stood in the way", err)
	}
}

func TestDeadlineWhileDown(t *testing.T) {
	inner := endpointtest.NewFaulty(endpointtest.NewMemory(nil), repeat(endpointtest.Fault{Open: errDown}, 5)...)
	_, err := retry.New(inner, policy(&clock{limit: time.Second})).Open(t.Context(), 0, -1)
	if transfer.ReasonOf(err) != transfer.ReasonDeadlineExceeded {
		t.Errorf("got %v (%s), want reason %s", err, transfer.ReasonOf(err), transfer.ReasonDeadlineExceeded)
	}
}

func TestDefaultsSurviveTwoMinutes(t *testing.T) {
	c := &clock{}
	inner := endpointtest.NewFaulty(endpointtest.NewMemory(nil), repeat(endpointtest.Fault{Open: errDown}, retry.DefaultRetries+1)...)
	_, err := retry.New(inner, retry.Policy{Wait: c.wait, Random: func() float64 { return 0.5 }}).Open(t.Context(), 0, -1)
	if transfer.ReasonOf(err) != transfer.ReasonSourceUnavailable || c.sum < 2*time.Minute || c.sum > 4*time.Minute {
		t.Errorf("gave up after %s with %v, want two to four minutes", c.sum, err)
	}
}

func TestReaderIsAReader(t *testing.T) {
	inner := endpointtest.NewFaulty(endpointtest.NewMemory([]byte("abc")), endpointtest.Fault{After: 1, Read: errDown})
	r, err := retry.New(inner, policy(&clock{})).Open(t.Context(), 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := r.Read(nil); n != 0 || err != nil {
		t.Errorf("Read of nothing: %d, %v", n, err)
	}
	if b, err := io.ReadAll(r); string(b) != "abc" || err != nil {
		t.Errorf("ReadAll: %q, %v", b, err)
	}
	for range 2 {
		if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
			t.Errorf("Read behind the end: %d, %v, want %v", n, err, io.EOF)
		}
	}
	if err := r.Close(); err != nil {
		t.Errorf("Close: %v", err)
	}
}

// memoryStore is for the conformance suite.
type memoryStore struct{ faults []endpointtest.Fault }

func (s memoryStore) Put(_ *testing.T, content []byte) disk.File {
	p := policy(&clock{})
	return retry.New(endpointtest.NewFaulty(endpointtest.NewMemory(content), s.faults...), p)
}

func TestConformance(t *testing.T) {
	endpointtest.Run(t, func(*testing.T) endpointtest.Store {
		return memoryStore{repeat(endpointtest.Fault{After: 7001, Read: errDown}, 200)}
	})
}
