// SPDX-License-Identifier: Apache-2.0

package httpurl_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/rogue"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// survivor opens a file as the mover does, with waits that take no time.
func survivor(t *testing.T, url string, stalls bool) (*retry.File, *atomic.Int64) {
	t.Helper()
	var retries atomic.Int64
	p := retry.Policy{
		Wait:    func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Observe: func(error) { retries.Add(1) },
	}
	o := options(url)
	if stalls {
		o.Link.Stall = stall
	}
	f, err := retry.Open(t.Context(), p, func(ctx context.Context) (disk.File, error) { return httpurl.New(ctx, o) })
	if err != nil {
		t.Fatalf("Open: %v", err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f, &retries
}

// readParts reads a file as the engine does: parts, several at once.
func readParts(ctx context.Context, f disk.File, part int64) ([]byte, error) {
	out := make([]byte, f.Stat().Size)
	const workers = 4
	errs := make([]error, workers)
	var wg sync.WaitGroup
	for i := range int64(workers) {
		wg.Go(func() {
			for off := i * part; off < int64(len(out)); off += workers * part {
				p := out[off:min(off+part, int64(len(out)))]
				if err := disk.ReadAt(ctx, f, p, off); err != nil {
					errs[i] = err
					return
				}
			}
		})
	}
	wg.Wait()
	return out, errors.Join(errs...)
}

// TestRecovery shows for each thing that becomes better by itself that the file
// arrives whole.
func TestRecovery(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	somewhere := func() int64 {
		mu.Lock()
		defer mu.Unlock()
		return 60000 + random.Int64N(200<<10)
	}
	cases := map[string]struct {
		reason string
		ways   []rogue.Way
		whole  bool // no ranges: read front to back
		stalls bool
	}{
		"Drops":         {reason: "connections that end at random places", ways: []rogue.Way{rogue.Drop(rogue.Between(1, 40), somewhere)}},
		"DropsAtOnce":   {reason: "connections that end before a byte", ways: []rogue.Way{rogue.Drop(rogue.Every(2), rogue.Constant(0))}},
		"Errors":        {reason: "a server that is down for a while", ways: []rogue.Way{rogue.Status(rogue.Between(0, 5), 503, "busy"), rogue.Status(rogue.Between(3, 9), 502, "")}},
		"TooMany":       {reason: "a server that wants fewer requests", ways: []rogue.Way{rogue.Status(rogue.Every(3), 429, "slow down", "Retry-After", "3")}},
		"Stalls":        {reason: "connections that fall silent", ways: []rogue.Way{rogue.Stall(rogue.Between(2, 5), 100)}, stalls: true},
		"Caps":          {reason: "a cache that serves no more than 100000 bytes at once", ways: []rogue.Way{rogue.Cut(rogue.Always(), 100000)}},
		"SomeWhole":     {reason: "a server behind a balancer that has no ranges", ways: []rogue.Way{rogue.IgnoreRange(rogue.Every(2))}},
		"SomeWrong":     {reason: "parts that are not what was asked for, and say so", ways: []rogue.Way{rogue.WrongRange(rogue.Every(3), 4096, false)}},
		"Expires":       {reason: "signatures that expire all the time", ways: []rogue.Way{rogue.Signed("/disk.img", 2, http.StatusForbidden)}},
		"ExpiresAndBad": {reason: "together with all the rest", ways: []rogue.Way{rogue.Status(rogue.Every(7), 500, ""), rogue.Drop(rogue.Every(5), somewhere), rogue.Signed("/disk.img", 3, http.StatusForbidden)}},
		"WholeDrops":    {reason: "no ranges: from the start each time, the last time to the end", ways: []rogue.Way{rogue.IgnoreRange(rogue.Always()), rogue.Drop(rogue.First(8), somewhere)}, whole: true},
		"BareDrops":     {reason: "neither ranges nor length", ways: []rogue.Way{rogue.IgnoreRange(rogue.Always()), rogue.Chunked(rogue.Always()), rogue.Drop(rogue.Between(0, 8), somewhere)}, whole: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			good := file()
			srv := rogue.New(t, good, tc.ways...)
			f, retries := survivor(t, srv.URL+"/disk.img", tc.stalls)
			var got []byte
			var err error
			if tc.whole {
				got, err = read(t.Context(), f, 0, -1)
			} else {
				got, err = readParts(t.Context(), f, 256<<10)
			}
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if !bytes.Equal(got, good.Content) {
				t.Errorf("%s: %d bytes that are not the file", tc.reason, len(got))
			}
			if name != "Expires" && retries.Load() == 0 {
				t.Errorf("%s: no retry was observed, so that this shows nothing", tc.reason)
			}
		})
	}
}

// TestNoRecovery shows what ends a transfer although it is tried again.
func TestNoRecovery(t *testing.T) {
	good := file()
	other := rogue.File{Content: endpointtest.Content(13, size), ETag: `"v2"`}
	cases := map[string]struct {
		reason string
		file   rogue.File
		ways   func(change func()) []rogue.Way
		want   transfer.Reason
	}{
		"ChangesHalfWay": {
			reason: "the file is replaced between two drops",
			file:   good,
			ways: func(change func()) []rogue.Way {
				return []rogue.Way{at(4, change), rogue.Drop(rogue.After(1), rogue.Constant(100000))}
			},
			want: transfer.ReasonSourceChanged,
		},
		"BareChangesHalfWay": {
			reason: "no ranges, no length, no tag: the bytes tell",
			file:   rogue.File{Content: good.Content},
			ways: func(change func()) []rogue.Way {
				return []rogue.Way{rogue.IgnoreRange(rogue.Always()), rogue.Chunked(rogue.Always()), at(1, change), rogue.Drop(rogue.First(1), rogue.Constant(1<<20))}
			},
			want: transfer.ReasonSourceChanged,
		},
		"StaysDown": {
			reason: "a server that does not come back",
			file:   good,
			ways: func(func()) []rogue.Way {
				return []rogue.Way{rogue.Status(rogue.After(3), 503, "")}
			},
			want: transfer.ReasonSourceUnavailable,
		},
		"Removed": {
			reason: "a file that is deleted while it is read",
			file:   good,
			ways: func(func()) []rogue.Way {
				return []rogue.Way{rogue.Status(rogue.After(3), 404, "")}
			},
			want: transfer.ReasonSourceNotFound,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var srv *rogue.Server
			changed := other
			if tc.file.ETag == "" {
				changed.ETag = ""
			}
			srv = rogue.New(t, tc.file, tc.ways(func() { srv.Change(changed) })...)
			f, _ := survivor(t, srv.URL, false)
			var err error
			var got []byte
			for off := int64(0); err == nil && off < size; off += 512 << 10 {
				n := min(int64(512<<10), size-off)
				if !f.Stat().Ranged {
					n = -1
				}
				var p []byte
				p, err = read(t.Context(), f, off, n)
				got = append(got, p...)
				if n < 0 {
					break
				}
			}
			if transfer.ReasonOf(err) != tc.want {
				t.Errorf("%s: got %v (%s), want reason %s", tc.reason, err, transfer.ReasonOf(err), tc.want)
			}
			if !bytes.HasPrefix(tc.file.Content, got) {
				t.Errorf("%s: delivers %d bytes that are not the file's", tc.reason, len(got))
			}
		})
	}
}

// at calls change before the request with that number, counted from 0.
func at(number int, change func()) rogue.Way {
	var n atomic.Int64
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if n.Add(1) == int64(number)+1 {
				change()
			}
			next.ServeHTTP(w, r)
		})
	}
}

func TestObservedErrorsSayWhatTheServerAsked(t *testing.T) {
	srv := rogue.New(t, file(), rogue.Status(rogue.First(1), 429, "", "Retry-After", "5"))
	var asked []string
	p := retry.Policy{
		Wait: func(_ context.Context, d time.Duration) error {
			if d < 5*time.Second || d > 7*time.Second {
				t.Errorf("waits %s, want 5 s and a little", d)
			}
			return nil
		},
		Observe: func(err error) {
			var e *transfer.Error
			if errors.As(err, &e) {
				asked = append(asked, fmt.Sprint(e.Reason, " ", e.RetryAfter, " ", answer.Overloaded(err)))
			}
		},
	}
	f, err := retry.Open(t.Context(), p, func(ctx context.Context) (disk.File, error) { return httpurl.New(ctx, options(srv.URL)) })
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if len(asked) != 1 || asked[0] != "SourceUnavailable 5s true" {
		t.Errorf("observed %q", asked)
	}
}
