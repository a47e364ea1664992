// SPDX-License-Identifier: Apache-2.0

package multipart

import (
	"bytes"
	"io"
	"sync"
)

// lent is a request's body in the caller's memory. The transport may read on
// when a request has ended early, answered or not, and the memory is the
// caller's again then: after takeBack nothing looks at it. It is no
// io.WriterTo, whose one call would hold the lock for the whole request.
type lent struct {
	mu   sync.Mutex
	body *bytes.Reader // nil after takeBack
}

func lend(p []byte) *lent { return &lent{body: bytes.NewReader(p)} }

// Read implements io.Reader.
func (l *lent) Read(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.body == nil {
		return 0, io.ErrClosedPipe
	}
	return l.body.Read(p)
}

// Seek implements io.Seeker, by which the SDK learns the length.
func (l *lent) Seek(offset int64, whence int) (int64, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.body == nil {
		return 0, io.ErrClosedPipe
	}
	return l.body.Seek(offset, whence)
}

func (l *lent) takeBack() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.body = nil
}
