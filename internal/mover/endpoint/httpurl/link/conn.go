// SPDX-License-Identifier: Apache-2.0

package link

import (
	"errors"
	"fmt"
	"net"
	"os"
	"time"
)

// A conn is a connection on which silence is an error.
type conn struct {
	net.Conn

	stall    time.Duration
	received func(int)
	wake     waker
}

func newConn(c net.Conn, stall time.Duration, received func(int)) *conn {
	return &conn{Conn: c, stall: stall, received: received, wake: newWaker(c)}
}

// Read gives every read its own deadline: time during which nobody reads, as
// when the disk is slower than the link, does not count.
func (c *conn) Read(p []byte) (int, error) {
	if c.wake.late(len(p)) {
		n, err := c.read(p, min(c.stall, wakePatience))
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return n, err
		}
		c.wake.early()
	}
	n, err := c.read(p, c.stall)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, &StallError{Stall: c.stall, Err: err}
	}
	return n, err
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

// Write begins the wait for an answer anew: the transport reads on an idle
// connection all the time, to see that it is closed. A server that takes
// nothing any more is silent as well.
func (c *conn) Write(p []byte) (int, error) {
	if err := c.SetDeadline(time.Now().Add(c.stall)); err != nil {
		return 0, err
	}
	n, err := c.Conn.Write(p)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return n, &StallError{Stall: c.stall, Err: err}
	}
	return n, err
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
