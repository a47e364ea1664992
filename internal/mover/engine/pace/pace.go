// SPDX-License-Identifier: Apache-2.0

// Package pace decides how many connections a transfer uses.
//
// It grows while growing pays: the number doubles as long as each step brings
// at least a quarter of the throughput that it would bring if connections did
// not compete, and goes back to the last number that paid when a step has not
// done so after a few looks. A server that asks to be left alone (429, 503)
// halves the number. Nothing grows while connections wait for us, or will as soon as
// the memory for what arrives is full; and when most of their time is waiting, half of
// them do as well.
//
// A Controller is pure: it is told what was seen and answers with a number.
package pace

import "time"

const (
	// Start is the number of connections at first: enough that a server that
	// limits each one is found out by the first look.
	Start = 4

	// Interval between two looks. Five of them make a second: from 4 to 16
	// connections takes two to four.
	Interval = 200 * time.Millisecond

	// patience is how many looks a step has to pay, and how many in a row must
	// have connections to spare. A new connection needs some round trips for
	// TCP, TLS and slow start.
	patience = 4

	// rest is how many looks pass after a step that did not pay, or after a
	// server's complaint, before another is tried: 5 seconds.
	rest = 25

	// starved is the share of their time that connections wait for us beyond
	// which their rate says nothing about the network; spare the one beyond
	// which half as many still wait.
	starved, spare = 0.25, 0.6
)

// A Sample is what one look saw.
type Sample struct {
	// Bytes that arrived since the last look, and the time between.
	Bytes   int64
	Elapsed time.Duration

	// Idle is the share of its time that a connection waited for us, from 0
	// to 1.
	Idle float64

	// Ahead says that much of what arrived waits for us, and connections soon will.
	Ahead bool

	// Pushback says that the server asked for less.
	Pushback bool
}

// A Controller decides for one transfer. It is used by one goroutine.
type Controller struct {
	n, limit int

	paid int     // the last number that paid
	rate float64 // bytes a second with that number
	wait int     // looks left for the step to pay
	hold int     // looks left before another step
	idle int     // looks in a row with connections to spare
}

// New returns a controller that never answers more than limit.
func New(limit int) *Controller {
	n := max(1, min(Start, limit))
	return &Controller{n: n, limit: max(1, limit), paid: n}
}

// Connections is the number of connections to use now.
func (c *Controller) Connections() int { return c.n }

// Look takes one sample and returns the number of connections to use.
func (c *Controller) Look(s Sample) int {
	rate := float64(s.Bytes) / max(s.Elapsed, time.Millisecond).Seconds()
	c.idle++
	if s.Idle <= spare {
		c.idle = 0
	}
	switch {
	case s.Pushback, c.idle == patience:
		c.n = max(1, c.n/2)
		c.settle(rate)
		c.hold, c.idle = rest, 0
	case s.Ahead, s.Idle > starved:
		// What comes now says nothing about the network.
	case c.hold > 0:
		c.hold--
		c.rate = max(c.rate, rate)
	case c.n == c.paid:
		c.step(rate)
	default:
		c.judge(rate)
	}
	return c.n
}

// settle takes the present number and rate as the ones to compare with.
func (c *Controller) settle(rate float64) { c.paid, c.rate, c.wait = c.n, rate, 0 }

// step tries twice as many connections.
func (c *Controller) step(rate float64) {
	c.settle(rate)
	c.n = min(2*c.n, c.limit)
	c.wait = patience
}

// judge decides whether the last step paid.
func (c *Controller) judge(rate float64) {
	proportional := float64(c.n) / float64(c.paid)
	if rate >= c.rate*(1+(proportional-1)/4) {
		c.step(rate)
		return
	}
	if c.wait--; c.wait == 0 {
		c.n = c.paid
		c.hold = rest
	}
}
