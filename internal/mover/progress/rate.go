// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"time"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// window is the time over which speed is averaged: long enough to be read,
// short enough to show that a link has stalled.
const window = 5 * time.Second

// rate computes what follows from the counts of the last seconds. The zero
// value has seen none.
type rate struct {
	seen []point // oldest first; the first one is a window old, or the first ever
}

type point struct {
	at    time.Time
	bytes int64
}

// complete fills in speed, percentage and time left as of p.Time. 100 percent
// is only for a transfer that succeeded: its bytes are durable.
func (r *rate) complete(p transfer.Progress, succeeded bool) transfer.Progress {
	r.seen = append(r.seen, point{p.Time, p.TransferredBytes})
	for len(r.seen) > 2 && p.Time.Sub(r.seen[1].at) >= window {
		r.seen = r.seen[1:]
	}
	first := r.seen[0]
	if d := p.Time.Sub(first.at); d > 0 {
		p.BytesPerSecond = int64(float64(p.TransferredBytes-first.bytes) / d.Seconds())
	}
	if succeeded {
		p.Percent = 100
		p.ETASeconds = new(int64)
		return p
	}
	if p.TotalBytes <= 0 {
		return p
	}
	p.Percent = int(min(99, float64(p.TransferredBytes)/float64(p.TotalBytes)*100))
	if p.BytesPerSecond > 0 {
		eta := max(0, p.TotalBytes-p.TransferredBytes) / p.BytesPerSecond
		p.ETASeconds = &eta
	}
	return p
}
