// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"context"
	"encoding/json"
	"fmt"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// unwanted reports what the deletion of a DiskExport has to remove from the
// target: its artifact, and what an unfinished upload has left there.
func unwanted(cr *v1alpha1.DiskExport) (artifact, uploads bool) {
	at := cr.Status.AtProvider
	return at.Artifact != nil && cr.Spec.ForProvider.Retention == v1alpha1.RetentionDelete,
		at.StartTime != nil && at.CompletionTime == nil
}

// forget says in the status that nothing is left at the target that has to be
// removed. The phase stays: without one the note of the last run would count.
func forget(cr *v1alpha1.DiskExport) {
	at := &cr.Status.AtProvider
	at.Artifact, at.StartTime, at.CompletionTime = nil, nil, nil
}

// left reports whether anything is left of a DiskExport that is being deleted.
func (e *external) left(ctx context.Context, cr *v1alpha1.DiskExport) (bool, error) {
	if artifact, uploads := unwanted(cr); artifact || uploads {
		return true, nil
	}
	m, err := e.movers.Inspect(ctx, moverKey(cr))
	if err != nil || m.Exists() {
		return true, err
	}
	r, err := e.movers.Inspect(ctx, removerKey(cr))
	if err != nil || r.Exists() {
		return true, err
	}
	c, err := e.copies.Inspect(ctx, copyOf(cr))
	return c.Exists(), err
}

// Delete takes the next step of a removal: the mover, snapshot and restored
// claim, and then what is not to stay at the target. The runtime calls it until
// Observe finds nothing any more, and writes the status after each time.
func (e *external) Delete(ctx context.Context, cr *v1alpha1.DiskExport) (managed.ExternalDelete, error) {
	m, err := e.movers.Inspect(ctx, moverKey(cr))
	if err != nil {
		return managed.ExternalDelete{}, err
	}
	// A run that may have reached the target must be known before its mover
	// goes.
	if m.Job != nil && m.Started() && describe(cr, view{mover: m, tuned: true}, false) {
		return managed.ExternalDelete{}, nil
	}
	if err := e.bequeath(ctx, cr, m); err != nil {
		return managed.ExternalDelete{}, err
	}
	if err := e.movers.Cancel(ctx, moverKey(cr), m.Pods); err != nil {
		return managed.ExternalDelete{}, err
	}
	c, err := e.copies.Inspect(ctx, copyOf(cr))
	if err != nil {
		return managed.ExternalDelete{}, err
	}
	if err := e.copies.Discard(ctx, copyOf(cr), c); err != nil {
		return managed.ExternalDelete{}, err
	}
	if m.Job != nil || len(m.Pods) > 0 {
		return managed.ExternalDelete{}, nil
	}
	return managed.ExternalDelete{}, e.remove(ctx, cr)
}

// bequeath keeps what a mover that goes has told of its upload for the mover that
// removes it, which nobody could find otherwise.
func (e *external) bequeath(ctx context.Context, cr *v1alpha1.DiskExport, m moverjob.State) error {
	r := workload.ReadResume(m.Secret)
	if m.Resume != "" {
		r.State = []byte(m.Resume)
	}
	if m.Job == nil || r.None() || len(r.State) == 0 {
		return nil
	}
	s := &corev1.Secret{ObjectMeta: objectMeta(cr, removerKey(cr).Name), Data: r.Files()}
	err := e.movers.Start(ctx, moverjob.Run{Secret: s})
	if kerrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return nil // Nothing can be started there, which remove says.
	}
	return err
}

// remove runs a mover that removes what is not to stay at the target.
func (e *external) remove(ctx context.Context, cr *v1alpha1.DiskExport) error {
	artifact, uploads := unwanted(cr)
	m, err := e.movers.Inspect(ctx, removerKey(cr))
	switch {
	case err != nil:
		return err
	case !artifact && !uploads, m.Condition(batchv1.JobComplete) != nil:
		if r := m.Result; r != nil && r.Note != "" {
			e.Record.Event(cr, event.Warning(wiring.ReasonLeftBehind, errors.Errorf("at %s: %s", place(cr.Spec.ForProvider.Target), r.Note)))
		}
		forget(cr)
		return e.movers.Cancel(ctx, removerKey(cr), m.Pods)
	case m.Job != nil && m.Job.GetDeletionTimestamp() != nil:
		return nil
	case m.Condition(batchv1.JobFailed) != nil:
		return e.stuck(ctx, cr, diagnosis.Failure(m))
	case m.Job != nil:
		cr.Status.AtProvider.Message = "What the export has left at its target is being removed."
		return nil
	}
	return e.startRemover(ctx, cr, workload.ReadResume(m.Secret))
}

