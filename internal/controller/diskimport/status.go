// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"fmt"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/cdi"
	"github.com/novasphere/provider-wukong/internal/controller/progress"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// report is what is to be said of a DiskImport.
type report struct {
	phase   v1alpha1.Phase
	message string

	// trouble is why it does not go on, or nil.
	trouble *diagnosis.Finding

	// doing is why the mover does not transfer, or ReasonRunning.
	doing v1alpha1.Reason
}

// reportOf says what was observed.
func reportOf(cr *v1alpha1.DiskImport, v view, now time.Time) report {
	switch {
	case v.blank:
		return reportOfBlank(cr, v)
	case v.volume.Published() && v.volume.Final.GetDeletionTimestamp() != nil:
		return troubled(v1alpha1.PhasePending, &diagnosis.Finding{
			Reason:  v1alpha1.ReasonClaimLost,
			Message: fmt.Sprintf("Somebody deletes claim %q. When it is gone the import begins again; delete the DiskImport to prevent that.", claimName(cr)),
		})
	case v.volume.Published():
		return report{phase: v1alpha1.PhaseSucceeded, doing: v1alpha1.ReasonComplete,
			message: fmt.Sprintf("The disk is whole, in claim %q.", claimName(cr))}.despite(v.ungrown)
	case v.volume.Foreign() && (v.succeeded() || v.handover()):
		return troubled(v1alpha1.PhaseFailed, conflict(cr, v))
	case v.handover() && v.volume.Volume == nil, v.succeeded() && v.volume.Volume == nil:
		return troubled(v1alpha1.PhaseFailed, &diagnosis.Finding{
			Reason:  v1alpha1.ReasonVolumeLost,
			Message: fmt.Sprintf("The volume with the disk is gone before it was published: delete what is left (claims %q and %q, Job %q) to begin again.", claimName(cr), moverName(cr), moverName(cr)),
		})
	case v.handover(), v.succeeded() && decide(v) != actionRestart:
		return report{phase: v1alpha1.PhaseImporting, doing: v1alpha1.ReasonPublishing, message: "The disk is whole; its volume is being handed over to the claim."}
	case v.failed() && decide(v) != actionRestart:
		return troubled(v1alpha1.PhaseFailed, v.failure())
	case v.engine == v1alpha1.EngineCDI:
		return reportOfCDI(cr, v, now)
	}
	r := reportOfMover(v, now)
	if asked(cr.Spec.ForProvider) == "" && cdi.Clones(cr.Spec.ForProvider.Source) {
		r.message += " The mover copies the disk, because the cluster has no CDI."
	}
	return r
}

func reportOfMover(v view, now time.Time) report {
	r := report{phase: v1alpha1.PhasePending, doing: v1alpha1.ReasonPending, message: v1alpha1.MessageStarting}
	if decide(v) == actionRestart {
		r.message = "The import begins anew, because what is asked for has changed or the mover was deleted."
		return r
	}
	if v.mover.Started() {
		r.phase, r.message = v1alpha1.PhaseImporting, "The image is being transferred."
	}
	if c := moverjob.Container(v.mover.Pod()); c != nil && c.State.Running != nil {
		r.doing = v1alpha1.ReasonRunning
	} else if last := diagnosis.LastAttempt(v.mover); last != nil {
		r.message = "The mover is started again. " + last.Message
	} else if w := diagnosis.Waiting(v.mover); w != "" {
		r.message = w
	}
	if f := diagnosis.Of(v.mover, v.volume, now); f != nil {
		r.trouble, r.message = f, f.Message
	}
	return r
}

// troubled is the report of a DiskImport that does not go on by itself.
func troubled(p v1alpha1.Phase, f *diagnosis.Finding) report {
	doing := v1alpha1.ReasonPending
	if p == v1alpha1.PhaseFailed {
		doing = v1alpha1.ReasonFailed
	}
	return report{phase: p, message: f.Message, trouble: f, doing: doing}
}

// despite is the report of a disk that is there, and cannot be all that is asked
// for now. Without a finding it is the report as it was.
func (r report) despite(f *diagnosis.Finding) report {
	if f != nil {
		r.trouble = f
		r.message += " " + f.Message
	}
	return r
}

// conflict says whose claim has the final name.
func conflict(cr *v1alpha1.DiskImport, v view) *diagnosis.Finding {
	if from := v.volume.KeptFrom(); from != "" {
		return &diagnosis.Finding{
			Reason: v1alpha1.ReasonClaimConflict,
			Message: fmt.Sprintf("Claim %q was kept when DiskImport %q was deleted, as its retention was Retain; it is left alone. Delete the claim to begin without what is on it, or make a DiskImport with another target.name, which can clone it by source.pvc.",
				claimName(cr), from),
		}
	}
	return &diagnosis.Finding{
		Reason:  v1alpha1.ReasonClaimConflict,
		Message: fmt.Sprintf("A claim named %q exists already and was not made by this DiskImport; it is left alone. Delete it, or make a DiskImport with another target.name.", claimName(cr)),
	}
}

