// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"k8s.io/utils/ptr"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/artifact"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/progress"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// historyLength is how many runs the status remembers.
const historyLength = 10

// report is what is to be said of a DiskExport.
type report struct {
	phase   v1alpha1.ExportPhase
	message string

	// trouble is why it does not go on, or nil.
	trouble *diagnosis.Finding

	// doing is why the mover does not transfer, or ReasonRunning.
	doing v1alpha1.Reason

	// remark is what is to be known of an artifact that is there, or "".
	remark string
}

// reportOf says what was observed.
func reportOf(cr *v1alpha1.DiskExport, v view, now time.Time) report {
	next := decide(v)
	switch {
	case v.mover.Job == nil && v.done && (v.verdict == artifact.Missing || v.verdict == artifact.Changed):
		return reportOfLoss(cr, v)
	case v.mover.Job == nil && v.done, v.succeeded() && next != actionRestart:
		return reportOfSuccess(cr.Spec.ForProvider.Target, v.unseen, unusual(cr, v))
	case v.mover.Job == nil:
		return reportOfBeginning(v)
	case next == actionRestart && void(v):
		return reportOfVoid(v)
	case next == actionRestart:
		return report{phase: v1alpha1.ExportPhasePending, doing: v1alpha1.ReasonPending,
			message: "The export begins anew, because what is asked for has changed or the mover was deleted."}
	case empty(v):
		return troubled(v1alpha1.ExportPhaseFailed, &diagnosis.Finding{Reason: v1alpha1.Reason(transfer.ReasonSourceNotFound),
			Message: joined(fmt.Sprintf("There is no disk on claim %q: it has no file disk.img at its root.", v.origin.ClaimName()), unusual(cr, v),
				"It is exported when a pod has begun to use it, or with another trigger.")})
	case changed(v):
		f := diagnosis.Failure(v.mover)
		f.Message += fmt.Sprintf(" It was tried %d times; consistency: Snapshot reads what does not change, and another trigger tries again.", v.torn+1)
		return troubled(v1alpha1.ExportPhaseFailed, f)
	case v.failed():
		return troubled(v1alpha1.ExportPhaseFailed, diagnosis.Failure(v.mover))
	}
	return reportOfMover(v, now)
}

// reportOfVoid is reportOf for a run that is void and begins anew.
func reportOfVoid(v view) report {
	switch {
	case v.consistency() != v1alpha1.ConsistencyOffline:
		return report{phase: v1alpha1.ExportPhasePending, doing: v1alpha1.ReasonPending,
			message: "The export begins anew, because the claim that was restored from the snapshot is gone."}
	case len(v.origin.Usage.Writers) > 0:
		return report{phase: v1alpha1.ExportPhasePending, doing: v1alpha1.ReasonPending,
			message: fmt.Sprintf("The export begins anew, because pod %q, which can write to claim %q, was started in the middle of it.", v.origin.Usage.Writers[0].Pod, v.origin.ClaimName())}
	}
	return report{phase: v1alpha1.ExportPhasePending, doing: v1alpha1.ReasonPending,
		message: "The export begins anew, because the disk was written to while it was read."}
}

// reportOfSuccess is reportOf for an artifact that is whole. note is what its run
// had to say.
func reportOfSuccess(t v1alpha1.ExportTarget, unseen, note string) report {
	r := report{phase: v1alpha1.ExportPhaseSucceeded, doing: v1alpha1.ReasonComplete,
		message: fmt.Sprintf("The artifact is whole, at %s.", place(t)), remark: cmp.Or(unwatched(t), unseen)}
	r.message = joined(r.message, note, r.remark)
	return r
}

// unusual is what the mover has told that is unusual about its run, or, when the
// mover is gone, about the last one; "" when that was nothing.
func unusual(cr *v1alpha1.DiskExport, v view) string {
	if r := v.mover.Result; v.mover.Job != nil && r != nil {
		return r.Note
	}
	h := cr.Status.AtProvider.History
	if len(h) == 0 || v.mover.Job != nil && !h[0].StartTime.Equal(ptr.To(v.mover.Job.GetCreationTimestamp())) {
		return ""
	}
	return h[0].Note
}

// joined are the sentences that there are.
func joined(sentences ...string) string {
	return strings.Join(slices.DeleteFunc(sentences, func(s string) bool { return s == "" }), " ")
}

// reportOfLoss is reportOf for an artifact that is not there any more as it was
// made. Nothing is made in its place unasked: somebody had a reason.
func reportOfLoss(cr *v1alpha1.DiskExport, v view) report {
	f := &diagnosis.Finding{Reason: v1alpha1.ReasonArtifactMissing,
		Message: fmt.Sprintf("The artifact at %s is gone. Write another value in trigger to export it again.", place(cr.Spec.ForProvider.Target))}
	if v.verdict == artifact.Changed {
		f = &diagnosis.Finding{Reason: v1alpha1.ReasonArtifactChanged,
			Message: fmt.Sprintf("Somebody else has replaced the artifact at %s. Write another value in trigger to export it again.", place(cr.Spec.ForProvider.Target))}
	}
	return report{phase: v1alpha1.ExportPhaseSucceeded, message: f.Message, trouble: f, doing: v1alpha1.ReasonComplete}
}

