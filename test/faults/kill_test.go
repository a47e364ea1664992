// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync/atomic"
)

// A point is where a mover is killed: before the registry or the store hears of
// a request, or when some bytes of the request's body have arrived.
type point struct {
	request int64 // its number
	body    int64 // bytes; 0, and where the body is no part of the artifact: before
}

// points are 20 of an export that makes so many requests, the same ones in every
// run. Every second one is within the body, in its first most bytes.
func points(seed uint64, requests, most int64) []point {
	random := rand.New(rand.NewPCG(seed, 7))
	all := make([]point, 20)
	for i := range all {
		all[i] = point{request: 1 + random.Int64N(requests), body: (1 + random.Int64N(most)) * int64(i%2)}
	}
	return all
}

// A cutBody ends with an error after some bytes, when then has returned.
type cutBody struct {
	io.ReadCloser

	left int64
	then func()
}

var errCut = errors.New("cut on purpose")

// Read implements io.Reader.
func (c *cutBody) Read(p []byte) (int, error) {
	if c.left == 0 {
		c.then()
		return 0, errCut
	}
	n, err := c.ReadCloser.Read(p[:min(int64(len(p)), c.left)])
	c.left -= int64(n)
	return n, err
}

// misbehaved counts how often a fault answers in place of the store or the
// registry, or breaks the connection.
func misbehaved(n *atomic.Int64, fault func() (answered bool)) (answered bool) {
	broke := true
	defer func() {
		if broke || answered {
			n.Add(1)
		}
	}()
	answered = fault()
	broke = false
	return answered
}