// apply writes the report into the status. What it says twice is the same
// byte for byte, but for progress that is worth writing.
func (r report) apply(cr *v1alpha1.DiskImport, v view, now time.Time) {
	at := &cr.Status.AtProvider
	changed := at.Phase != r.phase
	at.Phase, at.Message = r.phase, r.message
	if r.phase != v1alpha1.PhaseSucceeded || at.Engine == "" {
		at.Engine = v.engine
	}

	switch r.phase {
	case v1alpha1.PhaseSucceeded:
		at.ClaimName = claimName(cr)
		recall(at, v)
	default:
		at.ClaimName = ""
	}
	if v.begun() != nil && !v.handover() {
		describe(cr, v, changed, now)
	}
	cr.SetConditions(r.conditions(cr)...)
}

// describe writes what the mover tells: its start, its progress, its result.
func describe(cr *v1alpha1.DiskImport, v view, changed bool, now time.Time) {
	at := &cr.Status.AtProvider
	start := *v.begun()
	if at.StartTime == nil || !at.StartTime.Equal(&start) {
		// Another mover has been started, which knows nothing yet.
		at.StartTime, at.CompletionTime, at.Progress, at.Source, at.Checksum = &start, nil, nil, nil, ""
	}
	if v.cdi.Exists() {
		describeCDI(cr, v, changed, now)
		return
	}
	at.Progress = progress.PaceOf(cr, changed).Next(at.Progress, v.mover)
	end, ok := v.mover.Succeeded()
	if !ok {
		return
	}
	if at.CompletionTime == nil {
		at.CompletionTime = &end
	}
	if r := v.mover.Result; r != nil {
		at.Source, at.Checksum = sourceFacts(r.Source), r.Checksum
	}
	at.Progress = progress.Finished(at.Progress, v.mover)
}

// completed reports whether the status says that the disk of this mover, or
// DataVolume, is whole. A status that speaks of another says nothing of this one.
func completed(cr *v1alpha1.DiskImport, v view) bool {
	at := cr.Status.AtProvider
	if at.CompletionTime == nil {
		return false
	}
	return v.begun() == nil || at.StartTime.Equal(v.begun())
}

// recall fills what a status that was lost must know of a published disk.
func recall(at *v1alpha1.DiskImportObservation, v view) {
	final := v.volume.Final
	if at.CompletionTime == nil {
		created := final.GetCreationTimestamp()
		at.CompletionTime = &created
	}
	if at.Source == nil && !v.blank {
		at.Source = &v1alpha1.SourceFacts{
			Digest: final.GetAnnotations()[annotationDigest],
			Format: final.GetAnnotations()[annotationFormat],
		}
	}
}

func sourceFacts(f transfer.SourceFacts) *v1alpha1.SourceFacts {
	return &v1alpha1.SourceFacts{
		Digest:      f.Digest,
		ETag:        f.ETag,
		Size:        f.Size,
		Format:      string(f.Format),
		Compression: f.Compression,
		VirtualSize: f.VirtualSize,
	}
}

func (r report) conditions(cr *v1alpha1.DiskImport) []xpv2.Condition {
	return []xpv2.Condition{r.ready(), r.transferring(), r.verified(cr), r.stalled()}
}

func (r report) ready() xpv2.Condition {
	switch {
	case r.phase == v1alpha1.PhaseSucceeded:
		return xpv2.Available()
	case r.trouble != nil:
		return v1alpha1.NotReady(r.trouble.Reason, r.trouble.Message)
	}
	return xpv2.Creating()
}

func (r report) transferring() xpv2.Condition {
	if r.doing == v1alpha1.ReasonRunning {
		return v1alpha1.Transferring()
	}
	return v1alpha1.NotTransferring(r.doing)
}

func (r report) verified(cr *v1alpha1.DiskImport) xpv2.Condition {
	at := cr.Status.AtProvider
	switch {
	case cr.Spec.ForProvider.Verification.Checksum == "":
		return v1alpha1.Unverified(v1alpha1.ReasonNoChecksum)
	case r.trouble != nil && r.trouble.Reason == v1alpha1.Reason(transfer.ReasonChecksumMismatch):
		return v1alpha1.NotVerified(r.trouble.Reason)
	case at.CompletionTime != nil:
		return v1alpha1.Verified()
	}
	return v1alpha1.Unverified(v1alpha1.ReasonPending)
}

func (r report) stalled() xpv2.Condition {
	switch {
	case r.trouble != nil:
		return v1alpha1.Stalled(r.trouble.Reason, r.trouble.Message)
	case r.phase == v1alpha1.PhaseSucceeded:
		return v1alpha1.NotStalled(v1alpha1.ReasonComplete)
	}
	return v1alpha1.NotStalled(v1alpha1.ReasonProgressing)
}
