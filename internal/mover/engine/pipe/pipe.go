// SPDX-License-Identifier: Apache-2.0

// Package pipe hands values from one goroutine to the next until the context
// ends.
package pipe

import "context"

// Send hands v to the channel's reader unless the context ends first.
func Send[T any](ctx context.Context, to chan<- T, v T) error {
	select {
	case to <- v:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Receive returns what comes next; false when nothing will.
func Receive[T any](ctx context.Context, from <-chan T) (v T, ok bool, err error) {
	select {
	case v, ok = <-from:
		return v, ok, nil
	case <-ctx.Done():
		return v, false, ctx.Err()
	}
}
