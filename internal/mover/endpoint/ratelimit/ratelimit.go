// SPDX-License-Identifier: Apache-2.0

// Package ratelimit bounds how fast a file is read, all of its readers
// together, by a token bucket.
package ratelimit

import (
	"context"
	"io"
	"time"

	"golang.org/x/time/rate"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

const (
	// slices is how many reads a second's bytes are cut into at least: a
	// caller that asks for 4 MiB at 1 MiB/s gets a sixteenth of a second's
	// worth at a time instead of a burst and four seconds of silence.
	slices = 16

	// maxSlice keeps single reads from the size at which they would hold up
	// the other readers.
	maxSlice = 1 << 20

	// minSlice keeps slow limits from reading byte by byte.
	minSlice = 512
)

// A Clock tells the time and waits.
type Clock interface {
	Now() time.Time

	// Wait returns when d has passed, or ctx has ended with its error.
	Wait(ctx context.Context, d time.Duration) error
}

// A File is a file whose readers share one limit.
type File struct {
	disk.File

	limiter *rate.Limiter
	slice   int
	clock   Clock
}

// New returns f limited to a positive number of bytes a second.
func New(f disk.File, bytesPerSecond int64) *File {
	return WithClock(f, bytesPerSecond, realTime{})
}

// WithClock returns f limited by the time of a clock.
func WithClock(f disk.File, bytesPerSecond int64, c Clock) *File {
	slice := int(min(max(bytesPerSecond/slices, minSlice), maxSlice))
	return &File{File: f, limiter: rate.NewLimiter(rate.Limit(bytesPerSecond), slice), slice: slice, clock: c}
}

// Open implements disk.File.
func (f *File) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	r, err := f.File.Open(ctx, off, n)
	if err != nil {
		return nil, err
	}
	return &reader{ReadCloser: r, slice: f.slice, pay: func(n int) error { return f.pay(ctx, n) }}, nil
}

// pay takes n tokens and waits until they are there. They are taken at once,
// so that readers are served in the order in which they come.
func (f *File) pay(ctx context.Context, n int) error {
	now := f.clock.Now()
	d := f.limiter.ReserveN(now, n).DelayFrom(now)
	if d == 0 {
		return ctx.Err()
	}
	return f.clock.Wait(ctx, d)
}

type reader struct {
	io.ReadCloser

	slice int
	pay   func(n int) error
}

// Read implements io.Reader. The bytes are paid for after they were read,
// since their number is known only then; the wait comes before they are given.
func (r *reader) Read(p []byte) (int, error) {
	n, err := r.ReadCloser.Read(p[:min(len(p), r.slice)])
	if n == 0 {
		return 0, err
	}
	if e := r.pay(n); e != nil {
		return 0, e
	}
	return n, err
}

type realTime struct{}

func (realTime) Now() time.Time { return time.Now() }

func (realTime) Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
