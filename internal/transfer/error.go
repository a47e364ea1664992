// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"errors"
	"time"
)

// An Error is a failure whose reason is known. It is made where the failure
// is understood and acted on once, by the retry wrapper and at the end.
type Error struct {
	Reason Reason
	Err    error

	// RetryAfter is how long the other side asked to wait. Zero: it did not.
	RetryAfter time.Duration
}

// Error implements error. The reason is not part of the text: whoever shows
// the text shows the reason beside it.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *Error) Unwrap() error { return e.Err }

// Terminal returns an error with a terminal reason.
func Terminal(r Reason, err error) error { return &Error{Reason: r, Err: err} }

// Retryable returns an error with a retryable reason.
func Retryable(r Reason, err error) error { return &Error{Reason: r, Err: err} }

// IsTerminal reports whether err has a terminal reason.
func IsTerminal(err error) bool {
	var e *Error
	return errors.As(err, &e) && e.Reason.Terminal()
}

// ReasonOf returns the reason of err; an error that nobody classified is
// ReasonUnknown, and a context that ended is an interruption or a deadline.
func ReasonOf(err error) Reason {
	var e *Error
	switch {
	case err == nil:
		return ""
	case errors.As(err, &e):
		return e.Reason
	case errors.Is(err, context.DeadlineExceeded):
		return ReasonDeadlineExceeded
	case errors.Is(err, context.Canceled):
		return ReasonInterrupted
	}
	return ReasonUnknown
}
