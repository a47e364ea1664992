// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/artifact"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskexport/origin"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// mostTorn is how many runs for one trigger may fail in a row because their disk
// changed. Whoever writes to it all the time without a pod of its own, as on a
// file server, would void every run.
const mostTorn = 3

// An action is what has to be done next for a DiskExport.
type action string

const (
	// actionWait is for something that goes on by itself, or is done.
	actionWait action = "Wait"

	// actionSnapshot takes a snapshot of the disk.
	actionSnapshot action = "Snapshot"

	// actionStart makes restored claim, Secret and Job, or what is missing.
	actionStart action = "Start"

	// actionRestart removes all of a run, to begin anew.
	actionRestart action = "Restart"

	// actionTune changes limits, deadline, retries and credentials of a mover.
	actionTune action = "Tune"

	// actionDiscard removes snapshot and restored claim.
	actionDiscard action = "Discard"

	// actionTidy removes what is left of a run that has succeeded.
	actionTidy action = "Tidy"
)

// filling is how long a pod that runs may take until there is a disk on an empty
// claim. Until then it is looked for again.
const filling = 2 * time.Minute

// A view is everything that was observed of a DiskExport, as plain values.
type view struct {
	origin origin.Disk

	// plan is how a run that begins now reads the disk.
	plan  origin.Plan
	mover moverjob.State
	copy  snapshot.State

	// want is the fingerprint that a new mover would have. It is nil when
	// something that the DiskExport refers to is missing, so that nobody can
	// say whether the mover should be another.
	want *workload.Fingerprint

	// files are what the target refers to.
	files credentials.Files

	// tuned reports whether the mover's limits are as they should be.
	tuned bool

	// completed reports whether the status says for good that the run of this
	// mover has succeeded.
	completed bool

	// done reports whether the status says that the run that is wanted has
	// succeeded.
	done bool

	// torn is how many runs before that of the mover, in a row and for the same
	// trigger, failed because their disk changed.
	torn int

	// verdict is what became of the artifact of a DiskExport that is done.
	verdict artifact.Verdict

	// unseen says why nobody could be asked what became of it, or "".
	unseen string
}

func (v view) succeeded() bool {
	_, ok := v.mover.Succeeded()
	return ok
}

func (v view) failed() bool { return v.mover.Condition(batchv1.JobFailed) != nil }

// ended reports whether the Job will not run again.
func (v view) ended() bool { return v.succeeded() || v.failed() }

// consistency is how the mover that is there reads the disk.
func (v view) consistency() v1alpha1.Consistency {
	if v.mover.Job == nil {
		return v.plan.Consistency
	}
	return v1alpha1.Consistency(v.mover.Job.GetAnnotations()[annotationConsistency])
}

// decide returns what has to be done next.
func decide(v view) action {
	switch {
	case v.mover.Job == nil:
		return decideWithoutJob(v)
	case v.mover.Job.GetDeletionTimestamp() != nil:
		return actionRestart
	case v.succeeded() && v.completed:
		return actionTidy
	case outdated(v), void(v), fills(v):
		return actionRestart
	case v.succeeded():
		// The status has to say so first.
		return actionWait
	case v.failed() && v.copy.Exists() && !v.copy.Deleting():
		return actionDiscard
	case v.failed():
		return actionWait
	case !v.tuned:
		return actionTune
	}
	return actionWait
}

// decideWithoutJob is decide for a run that is done, has not begun, or was
// interrupted in its beginning.
func decideWithoutJob(v view) action {
	switch {
	case v.done && (v.copy.Exists() && !v.copy.Deleting() || v.mover.Secret != nil):
		return actionTidy
	case v.done, v.copy.Deleting():
		return actionWait
	case len(v.mover.Pods) > 0:
		return actionRestart
	case stale(v):
		return actionDiscard
	case v.plan.Problem != nil, v.want == nil:
		return actionWait
	case v.plan.Consistency == v1alpha1.ConsistencyOffline, v.origin.Snapshot != nil && v.origin.Snapshot.Ready:
		return actionStart
	case v.origin.Snapshot != nil:
		return actionWait
	case v.copy.Snapshot == nil:
		return actionSnapshot
	case !v.copy.Snapshot.Ready:
		return actionWait
	}
	return actionStart
}

// stale reports whether snapshot or restored claim are left of another run,
// and not what the next one reads.
func stale(v view) bool {
	taken, restored := v.copy.Snapshot, v.copy.Claim
	switch {
	case v.plan.Consistency == "":
		return false
	case v.plan.Consistency == v1alpha1.ConsistencyOffline:
		return v.copy.Exists()
	case v.origin.Snapshot != nil:
		return taken != nil || restored != nil && restored.Spec.DataSource != nil && restored.Spec.DataSource.Name != v.origin.Snapshot.Name
	case taken == nil:
		return restored != nil
	}
	return taken.Claim != v.origin.ClaimName()
}

// outdated reports whether the mover does not do what is wanted now.
func outdated(v view) bool {
	has := workload.ReadFingerprint(v.mover.Secret)
	switch {
	case has == nil:
		// A mover without its Secret cannot be started again; one that has
		// ended does not need it.
		return !v.ended()
	case v.want == nil:
		return false
	case has.Request != v.want.Request:
		return true
	case v.failed():
		return *has != *v.want
	case has.Environment != v.want.Environment:
		return !v.mover.Started()
	}
	return false
}

// void reports whether what the mover reads is not the disk of one moment, or
// is gone.
func void(v view) bool {
	switch {
	case v.failed():
		// Where the next run reads otherwise, or waits, the bound is not needed.
		return changed(v) && (v.torn < mostTorn-1 || v.plan.Consistency != v1alpha1.ConsistencyOffline)
	case v.consistency() == v1alpha1.ConsistencyOffline:
		return v.origin.Torn(v.completion())
	}
	// Whoever deleted it wants to begin anew; the mover cannot go on.
	return v.copy.Claim == nil && !v.succeeded()
}

// changed reports whether a run failed because its mover saw the disk change: a
// pod began to write, and has perhaps ended before anybody else saw it.
func changed(v view) bool {
	f := diagnosis.Failure(v.mover)
	return f != nil && f.Reason == v1alpha1.Reason(transfer.ReasonSourceChanged) && v.consistency() == v1alpha1.ConsistencyOffline
}

// empty reports whether a run failed because there is no disk on the volume.
func empty(v view) bool {
	f := diagnosis.Failure(v.mover)
	return f != nil && f.Reason == v1alpha1.Reason(transfer.ReasonSourceNotFound)
}

// fills reports whether a pod has begun to use a volume on which there was no
// disk: an empty claim gets one when its machine starts for the first time, a
// moment after the pod has. A run that began about then may have come too early.
func fills(v view) bool {
	if !empty(v) {
		return false
	}
	early := v.mover.Job.GetCreationTimestamp().Add(-filling)
	return slices.ContainsFunc(v.origin.Usage.Writers, func(w volume.Writer) bool { return w.Began.After(early) })
}

// completion is when the mover succeeded; zero when it has not.
func (v view) completion() time.Time {
	at, _ := v.mover.Succeeded()
	return at.Time
}