// reportOfBeginning is reportOf while there is no mover.
func reportOfBeginning(v view) report {
	switch p := v.plan; {
	case p.Problem != nil && p.Final:
		return troubled(v1alpha1.ExportPhaseFailed, p.Problem)
	case p.Problem != nil:
		return troubled(v1alpha1.ExportPhasePending, p.Problem)
	case p.Consistency == v1alpha1.ConsistencySnapshot && (v.copy.Snapshot != nil && !v.copy.Snapshot.Ready || v.origin.Snapshot != nil && !v.origin.Snapshot.Ready):
		return report{phase: v1alpha1.ExportPhasePending, doing: v1alpha1.ReasonPending, message: "Waiting for the snapshot to be ready."}
	}
	return report{phase: v1alpha1.ExportPhasePending, doing: v1alpha1.ReasonPending, message: v1alpha1.MessageStarting}
}

func reportOfMover(v view, now time.Time) report {
	r := report{phase: v1alpha1.ExportPhasePending, doing: v1alpha1.ReasonPending, message: v1alpha1.MessageStarting}
	if v.mover.Started() {
		r.phase, r.message = v1alpha1.ExportPhaseExporting, "The disk is being transferred."
	}
	if p := v.mover.Progress; p != nil && p.Note != "" {
		r.message += " " + p.Note
	}
	if c := moverjob.Container(v.mover.Pod()); c != nil && c.State.Running != nil {
		r.doing = v1alpha1.ReasonRunning
	} else if last := diagnosis.LastAttempt(v.mover); last != nil {
		r.message = "The mover is started again. " + last.Message
	} else if w := diagnosis.Waiting(v.mover); w != "" {
		r.message = w
	}
	f := diagnosis.Of(v.mover, volume.State{}, now)
	if w := v.copy.Warning(); w != "" && !v.mover.Started() {
		f = &diagnosis.Finding{Reason: v1alpha1.ReasonVolumePending,
			Message: fmt.Sprintf("No volume is made of the snapshot: %s. Check the provisioner of the storage class.", diagnosis.Detail(w))}
	}
	if f != nil {
		r.trouble, r.message = f, f.Message
	}
	return r
}

// troubled is the report of a DiskExport that does not go on by itself.
func troubled(p v1alpha1.ExportPhase, f *diagnosis.Finding) report {
	doing := v1alpha1.ReasonPending
	if p == v1alpha1.ExportPhaseFailed {
		doing = v1alpha1.ReasonFailed
	}
	return report{phase: p, message: f.Message, trouble: f, doing: doing}
}

// apply writes the report into the status. What it says twice is the same
// byte for byte, but for progress that is worth writing.
func (r report) apply(cr *v1alpha1.DiskExport, v view) {
	at := &cr.Status.AtProvider
	changed := at.Phase != r.phase
	at.Phase, at.Message = r.phase, r.message
	if name := v.origin.ClaimName(); name != "" {
		at.ClaimName = name
	}
	if v.mover.Job != nil {
		describe(cr, v, changed)
	}
	cr.SetConditions(r.ready(), r.transferring(), r.verified(), r.stalled())
}

// describe writes what the mover tells: its start, its progress, its result.
// It reports whether the status knows anything more of the run's end than it
// did before.
func describe(cr *v1alpha1.DiskExport, v view, changed bool) bool {
	at := &cr.Status.AtProvider
	start := v.mover.Job.GetCreationTimestamp()
	news := false
	if at.StartTime == nil || !at.StartTime.Equal(&start) {
		// Another mover has been started, which knows nothing yet.
		at.StartTime, at.CompletionTime, at.Progress, news = &start, nil, nil, true
	}
	at.Consistency = v.consistency()
	at.Progress = progress.PaceOf(cr, changed).Next(at.Progress, v.mover)
	switch {
	case v.failed():
		remember(cr, v, v1alpha1.ExportRun{Phase: v1alpha1.ExportPhaseFailed, Reason: string(diagnosis.Failure(v.mover).Reason)})
	case decide(v) == actionRestart:
	case v.succeeded():
		news = at.CompletionTime == nil || news
		conclude(cr, v)
	}
	return news
}

