// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"io"
	"sync/atomic"
)

// A Meter counts what a transfer does. Anyone may read it at any time.
type Meter struct {
	// Transferred bytes of the source, in the one pass.
	Transferred atomic.Int64

	// Written bytes of the destination; holes and zeroed ranges do not count.
	Written atomic.Int64

	// Connections that are used now.
	Connections atomic.Int64

	// Pushbacks counts how often the source asked for less. Whoever learns
	// of it counts here; the engine shrinks.
	Pushbacks atomic.Int64
}

// meteredReader counts what is read as it is read.
type meteredReader struct {
	io.Reader
	n *atomic.Int64
}

func (r meteredReader) Read(p []byte) (int, error) {
	n, err := r.Reader.Read(p)
	r.n.Add(int64(n))
	return n, err
}
