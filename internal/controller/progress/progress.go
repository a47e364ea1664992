// SPDX-License-Identifier: Apache-2.0

// Package progress turns what a mover reports into the progress of a status.
// It is pure, and shared by every controller that runs movers.
package progress

import (
	"fmt"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
)

const (
	// step and interval say when progress is worth writing: a percentage that
	// has grown by so much, or so long after the last time.
	step     = 10
	interval = 30 * time.Second

	// rest is how long progress waits in any case, and the first one after the
	// Job was made. That of a composed resource waits longer: Crossplane counts
	// the changes of its status twice, and those of the composite that follow,
	// and stops heeding a composite for minutes that has more than a hundred and
	// one a second. Three disks at once stay below it.
	rest         = 5 * time.Second
	restComposed = 20 * time.Second

	// labelComposite is on everything that Crossplane composes.
	labelComposite = "crossplane.io/composite"
)

// A Pace says how often progress is written into the status of a resource.
type Pace struct {
	rest    time.Duration
	changed bool
}

// PaceOf a resource. changed says that its status is written anyway.
func PaceOf(o metav1.Object, changed bool) Pace {
	if o.GetLabels()[labelComposite] != "" {
		return Pace{rest: restComposed, changed: changed}
	}
	return Pace{rest: rest, changed: changed}
}

// Next returns the old progress, or the mover's if that is worth writing.
func (pace Pace) Next(old *v1alpha1.Progress, m moverjob.State) *v1alpha1.Progress {
	p := m.Progress
	if p == nil {
		return old
	}
	attempt := m.Job.Status.Failed + 1
	if old == nil && attempt == 1 && !pace.first(m) {
		return nil
	}
	if old != nil && old.Attempt == attempt && !pace.worth(old, int32(p.Percent), p.Time) {
		return old
	}
	at := metav1.NewTime(p.Time.Truncate(time.Second))
	return &v1alpha1.Progress{
		Percent:          int32(p.Percent),
		TransferredBytes: p.TransferredBytes,
		TotalBytes:       p.TotalBytes,
		WrittenBytes:     p.WrittenBytes,
		BytesPerSecond:   p.BytesPerSecond,
		Speed:            speed(p.BytesPerSecond),
		EtaSeconds:       p.ETASeconds,
		Attempt:          attempt,
		ResumedBytes:     p.ResumedBytes,
		LastProgressTime: &at,
	}
}

// first reports whether the first progress of a mover is worth writing.
func (pace Pace) first(m moverjob.State) bool {
	moved := m.Progress.TransferredBytes > 0 || m.Progress.ResumedBytes > 0
	return pace.changed || moved && m.Progress.Time.Sub(m.Job.GetCreationTimestamp().Time) >= rest
}

// worth reports whether a percentage is worth writing now.
func (pace Pace) worth(old *v1alpha1.Progress, percent int32, now time.Time) bool {
	if pace.changed || old.LastProgressTime == nil {
		return true
	}
	since := now.Sub(old.LastProgressTime.Time)
	return since >= interval || abs(percent-old.Percent) >= step && since >= pace.rest
}

// Finished is the progress of a transfer that has succeeded: all of it, at the
// average speed.
func Finished(old *v1alpha1.Progress, m moverjob.State) *v1alpha1.Progress {
	p := &v1alpha1.Progress{}
	if old != nil {
		p = old.DeepCopy()
	}
	p.Percent, p.EtaSeconds, p.Attempt = 100, nil, m.Job.Status.Failed+1
	r := m.Result
	if r == nil {
		return p
	}
	p.TransferredBytes, p.TotalBytes, p.WrittenBytes = max(r.Source.Size, 0), r.Source.Size, r.WrittenBytes
	p.ReusedBytes = r.ReusedBytes
	if r.Source.Size == 0 {
		p.TransferredBytes = r.FetchedBytes
	}
	if r.Seconds > 0 {
		p.BytesPerSecond = int64(float64(p.TransferredBytes) / r.Seconds)
	}
	p.Speed = speed(p.BytesPerSecond)
	return p
}

// Told is the progress of a transfer that another program makes, which tells a
// percentage and no more.
func (pace Pace) Told(old *v1alpha1.Progress, percent, attempt int32, now time.Time) *v1alpha1.Progress {
	if old != nil && old.Attempt == attempt && (percent == old.Percent && !pace.changed || percent < 100 && !pace.worth(old, percent, now)) {
		return old
	}
	at := metav1.NewTime(now.Truncate(time.Second))
	if old != nil && old.LastProgressTime != nil && old.Percent == percent && old.Attempt == attempt {
		at = *old.LastProgressTime
	}
	return &v1alpha1.Progress{Percent: percent, Attempt: attempt, LastProgressTime: &at}
}

func abs(n int32) int32 { return max(n, -n) }

// speed writes bytes a second for people.
func speed(n int64) string {
	units := []string{"KiB/s", "MiB/s", "GiB/s"}
	if n < 1<<10 {
		return fmt.Sprintf("%d B/s", n)
	}
	f, unit := float64(n)/(1<<10), 0
	for f >= 1<<10 && unit < len(units)-1 {
		f /= 1 << 10
		unit++
	}
	if f < 10 {
		return fmt.Sprintf("%.1f %s", f, units[unit])
	}
	return fmt.Sprintf("%.0f %s", f, units[unit])
}
