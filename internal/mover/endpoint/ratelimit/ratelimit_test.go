// SPDX-License-Identifier: Apache-2.0

package ratelimit_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/ratelimit"
)

// clock is time that passes only by waiting.
type clock struct {
	mu      sync.Mutex
	now     time.Time
	longest time.Duration
}

func newClock() *clock { return &clock{now: time.Unix(1700000000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) Wait(ctx context.Context, d time.Duration) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
	c.longest = max(c.longest, d)
	return ctx.Err()
}

func (c *clock) passed() time.Duration { return c.Now().Sub(time.Unix(1700000000, 0)) }

func TestLimit(t *testing.T) {
	cases := map[string]struct {
		reason string
		limit  int64
		size   int
		read   int
		want   time.Duration // less the first slice, which is free
	}{
		"LargeReads": {"reads of 4 MiB come in slices", 1 << 20, 6 << 20, 4 << 20, 6 * time.Second},
		"SmallReads": {"small ones add up", 1 << 20, 2 << 20, 1000, 2 * time.Second},
		"Slow":       {"a limit below a slice holds as well", 100, 2048, 4096, 20480 * time.Millisecond},
		"Fast":       {"slices of a fast link are bounded", 1 << 30, 16 << 20, 4 << 20, 15625 * time.Microsecond},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := newClock()
			content := endpointtest.Content(31, tc.size)
			f := ratelimit.WithClock(endpointtest.NewMemory(content), tc.limit, c)
			r, err := f.Open(t.Context(), 0, -1)
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			var got bytes.Buffer
			if _, err := io.CopyBuffer(struct{ io.Writer }{&got}, struct{ io.Reader }{r}, make([]byte, tc.read)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got.Bytes(), content) {
				t.Errorf("%s: other bytes than the file's", tc.reason)
			}
			slice := time.Duration(float64(max(min(tc.limit/16, 1<<20), 512)) / float64(tc.limit) * float64(time.Second))
			if d := c.passed(); d > tc.want || d < tc.want-slice-time.Millisecond {
				t.Errorf("%s: took %s, want %s less at most %s", tc.reason, d, tc.want, slice)
			}
			if c.longest > slice+time.Millisecond {
				t.Errorf("%s: was silent for %s at once, want at most %s", tc.reason, c.longest, slice)
			}
		})
	}
}

func TestReadersShareTheLimit(t *testing.T) {
	c := newClock()
	const limit, size, readers = 1 << 20, 1 << 20, 4
	f := ratelimit.WithClock(endpointtest.NewMemory(endpointtest.Content(32, size)), limit, c)
	var wg sync.WaitGroup
	for range readers {
		wg.Go(func() {
			r, err := f.Open(t.Context(), 0, -1)
			if err != nil {
				t.Error(err)
				return
			}
			defer r.Close()
			if _, err := io.Copy(io.Discard, r); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if d := c.passed(); d < (readers*size/limit-1)*time.Second {
		t.Errorf("%d readers took %s of %d bytes together at %d bytes a second", readers, d, readers*size, limit)
	}
}

func TestContextEndsWaits(t *testing.T) {
	f := ratelimit.New(endpointtest.NewMemory(endpointtest.Content(33, 1<<20)), 1)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	r, err := f.Open(ctx, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if _, err := io.Copy(io.Discard, r); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
	}
}

type store struct{}

func (store) Put(_ *testing.T, content []byte) disk.File {
	return ratelimit.WithClock(endpointtest.NewMemory(content), 100000, newClock())
}

func TestConformance(t *testing.T) {
	endpointtest.Run(t, func(*testing.T) endpointtest.Store { return store{} })
}
