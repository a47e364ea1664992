// SPDX-License-Identifier: Apache-2.0

package pace_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/engine/pace"
)

const mb = 1e6

// look is one sample of a network that gives each connection perConnection
// bytes a second, and all of them together no more than total.
func look(n int, perConnection, total float64) pace.Sample {
	rate := min(float64(n)*perConnection, total)
	return pace.Sample{Bytes: int64(rate * pace.Interval.Seconds()), Elapsed: pace.Interval}
}

func TestLook(t *testing.T) {
	cases := map[string]struct {
		reason string
		limit  int
		sample func(i, n int) pace.Sample
		looks  int
		want   []int // the first answers; the last one stays
	}{
		"LimitPerConnection": {
			reason: "a server that limits each connection to 20 MB/s is met with 16 within half a second",
			limit:  16,
			sample: func(_, n int) pace.Sample { return look(n, 20*mb, 1e12) },
			looks:  20,
			want:   []int{8, 16, 16},
		},
		"LimitOfLink": {
			reason: "a full link gains nothing from more connections, and goes back to 4",
			limit:  16,
			sample: func(_, n int) pace.Sample { return look(n, 100*mb, 200*mb) },
			looks:  20,
			want:   []int{8, 8, 8, 8, 4, 4},
		},
		"Starved": {
			reason: "connections that wait for us do not become more",
			limit:  16,
			sample: func(_, n int) pace.Sample {
				s := look(n, 20*mb, 1e12)
				s.Idle = 0.5
				return s
			},
			looks: 20,
			want:  []int{4, 4},
		},
		"Ahead": {
			reason: "connections that will wait for us do not become more",
			limit:  16,
			sample: func(i, n int) pace.Sample {
				s := look(n, 20*mb, 1e12)
				s.Ahead = i < 10
				return s
			},
			looks: 13,
			want:  []int{4, 4, 4, 4, 4, 4, 4, 4, 4, 4, 8, 16, 16},
		},
		"Spare": {
			reason: "connections that wait for us most of the time become fewer, until they do not",
			limit:  16,
			sample: func(_, n int) pace.Sample {
				s := look(n, 20*mb, 1e12)
				s.Idle = max(0, 1-0.8/float64(n))
				return s
			},
			looks: 28,
			want:  []int{4, 4, 4, 2, 2},
		},
		"SpareForMoments": {
			reason: "a moment in which they wait is no reason",
			limit:  4,
			sample: func(i, n int) pace.Sample {
				s := look(n, 20*mb, 1e12)
				if i%4 != 0 {
					s.Idle = 0.9
				}
				return s
			},
			looks: 20,
			want:  []int{4, 4},
		},
		"Pushback": {
			reason: "a server that asks for less is asked for half, and is left alone for a while",
			limit:  16,
			sample: func(i, n int) pace.Sample {
				s := look(n, 20*mb, 1e12)
				s.Pushback = i == 3
				return s
			},
			looks: 20,
			want:  []int{8, 16, 16, 8, 8},
		},
		"Bound": {
			reason: "the limit holds, from the first connection on",
			limit:  2,
			sample: func(_, n int) pace.Sample { return look(n, 20*mb, 1e12) },
			looks:  20,
			want:   []int{2, 2},
		},
		"SlowToShow": {
			reason: "a step that pays only after some round trips is not taken back",
			limit:  8,
			sample: func(i, n int) pace.Sample {
				if i < 3 {
					n = 4
				}
				return look(n, 20*mb, 1e12)
			},
			looks: 20,
			want:  []int{8, 8, 8, 8},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c := pace.New(tc.limit)
			var got []int
			for i := range tc.looks {
				got = append(got, c.Look(tc.sample(i, c.Connections())))
			}
			want := tc.want
			for len(want) < tc.looks {
				want = append(want, want[len(want)-1])
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLookTriesAgain(t *testing.T) {
	c := pace.New(16)
	for range 6 {
		c.Look(look(c.Connections(), 100*mb, 200*mb))
	}
	grown := 0
	for range int(10 * time.Second / pace.Interval) {
		grown = max(grown, c.Look(look(c.Connections(), 20*mb, 1e12)))
	}
	if grown != 16 {
		t.Errorf("a link that became faster: got at most %d connections within 10 s, want 16", grown)
	}
}
