// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync/atomic"
	"time"
)

// looks is in how many parts the stall time is waited for. Only a part that ran
// out while this process ran counts: one that had no processor for a minute, or
// was stopped for it, finds then what has arrived meanwhile.
const looks = 8

// writeSize is how much of a request's body goes to the kernel at a time: the
// transport's own 32 KiB cost an upload to a fast server one part in forty of its
// time.
const writeSize = 256 << 10

// A conn is a connection on which silence is an error.
type conn struct {
	net.Conn

	stall    time.Duration
	received func(int)
	wake     waker
	asked    atomic.Bool // something was written since a read last looked
	body     []byte      // what ReadFrom copies through; nil before the first
}

func newConn(c net.Conn, stall time.Duration, received func(int)) *conn {
	return &conn{Conn: c, stall: stall, received: received, wake: newWaker(c)}
}

// Read gives every read its own deadline: time during which nobody reads, as
// when the disk is slower than the link, does not count. What is written begins
// the wait anew: the transport reads on an idle connection all the time, to see
// that it is closed.
func (c *conn) Read(p []byte) (int, error) {
	c.asked.Store(false)
	if c.wake.late(len(p)) {
		n, err := c.read(p, min(c.stall, wakePatience))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		c.wake.early()
	}
	for left := looks; ; left-- {
		n, err := c.read(p, c.stall/looks)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		if c.asked.Swap(false) {
			left = looks + 1
		}
		if left == 1 {
			return n, &StallError{Stall: c.stall, Err: err}
		}
	}
}

func (c *conn) read(p []byte, patience time.Duration) (int, error) {
	begin := time.Now()
	if err := c.SetReadDeadline(begin.Add(patience)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	c.received(n)
	c.wake.saw(n, time.Since(begin))
	return n, err
}

// Write fails when nothing of p is taken for the stall time: a server that
// takes nothing any more is silent as well.
func (c *conn) Write(p []byte) (int, error) {
	defer c.asked.Store(true)
	done := 0
	for left := looks; ; left-- {
		c.asked.Store(true)
		if err := c.SetWriteDeadline(time.Now().Add(c.stall / looks)); err != nil {
			return done, err
		}
		n, err := c.Conn.Write(p[done:])
		done += n
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return done, err
		}
		if n > 0 {
			left = looks + 1
		}
		if left == 1 {
			return done, &StallError{Stall: c.stall, Err: err}
		}
	}
}

// ReadFrom implements io.ReaderFrom, by which the transport sends bodies over
// plain connections: one at a time.
func (c *conn) ReadFrom(r io.Reader) (int64, error) {
	if c.body == nil {
		c.body = make([]byte, writeSize)
	}
	return io.CopyBuffer(struct{ io.Writer }{c}, r, c.body)
}

// A StallError says that a connection was silent for too long.
type StallError struct {
	Stall time.Duration
	Err   error
}

// Error implements error.
func (e *StallError) Error() string { return fmt.Sprintf("no byte arrived for %s", e.Stall) }

// Unwrap gives errors.Is and errors.As the cause.
func (e *StallError) Unwrap() error { return e.Err }

// Timeout implements net.Error.
func (e *StallError) Timeout() bool { return true }

// Temporary implements net.Error.
func (e *StallError) Temporary() bool { return true }
