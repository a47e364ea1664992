// SPDX-License-Identifier: Apache-2.0

// Package reqbody is the body of requests that take a stream: it can be read
// once, so that a request can be made again only while nothing of it is gone.
package reqbody

import (
	"io"
	"sync"
)

// A Body is what one request after the other reads. The transport may read it
// for a moment longer than a request lasts.
type Body struct {
	r io.Reader

	mu     sync.Mutex
	read   bool  // some of it is gone
	err    error // of r, but for its end
	closed chan struct{}
}

// New returns a body that reads r.
func New(r io.Reader) *Body { return &Body{r: r} }

// Open makes the body ready for the next request.
func (b *Body) Open() *Body {
	b.closed = make(chan struct{})
	return b
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
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
func (b *Body) Close() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	select {
	case <-b.closed:
	default:
		close(b.closed)
	}
	return nil
}

// Wait waits until the request is done with the body: the transport closes it
// always, and reads of it end when the context does.
func (b *Body) Wait() { <-b.closed }

// Touched reports whether some of the body is gone.
func (b *Body) Touched() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.read
}

// Failed is the error of what is read, which a request's error can hide; nil
// when it had none.
func (b *Body) Failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}
