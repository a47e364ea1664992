// SPDX-License-Identifier: Apache-2.0

// Package retry makes a file survive a bad link: a reader that breaks is
// opened again at the byte where it broke.
//
// Between two tries it waits for a random time up to a bound that doubles
// ("full jitter": it spreads the many readers of many movers that one outage
// has broken together), or for as long as the server asked for, if that is
// longer. What counts is tries in a row without a byte: a reader that moves on
// may break any number of times. Errors with a terminal reason end it at once,
// and the context ends every wait.
//
// With the defaults an outage of about two minutes is survived.
package retry

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// The defaults of a Policy. The bounds of the waits add up to about 290 s, so
// that they last for about 145 s on average and rarely for less than 100 s.
const (
	DefaultRetries = 16
	DefaultBase    = 200 * time.Millisecond
	DefaultMax     = 30 * time.Second

	// DefaultMaxAsked bounds what a server can make us wait for.
	DefaultMaxAsked = 2 * time.Minute
)

// A Policy says how often and when to try again. Zero values mean the
// defaults.
type Policy struct {
	// Retries is how many tries in a row may fail, after the first, without
	// a byte between them. Nil: DefaultRetries.
	Retries *int

	// Base bounds the first wait; it doubles with each further one, up to
	// Max.
	Base, Max time.Duration

	// MaxAsked bounds the wait that a server asks for.
	MaxAsked time.Duration

	// Wait returns when d has passed, or ctx has ended with its error. Nil:
	// real time.
	Wait func(ctx context.Context, d time.Duration) error

	// Random returns a number of [0, 1), by many goroutines at once. Nil:
	// the standard library's.
	Random func() float64

	// Observe is told each error after which there is another try, by many
	// goroutines at once. Nil: nobody is.
	Observe func(error)
}

func (p Policy) withDefaults() Policy {
	if p.Retries == nil {
		p.Retries = new(DefaultRetries)
	}
	if p.Base <= 0 {
		p.Base = DefaultBase
	}
	if p.Max <= 0 {
		p.Max = DefaultMax
	}
	if p.MaxAsked <= 0 {
		p.MaxAsked = DefaultMaxAsked
	}
	if p.Wait == nil {
		p.Wait = wait
	}
	if p.Random == nil {
		p.Random = rand.Float64
	}
	if p.Observe == nil {
		p.Observe = func(error) {}
	}
	return p
}

func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Open opens a file as open does, tried again like every read of it.
func Open(ctx context.Context, p Policy, open func(context.Context) (disk.File, error)) (*File, error) {
	s := &streak{policy: p.withDefaults()}
	for {
		f, err := open(ctx)
		if err == nil {
			return New(f, p), nil
		}
		if err := s.failed(ctx, err); err != nil {
			return nil, err
		}
	}
}

// Do calls try until it succeeds, or fails as no other try can mend, or the
// policy has had enough.
func Do(ctx context.Context, p Policy, try func(context.Context) error) error {
	s := &streak{policy: p.withDefaults()}
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		if err := s.failed(ctx, err); err != nil {
			return err
		}
	}
}

// A streak counts the failures since the last byte. It is used by one
// goroutine at a time.
type streak struct {
	policy Policy
	fails  int
	last   error // what failed; it says nothing while fails is 0
}

// failed waits until it is time for another try. It returns an error when
// there is none: err is terminal or a disk.ErrRestart, ctx has ended, or it was
// the last.
func (s *streak) failed(ctx context.Context, err error) error {
	if e := ctx.Err(); e != nil {
		return s.ended(e, err)
	}
	if transfer.IsTerminal(err) || errors.Is(err, disk.ErrRestart) {
		return err
	}
	switch limit := *s.policy.Retries; {
	case limit <= 0:
		return err
	case s.fails >= limit:
		return fmt.Errorf("%w (given up after %d tries in a row)", err, s.fails+1)
	}
	s.policy.Observe(err)
	d := s.policy.delay(s.fails, asked(err))
	s.fails++
	s.last = err
	if e := s.policy.Wait(ctx, d); e != nil {
		return s.ended(e, err)
	}
	return nil
}

// ended is the error of a context that ended when err had come of the last try,
// perhaps because it ended.
func (s *streak) ended(e, err error) error {
	switch {
	case !errors.Is(err, e):
		return &WaitError{Ended: e, Last: err}
	case s.fails > 0:
		return &WaitError{Ended: e, Last: s.last}
	}
	return e
}

// A WaitError says that the context ended before there could be another try. Its
// reason is the context's.
type WaitError struct {
	Ended error // the context's
	Last  error // what stood in the way
}

func (e *WaitError) Error() string { return fmt.Sprintf("%s; before that: %s", e.Ended, e.Last) }

// Unwrap returns the context's error.
func (e *WaitError) Unwrap() error { return e.Ended }

// asked is how long the server asked to wait.
func asked(err error) time.Duration {
	var e *transfer.Error
	if errors.As(err, &e) {
		return e.RetryAfter
	}
	return 0
}

// delay is the wait after a number of failures. asked is how long the server
// wants it to be; everybody who was asked so would come back in the same
// moment, but for a jitter beyond it.
func (p Policy) delay(fails int, asked time.Duration) time.Duration {
	bound := p.Max
	if fails < 32 && p.Base<<fails < p.Max {
		bound = p.Base << fails
	}
	d := time.Duration(p.Random() * float64(bound))
	asked = min(asked, p.MaxAsked)
	if asked == 0 {
		return d
	}
	return asked + min(d, asked/4)
}
