// SPDX-License-Identifier: Apache-2.0

// Package progress tells, while a transfer runs, how far it is: as lines of
// JSON for a program, or as a bar for a person.
package progress

import (
	"time"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Sink shows progress. It is used by one goroutine at a time.
type Sink interface {
	// Show shows p. What cannot be shown is lost: a transfer does not fail
	// because nobody can watch.
	Show(p transfer.Progress)

	// Interval is the time between two calls of Show.
	Interval() time.Duration
}

// Start shows what snapshot counts, with speed, percentage and time left, now,
// whenever news receives, and from time to time until stop is called. stop
// shows it once more, as complete when succeeded is true, unless a failure has
// nothing new to tell, and returns when that is done.
func Start(s Sink, snapshot func() transfer.Progress, news <-chan struct{}) (stop func(succeeded bool)) {
	ended := make(chan bool)
	done := make(chan struct{})
	go func() {
		defer close(done)
		watch(s, snapshot, news, ended)
	}()
	return func(succeeded bool) {
		ended <- succeeded
		<-done
	}
}

func watch(s Sink, snapshot func() transfer.Progress, news <-chan struct{}, ended <-chan bool) {
	var r rate
	var last transfer.Progress
	show := func(succeeded bool) {
		p := snapshot()
		last = p
		p.Time = time.Now()
		s.Show(r.complete(p, succeeded))
	}
	tick := time.NewTicker(s.Interval())
	defer tick.Stop()
	show(false)
	for {
		select {
		case <-tick.C:
			show(false)
		case <-news:
			show(false)
		case succeeded := <-ended:
			if succeeded || snapshot() != last {
				show(succeeded)
			}
			return
		}
	}
}
