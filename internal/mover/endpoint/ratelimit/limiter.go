// SPDX-License-Identifier: Apache-2.0

package ratelimit

import (
	"context"

	"golang.org/x/time/rate"
)

// A Limiter bounds how fast bytes are sent, all senders together.
type Limiter struct {
	limiter *rate.Limiter
	slice   int
	clock   Clock
}

// NewLimiter returns a limiter of a positive number of bytes a second.
func NewLimiter(bytesPerSecond int64) *Limiter {
	slice := int(min(max(bytesPerSecond/slices, minSlice), maxSlice))
	return &Limiter{rate.NewLimiter(rate.Limit(bytesPerSecond), slice), slice, realTime{}}
}

// Sent takes the tokens of n bytes that were sent, and returns when they are
// there: what comes next waits for what went before.
func (l *Limiter) Sent(ctx context.Context, n int) error {
	now := l.clock.Now()
	r := l.limiter.ReserveN(now, min(n, l.slice))
	for n -= l.slice; n > 0; n -= l.slice {
		r = l.limiter.ReserveN(now, min(n, l.slice))
	}
	d := r.DelayFrom(now)
	if d == 0 {
		return ctx.Err()
	}
	return l.clock.Wait(ctx, d)
}
