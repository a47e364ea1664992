// SPDX-License-Identifier: Apache-2.0

package export

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/novasphere/provider-wukong/internal/mover/engine/buffer"
)

const (
	// partMemory bounds the parts in memory, but two there must be: one that
	// is filled, and one that is sent or kept for the end.
	partMemory = 224 << 20

	// largePart is the size of parts for which the units make room.
	largePart = 64 << 20
)

// A part is one range of the artifact.
type part struct {
	off  int64
	n    int
	buf  *buffer.Buffer
	refs atomic.Int32
	free func(*part)
}

func (p *part) data() []byte { return p.buf.Data()[:p.n] }

func (p *part) release() {
	if p.refs.Add(-1) == 0 {
		p.free(p)
	}
}

// partBuffers is how many parts of size bytes are in memory at most: one for
// each connection, one that is filled, and one more that waits.
func partBuffers(size int64, connections int) int {
	return max(2, min(connections+2, int(partMemory/size)))
}

// A cutter makes parts of what is written to it. It is used by one goroutine.
type cutter struct {
	size int64 // of a part

	// next borrows a part; emit hands one on. Each may wait.
	next func() (*part, error)
	emit func(*part) error

	keep  bool  // the first part is sent at the end
	first *part // when it was filled and is kept
	part  *part // that is being filled; nil: none
	off   int64 // of the next byte
}

// Write implements io.Writer.
func (c *cutter) Write(p []byte) (int, error) {
	n := len(p)
	for len(p) > 0 {
		if err := c.fit(); err != nil {
			return 0, err
		}
		m := copy(c.part.buf.Data()[c.part.n:c.size], p)
		c.part.n += m
		c.off += int64(m)
		p = p[m:]
	}
	return n, nil
}

// fit sees to it that the part that is being filled has room. A full part is
// handed on only now, so that the last one never is before finish.
func (c *cutter) fit() error {
	if c.part != nil && int64(c.part.n) == c.size {
		if err := c.full(); err != nil {
			return err
		}
	}
	if c.part != nil {
		return nil
	}
	var err error
	if c.part, err = c.next(); err != nil {
		return err
	}
	c.part.off, c.part.n = c.off, 0
	c.part.refs.Store(1)
	return nil
}

// full hands on the part that is being filled, or keeps it.
func (c *cutter) full() error {
	p := c.part
	c.part = nil
	if c.keep && p.off == 0 {
		c.first = p
		return nil
	}
	return c.emit(p)
}

var errHeadTooLong = errors.New("cannot export in parts that are smaller than the artifact's head")

// finish hands on what is left: the first part, which was kept, with the head in
// it, and then the last one. check is asked before.
func (c *cutter) finish(head []byte, check func() error) error {
	if c.part == nil && c.first == nil {
		if err := c.fit(); err != nil { // An empty artifact has one part.
			return err
		}
	}
	if err := check(); err != nil {
		return err
	}
	last := c.part
	c.part = nil
	if c.keep && c.first == nil {
		c.first, last = last, nil
	}
	if err := c.finishFirst(head); err != nil || last == nil {
		return err
	}
	return c.emit(last)
}

// finishFirst hands on the first part, if it was kept.
func (c *cutter) finishFirst(head []byte) error {
	if c.first == nil {
		return nil
	}
	if c.first.n < len(head) {
		return errHeadTooLong
	}
	copy(c.first.data(), head)
	return c.emit(c.first)
}

// partReader reads parts as one stream. It is used by one goroutine.
type partReader struct {
	receive func() (*part, bool, error)
	sent    func(n int) error // is told what was read, and may wait

	part *part
	rest []byte
}

// Read implements io.Reader.
func (r *partReader) Read(p []byte) (int, error) {
	for len(r.rest) == 0 {
		if err := r.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	return n, r.sent(n)
}

// next goes to the next part; io.EOF when there is none.
func (r *partReader) next() error {
	if r.part != nil {
		r.part.release()
		r.part, r.rest = nil, nil
	}
	p, ok, err := r.receive()
	switch {
	case err != nil:
		return err
	case !ok:
		return io.EOF
	}
	r.part, r.rest = p, p.data()
	return nil
}