// conclude writes what a run that succeeded has made.
func conclude(cr *v1alpha1.DiskExport, v view) {
	at := &cr.Status.AtProvider
	at.Progress = progress.Finished(at.Progress, v.mover)
	if at.CompletionTime != nil {
		return
	}
	end, _ := v.mover.Succeeded()
	at.CompletionTime = &end
	at.Artifact = &v1alpha1.ArtifactObservation{URI: place(cr.Spec.ForProvider.Target), Format: string(formatOf(cr.Spec.ForProvider))}
	if r := v.mover.Result; r != nil && r.Artifact != (transfer.ArtifactFacts{}) {
		at.Artifact = observed(r.Artifact)
	}
	if t := cr.Spec.ForProvider.Target; t.PVC != nil {
		// The mover knows where the claim is mounted, and not its name.
		at.Artifact.URI = place(t)
	}
	remember(cr, v, v1alpha1.ExportRun{
		Phase: v1alpha1.ExportPhaseSucceeded, CompletionTime: at.CompletionTime,
		Digest: at.Artifact.Digest, Size: at.Artifact.Size, ContentDigest: at.Artifact.ContentDigest,
	})
}

func observed(f transfer.ArtifactFacts) *v1alpha1.ArtifactObservation {
	return &v1alpha1.ArtifactObservation{
		URI: f.URI, Format: string(f.Format), Digest: f.Digest, Size: f.Size,
		ContentDigest: f.ContentDigest, Validator: f.Validator, VersionID: f.VersionID,
	}
}

// remember writes how the run of a mover ended, once.
func remember(cr *v1alpha1.DiskExport, v view, run v1alpha1.ExportRun) {
	at := &cr.Status.AtProvider
	if len(at.History) > 0 && at.History[0].StartTime.Equal(at.StartTime) {
		return
	}
	run.StartTime, run.Trigger, run.Consistency = *at.StartTime, cr.Spec.ForProvider.Trigger, v.consistency()
	if r := v.mover.Result; r != nil {
		run.Note = r.Note
	}
	if f := workload.ReadFingerprint(v.mover.Secret); f != nil {
		run.Trigger = f.Trigger
	}
	at.LastTrigger = ptr.To(run.Trigger)
	at.History = slices.Insert(at.History, 0, run)
	at.History = at.History[:min(len(at.History), historyLength)]
}

// tornBefore is how many runs before that of a mover failed because their disk
// changed, in a row and for its trigger.
func tornBefore(cr *v1alpha1.DiskExport, m moverjob.State) int {
	f, n := workload.ReadFingerprint(m.Secret), 0
	if m.Job == nil || f == nil {
		return n
	}
	for _, run := range cr.Status.AtProvider.History {
		switch {
		case run.StartTime.Equal(ptr.To(m.Job.GetCreationTimestamp())):
			// It is the mover's own.
		case run.Reason != string(transfer.ReasonSourceChanged) || run.Trigger != f.Trigger:
			return n
		default:
			n++
		}
	}
	return n
}

// completed reports whether the status says that the run of this mover has
// succeeded. A status that speaks of another mover says nothing of this one.
func completed(cr *v1alpha1.DiskExport, m moverjob.State) bool {
	at := cr.Status.AtProvider
	return at.CompletionTime != nil && m.Job != nil && at.StartTime.Equal(ptr.To(m.Job.GetCreationTimestamp()))
}

// done reports whether the status says that the run that is wanted has
// succeeded.
func done(cr *v1alpha1.DiskExport) bool {
	at := cr.Status.AtProvider
	return at.Artifact != nil && at.CompletionTime != nil && at.LastTrigger != nil && *at.LastTrigger == cr.Spec.ForProvider.Trigger
}

func (r report) ready() xpv2.Condition {
	switch {
	case r.trouble != nil:
		return v1alpha1.NotReady(r.trouble.Reason, r.trouble.Message)
	case r.phase == v1alpha1.ExportPhaseSucceeded:
		return xpv2.Available().WithMessage(r.remark)
	}
	return xpv2.Creating()
}

func (r report) transferring() xpv2.Condition {
	if r.doing == v1alpha1.ReasonRunning {
		return v1alpha1.Transferring()
	}
	return v1alpha1.NotTransferring(r.doing)
}

func (r report) verified() xpv2.Condition {
	switch {
	case r.phase != v1alpha1.ExportPhaseSucceeded:
		return v1alpha1.Unverified(v1alpha1.ReasonPending)
	case r.trouble != nil:
		return v1alpha1.NotVerified(r.trouble.Reason)
	}
	return v1alpha1.Verified()
}

func (r report) stalled() xpv2.Condition {
	switch {
	case r.trouble != nil:
		return v1alpha1.Stalled(r.trouble.Reason, r.trouble.Message)
	case r.phase == v1alpha1.ExportPhaseSucceeded:
		return v1alpha1.NotStalled(v1alpha1.ReasonComplete)
	}
	return v1alpha1.NotStalled(v1alpha1.ReasonProgressing)
}
