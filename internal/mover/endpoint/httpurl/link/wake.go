// SPDX-License-Identifier: Apache-2.0

package link

import (
	"net"
	"syscall"
	"time"
)

const (
	// wakeBytes is how many bytes a reader of a fast connection is woken for.
	// To be woken for each packet, ten thousand times a second, takes a tenth of
	// the processor time of a transfer.
	wakeBytes = 512 << 10

	// wakeLeast is the least read that is worth it.
	wakeLeast = 128 << 10

	// wakePatience is how long a reader waits for so many bytes, from a
	// connection that was fast and may be so no more.
	wakePatience = 250 * time.Millisecond

	// A connection is fast that brings fastBytes within fastTime: then
	// wakeBytes take 5 ms at most.
	fastBytes = 4 << 20
	fastTime  = 40 * time.Millisecond
)

// A waker decides for how many bytes the reader of a connection is woken: as soon
// as there is one, or on a fast connection when there are many, by
// SO_RCVLOWAT (socket(7)). It asks for no more bytes than the reader does, who by
// HTTP's framing never asks for more than are to come; where a body ends with its
// connection, that end wakes it.
type waker struct {
	socket syscall.RawConn // nil: not a socket

	bytes int           // that arrived since it was last decided what fast is
	spent time.Duration // in reads of them
	fast  bool

	low int // as the socket has it
}

func newWaker(c net.Conn) waker {
	w := waker{low: 1}
	if s, ok := c.(syscall.Conn); ok {
		// A connection without a descriptor has no socket option either.
		w.socket, _ = s.SyscallConn()
	}
	return w
}

// saw counts n bytes that a read brought.
func (w *waker) saw(n int, spent time.Duration) {
	w.bytes += n
	w.spent += spent
	if w.bytes < fastBytes && w.spent < fastTime {
		return
	}
	w.fast = w.bytes >= fastBytes && w.spent <= fastTime
	w.bytes, w.spent = 0, 0
}

// late prepares a read of at most n bytes, and reports whether it may begin when
// many are there.
func (w *waker) late(n int) bool {
	low := 1
	if w.fast && n >= wakeLeast {
		low = min(n, wakeBytes)
	}
	w.set(low)
	return w.low > 1
}

// early lets reads begin with the first byte, until the connection is fast again.
func (w *waker) early() {
	w.fast, w.bytes, w.spent = false, 0, 0
	w.set(1)
}

// set changes the option where it is another.
func (w *waker) set(low int) {
	if low == w.low || w.socket == nil {
		return
	}
	var err error
	if w.socket.Control(func(fd uintptr) {
		err = syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVLOWAT, low)
	}) == nil && err == nil {
		w.low = low
	}
}
