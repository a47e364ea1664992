// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// now is the time of all tests.
func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

func TestNext(t *testing.T) {
	at := metav1.NewTime(now())
	old := &v1alpha1.Progress{Percent: 10, Attempt: 1, LastProgressTime: &at, TransferredBytes: 1}
	cases := map[string]struct {
		reason  string
		old     *v1alpha1.Progress
		percent int
		after   time.Duration
		failed  int32
		pace    Pace
		want    int32
	}{
		"First":        {"The first word is worth writing.", nil, 1, 5 * time.Second, 0, Pace{rest: rest}, 1},
		"FirstSoon":    {"Not so soon: many a transfer ends before.", nil, 1, 4 * time.Second, 0, Pace{rest: rest}, -1},
		"FirstPhase":   {"At a change of phase it is.", nil, 1, 0, 0, Pace{rest: rest, changed: true}, 1},
		"FirstAttempt": {"In another attempt it is.", nil, 1, 0, 1, Pace{rest: rest}, 1},
		"Little":       {"A little more is not.", old, 19, 5 * time.Second, 0, Pace{rest: rest}, 10},
		"Soon":         {"Much more is not so soon.", old, 60, 4 * time.Second, 0, Pace{rest: rest}, 10},
		"Step":         {"Ten percent more is.", old, 20, 5 * time.Second, 0, Pace{rest: rest}, 20},
		"Composed":     {"Of a composed resource it is not yet.", old, 60, 19 * time.Second, 0, Pace{rest: restComposed}, 10},
		"ComposedStep": {"Later it is.", old, 60, 20 * time.Second, 0, Pace{rest: restComposed}, 60},
		"Time":         {"So is whatever there is after 30 seconds.", old, 11, 30 * time.Second, 0, Pace{rest: rest}, 11},
		"Phase":        {"So is the progress at a change of phase.", old, 11, 2 * time.Second, 0, Pace{rest: rest, changed: true}, 11},
		"Attempt":      {"Another attempt begins anew.", old, 8, 2 * time.Second, 1, Pace{rest: rest}, 8},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			job := &batchv1.Job{ObjectMeta: metav1.ObjectMeta{CreationTimestamp: at}}
			job.Status.Failed = tc.failed
			m := moverjob.State{Job: job, Progress: &transfer.Progress{Percent: tc.percent, TransferredBytes: 1, Time: now().Add(tc.after), ETASeconds: new(int64(42))}}
			percent := int32(-1)
			got := tc.pace.Next(tc.old, m)
			if got != nil {
				percent = got.Percent
			}
			if got != nil && got != tc.old && (got.EtaSeconds == nil || *got.EtaSeconds != 42) {
				t.Errorf("%s\nthe time left is not told: %+v", tc.reason, got)
			}
			if percent != tc.want {
				t.Errorf("%s\nwant %d %%, got %d %%", tc.reason, tc.want, percent)
			}
		})
	}
}

// TestFinished takes the time left away from what is done.
func TestFinished(t *testing.T) {
	old := &v1alpha1.Progress{Percent: 60, EtaSeconds: new(int64(42))}
	m := moverjob.State{Job: &batchv1.Job{}, Result: &transfer.Result{Source: transfer.SourceFacts{Size: 100}, WrittenBytes: 40, ReusedBytes: 7, Seconds: 2}}
	got := Finished(old, m)
	if got.EtaSeconds != nil || got.Percent != 100 || got.TransferredBytes != 100 || got.WrittenBytes != 40 || got.ReusedBytes != 7 || got.BytesPerSecond != 50 {
		t.Errorf("got %+v", got)
	}
	if *old.EtaSeconds != 42 {
		t.Error("the old progress is changed")
	}
}

func TestPaceOf(t *testing.T) {
	composed := &v1alpha1.DiskImport{ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"crossplane.io/composite": "vm"}}}
	if got := PaceOf(composed, false).rest; got != restComposed {
		t.Errorf("a composed resource: want %v, got %v", restComposed, got)
	}
	if got := PaceOf(&v1alpha1.DiskImport{}, false).rest; got != rest {
		t.Errorf("any other: want %v, got %v", rest, got)
	}
}

func TestSpeed(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B/s", 1023: "1023 B/s", 1536: "1.5 KiB/s", 100 << 20: "100 MiB/s", 3 << 40: "3072 GiB/s"} {
		if got := speed(n); got != want {
			t.Errorf("speed(%d): want %q, got %q", n, want, got)
		}
	}
}
