// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/datavolume"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

// An action is what has to be done next for a DiskImport.
type action string

const (
	// actionWait is for something that goes on by itself.
	actionWait action = "Wait"

	// actionStart makes Secret, staging claim and Job, or what is missing.
	actionStart action = "Start"

	// actionRestart removes mover and staging claim, or an empty claim that is
	// not bound, to begin anew.
	actionRestart action = "Restart"

	// actionTune changes limits, deadline and retries of a mover.
	actionTune action = "Tune"

	// actionDiscard removes the staging claim of a mover that has failed, or
	// the DataVolume that is given up.
	actionDiscard action = "Discard"

	// actionPublish hands the volume over to the final claim.
	actionPublish action = "Publish"

	// actionTidy removes what is left of the mover of a published disk.
	actionTidy action = "Tidy"

	// actionRefresh changes labels, annotations and size of a published claim.
	actionRefresh action = "Refresh"
)

// A view is everything that was observed of a DiskImport, as plain values.
type view struct {
	mover  moverjob.State
	volume volume.State

	// want is the fingerprint that a new mover would have. It is nil when
	// something that the DiskImport refers to is missing, so that nobody can
	// say whether the mover should be another.
	want *workload.Fingerprint

	// files are what the source refers to.
	files credentials.Files

	// tuned reports whether the mover's limits are as they should be.
	tuned bool

	// final is what the published claim should say, and fresh reports whether
	// it does.
	final volume.Metadata
	fresh bool

	// ungrown is why a published claim cannot be as large as it should be.
	ungrown *diagnosis.Finding

	// next is the next step of the handover.
	next volume.Step

	// completed reports whether the status says, for good, that the disk is
	// whole. From then on the API server refuses changes of the source.
	completed bool

	// engine that moves the data, or that would.
	engine v1alpha1.Engine

	// cdi is the DataVolume, of an import by CDI.
	cdi datavolume.State

	// given is why CDI is given up: as it was noted, or as is to be noted now.
	given *diagnosis.Finding

	// noted reports whether it was.
	noted bool

	// torn reports whether a pod can write to the claim that the mover copies.
	torn bool

	// blank reports whether the disk is to be empty. The others are about its
	// claim, as long as that is not bound.
	blank bool

	// awaits reports whether the claim is bound to the first pod that uses it.
	awaits bool

	// other reports whether another claim is asked for than the one that is there.
	other bool

	// unbindable is why the claim cannot be bound.
	unbindable *diagnosis.Finding
}

// nothing reports whether nothing exists that was made for the DiskImport. A
// Secret alone is left of a start that was interrupted, and counts as nothing.
func (v view) nothing() bool {
	return v.mover.Job == nil && len(v.mover.Pods) == 0 && !v.volume.Exists() && !v.cdi.Exists() && !v.noted
}

func (v view) succeeded() bool {
	if v.cdi.Exists() {
		return v.cdi.Succeeded() && v.volume.Volume != nil
	}
	_, ok := v.mover.Succeeded()
	return ok
}

func (v view) failed() bool { return v.given != nil || v.mover.Condition(batchv1.JobFailed) != nil }

// failure is why it failed.
func (v view) failure() *diagnosis.Finding {
	if v.given != nil {
		return v.given
	}
	return diagnosis.Failure(v.mover)
}

// begun is when the mover, or the DataVolume, was made, or nil.
func (v view) begun() *metav1.Time {
	switch {
	case v.cdi.Exists():
		return ptr.To(v.cdi.DataVolume.GetCreationTimestamp())
	case v.mover.Job != nil:
		return ptr.To(v.mover.Job.GetCreationTimestamp())
	}
	return nil
}

// ended reports whether the Job or the DataVolume will not run again.
func (v view) ended() bool { return v.succeeded() || v.failed() }

// handover reports whether publishing has begun, and can only be ended.
func (v view) handover() bool { return v.volume.Note != nil || v.volume.Ours() }

// changingHands reports whether a handover is between two steps, and has to
// wait for Kubernetes.
func (v view) changingHands() bool {
	if v.blank || !v.handover() || v.volume.Published() {
		return false
	}
	return v.next != volume.StepConflict && v.next != volume.StepLost
}

// decide returns what has to be done next.
func decide(v view) action {
	switch {
	case v.volume.Published():
		return decidePublished(v)
	case v.blank:
		return decideBlank(v)
	case v.handover():
		return decideHandover(v)
	case v.engine == v1alpha1.EngineCDI:
		return decideCDI(v)
	case v.mover.Job == nil:
		return decideWithoutJob(v)
	case v.mover.Job.GetDeletionTimestamp() != nil:
		return actionRestart
	case v.succeeded() && v.completed:
		return decideHandover(v)
	case outdated(v), v.torn && !v.failed():
		return actionRestart
	case v.failed() && v.volume.Staging != nil:
		return actionDiscard
	case v.ended():
		return actionWait
	case v.volume.Staging == nil:
		// Whoever deleted it wants to begin anew; the mover cannot go on.
		return actionRestart
	case !v.tuned:
		return actionTune
	}
	return actionWait
}

func decidePublished(v view) action {
	switch {
	case v.mover.Exists(), v.cdi.Exists():
		return actionTidy
	case !v.fresh:
		return actionRefresh
	}
	return actionWait
}

// decideHandover is decide for a disk that is whole.
func decideHandover(v view) action {
	switch v.next {
	case volume.StepWait, volume.StepDone, volume.StepConflict, volume.StepLost:
		return actionWait
	case volume.StepRetain, volume.StepStopMover, volume.StepDeleteStaging, volume.StepRebind, volume.StepCreateFinal, volume.StepRestore:
	}
	return actionPublish
}

// decideWithoutJob is decide for what is left of a start or of a restart that
// was interrupted.
func decideWithoutJob(v view) action {
	switch {
	case len(v.mover.Pods) > 0:
		return actionRestart
	case v.volume.Staging != nil && v.volume.Staging.GetDeletionTimestamp() != nil:
		return actionWait
	case v.want == nil:
		return actionWait
	}
	return actionStart
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
	case has.Environment != v.want.Environment, has.Credentials != v.want.Credentials && v.failed():
		return v.failed() || !v.mover.Started() && !v.cdi.Exists()
	}
	return false
}
