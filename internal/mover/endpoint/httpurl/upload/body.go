// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"io"
	"sync"
)

// A body is what one request after the other reads. The transport may read it
// for a moment longer than a request lasts.
type body struct {
	r io.Reader

	mu     sync.Mutex
	read   bool  // some of it is gone
	err    error // of r, but for its end
	closed chan struct{}
}

// open makes the body ready for the next request.
func (b *body) open() *body {
	b.closed = make(chan struct{})
	return b
}

// Read implements io.Reader.
func (b *body) Read(p []byte) (int, error) {
	b.mu.Lock()
	b.read = true
	b.mu.Unlock()
	n, err := b.r.Read(p)
	if err != nil && err != io.EOF {
		b.mu.Lock()
		b.err = err
		b.mu.Unlock()
	}
	return n, err
}

// Close implements io.Closer. It may be called more than once.
func (b *body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return nil
}

// wait waits until the request is done with the body: the transport closes it
// always, and reads of it end when the context does.
func (b *body) wait() { <-b.closed }

func (b *body) touched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

func (b *body) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