func (e *external) startRemover(ctx context.Context, cr *v1alpha1.DiskExport, told workload.Resume) error {
	in, f, err := e.inputs(ctx, cr)
	if err != nil {
		return err
	}
	if f != nil && f.Reason == v1alpha1.ReasonClaimNotFound {
		// What was on the target's claim has gone with it.
		forget(cr)
		return e.movers.Cancel(ctx, removerKey(cr), nil)
	}
	if f != nil {
		return e.stuck(ctx, cr, f)
	}
	in.resume = told
	run, err := desiredRemover(cr, removerKey(cr), in)
	if err != nil {
		return err
	}
	err = e.movers.Start(ctx, run)
	if kerrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
		return e.leave(ctx, cr, whyNamespaceGoes)
	}
	return err
}

// whyNamespaceGoes is why nothing is removed from a namespace that goes.
const whyNamespaceGoes = "its namespace is being deleted, in which nothing can be started any more"

// stuck says why something cannot be removed. Only an artifact is worth that a
// DiskExport waits for somebody: what an unfinished upload left is not.
func (e *external) stuck(ctx context.Context, cr *v1alpha1.DiskExport, f *diagnosis.Finding) error {
	if artifact, _ := unwanted(cr); !artifact {
		return e.leave(ctx, cr, f.Message)
	}
	// What is missing may have gone with the namespace, and comes back no more.
	s := &corev1.Secret{ObjectMeta: objectMeta(cr, removerKey(cr).Name)}
	if kerrors.HasStatusCause(e.movers.DryRun(ctx, moverjob.Run{Secret: s}), corev1.NamespaceTerminatingCause) {
		return e.leave(ctx, cr, whyNamespaceGoes)
	}
	at := &cr.Status.AtProvider
	at.Message = fmt.Sprintf("The artifact cannot be removed: %s Correct it and delete Job %q to try again, or set retention: Retain to leave the artifact.", f.Message, removerKey(cr).Name)
	cr.SetConditions(v1alpha1.Stalled(v1alpha1.ReasonRemovalFailed, at.Message))
	return nil
}

// leave gives up removing, and says so.
func (e *external) leave(ctx context.Context, cr *v1alpha1.DiskExport, why string) error {
	e.Record.Event(cr, event.Warning(wiring.ReasonLeftBehind, errors.Errorf("cannot remove what the export has left at %s: %s", place(cr.Spec.ForProvider.Target), why)))
	forget(cr)
	return e.movers.Cancel(ctx, removerKey(cr), nil)
}

// abandoned is the target of a mover that was started, if the DiskExport has
// another one now; otherwise "".
func abandoned(cr *v1alpha1.DiskExport, v view) string {
	if !v.mover.Started() || v.mover.Secret == nil {
		return ""
	}
	doc := transfer.Job{}
	if json.Unmarshal(v.mover.Secret.Data[workload.KeyJob], &doc) != nil || doc.Artifact == nil {
		return ""
	}
	was, is := placeOfArtifact(doc.Artifact), placeOfArtifact(artifactOf(cr.Spec.ForProvider, nil))
	if was == is {
		return ""
	}
	return was
}

// placeOfArtifact is where an artifact goes, as its job document says.
func placeOfArtifact(a *transfer.Artifact) string {
	switch {
	case a.S3 != nil:
		return a.S3.Endpoint + " s3://" + a.S3.Bucket + "/" + a.S3.Key
	case a.Registry != nil:
		return a.Registry.Image
	case a.HTTP != nil:
		return a.HTTP.URL
	case a.File != nil:
		return a.File.Path
	}
	return ""
}
