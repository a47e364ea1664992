// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/cdi"
	"github.com/novasphere/provider-wukong/internal/controller/progress"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

// decideCDI is decide for an import by CDI: a DataVolume stands where a Job and
// its staging claim would, under the same name.
func decideCDI(v view) action {
	switch {
	case v.mover.Job != nil, len(v.mover.Pods) > 0:
		return actionRestart
	case !v.cdi.Exists() && !v.noted:
		return decideWithoutDataVolume(v)
	case v.succeeded() && v.completed:
		return decideHandover(v)
	case v.mover.Secret == nil, v.cdi.Deleting() && !v.noted, outdated(v):
		return actionRestart
	case v.failed() && (!v.noted || v.cdi.Exists() && !v.cdi.Deleting() || standing(v.volume.Staging)):
		return actionDiscard
	}
	return actionWait
}

// decideWithoutDataVolume is decideCDI for what is left of a start or of a
// restart that was interrupted, or of another engine.
func decideWithoutDataVolume(v view) action {
	switch {
	case standing(v.volume.Staging):
		return actionRestart
	case v.volume.Staging != nil, v.want == nil:
		return actionWait
	}
	return actionStart
}

// standing reports whether a claim is there to stay.
func standing(p *corev1.PersistentVolumeClaim) bool {
	return p != nil && p.GetDeletionTimestamp() == nil
}

// lookAtCDI finds out which engine moves the data, and what exists of CDI's.
func (e *external) lookAtCDI(ctx context.Context, cr *v1alpha1.DiskImport, v *view) error {
	if v.blank {
		return nil
	}
	p := cr.Spec.ForProvider
	v.given = cdi.Noted(v.mover.Secret)
	v.noted = v.given != nil
	filled := v.volume.Staging != nil && metav1.GetControllerOf(v.volume.Staging) != nil
	if p.Engine == v1alpha1.EngineCDI || cdi.Clones(p.Source) || cdi.Marked(v.mover.Secret) || filled {
		pods := cdi.Labels()
		pods[volume.LabelOwner] = string(cr.GetUID())
		var err error
		if v.cdi, err = e.volumes.Inspect(ctx, moverKey(cr), pods); err != nil {
			return err
		}
	}
	if v.given == nil {
		v.given = cdi.GivenUp(v.cdi, v.volume.Events, p.Transfer, e.Clock.Now())
	}
	var err error
	v.engine, err = e.engine(cr, *v)
	return err
}

// engine is the one that moves the data already, or the one that would.
func (e *external) engine(cr *v1alpha1.DiskImport, v view) (v1alpha1.Engine, error) {
	p := cr.Spec.ForProvider
	switch {
	case v.cdi.Exists(), v.noted:
		return v1alpha1.EngineCDI, nil
	case v.mover.Job != nil:
		return v1alpha1.EngineMover, nil
	case asked(p) != "":
		return p.Engine, nil
	case !cdi.Clones(p.Source):
		return v1alpha1.EngineMover, nil
	case p.Source.PVC == nil, !within(cr):
		return v1alpha1.EngineCDI, nil
	}
	installed, err := e.volumes.Installed()
	if err != nil || installed {
		return v1alpha1.EngineCDI, err
	}
	return v1alpha1.EngineMover, nil
}

// within reports whether the claim that is cloned is in the namespace of the
// DiskImport, where the mover can mount it.
func within(cr *v1alpha1.DiskImport) bool {
	n := cr.Spec.ForProvider.Source.PVC.Namespace
	return n == "" || n == cr.GetNamespace()
}

// findOrigin finds the disk that is cloned, or what is in the way of that.
func (e *external) findOrigin(ctx context.Context, cr *v1alpha1.DiskImport, by v1alpha1.Engine, in *inputs) (*diagnosis.Finding, error) {
	p := cr.Spec.ForProvider
	if f, err := e.unable(cr, by, *in); err != nil || f != nil || !cdi.Clones(p.Source) {
		return f, err
	}
	var err error
	if in.origin, err = e.origins.Find(ctx, cr); err != nil || in.origin.Problem != nil {
		return in.origin.Problem, err
	}
	if by == v1alpha1.EngineMover {
		return in.origin.Busy(), nil
	}
	return cdi.TooSmall(in.origin, desiredStaging(cr, *in).Spec), nil
}

// unable says why an engine cannot do what is asked for, or nil.
func (e *external) unable(cr *v1alpha1.DiskImport, by v1alpha1.Engine, in inputs) (*diagnosis.Finding, error) {
	p := cr.Spec.ForProvider
	if by == v1alpha1.EngineMover {
		if p.Source.PVC != nil && !within(cr) {
			return &diagnosis.Finding{Reason: v1alpha1.ReasonEngineUnsuited,
				Message: "The mover cannot mount a claim of another namespace: leave engine out, or write engine: CDI."}, nil
		}
		return nil, nil //nolint:nilnil // Nothing in the way is no finding.
	}
	installed, err := e.volumes.Installed()
	if err != nil {
		return nil, err
	}
	if !installed {
		return cdi.Missing(p), nil
	}
	return cdi.Unable(p, in.files, in.settings.Policy), nil
}

// watchOrigin finds out whether a claim that the mover copies is written to.
func (e *external) watchOrigin(ctx context.Context, cr *v1alpha1.DiskImport, v *view) error {
	if cr.Spec.ForProvider.Source.PVC == nil || v.engine != v1alpha1.EngineMover || v.mover.Job == nil || v.completed {
		return nil
	}
	d, err := e.origins.Readers(ctx, cr)
	end, _ := v.mover.Succeeded()
	v.torn = d.Torn(end.Time)
	return err
}

// requestOf is what CDI is asked for.
func requestOf(cr *v1alpha1.DiskImport, in inputs) cdi.Request {
	p := cr.Spec.ForProvider
	staging := desiredStaging(cr, in)
	return cdi.Request{
		Meta: staging.ObjectMeta, Claim: staging.Spec, Source: p.Source, Checksum: p.Verification.Checksum,
		Priority: p.Transfer.PriorityClassName, Origin: in.origin, Files: in.files,
	}
}

// startCDI makes what a DataVolume needs, and the DataVolume. It may be called
// again after any failure.
func (e *external) startCDI(ctx context.Context, cr *v1alpha1.DiskImport, in inputs) error {
	r := requestOf(cr, in)
	stamp, err := fingerprintOf(cr, in.files, in.settings, e.Image)
	if err != nil {
		return err
	}
	secret, err := r.Secret(stamp)
	if err != nil {
		return err
	}
	if err := e.movers.Start(ctx, moverjob.Run{Secret: secret}); err != nil {
		return err
	}
	m, err := e.movers.Inspect(ctx, moverKey(cr))
	if err != nil {
		return err
	}
	run, err := r.Run()
	if err != nil {
		return err
	}
	if run.Trust != nil && m.Secret != nil {
		meta.AddOwnerReference(run.Trust, meta.AsOwner(meta.TypedReferenceTo(m.Secret, corev1.SchemeGroupVersion.WithKind("Secret"))))
	}
	return e.volumes.Start(ctx, run)
}

// obstacleOfCDI is obstacle for an import by CDI.
func (e *external) obstacleOfCDI(ctx context.Context, cr *v1alpha1.DiskImport, in inputs) (*diagnosis.Finding, error) {
	r := requestOf(cr, in)
	run, err := r.Run()
	if err != nil {
		return nil, err
	}
	return wiring.Refusal(ctx, e.Target, e.volumes.DryRun(ctx, run), wiring.Request{
		Namespace: cr.GetNamespace(),
		Resource:  schema.GroupResource{Group: "cdi.kubevirt.io", Resource: "datavolumes"},
		Demand:    diagnosis.Demand(in.profile.Class, r.Claim.Resources.Requests[corev1.ResourceStorage]),
	})
}

// giveUpCDI notes why the DataVolume is given up, and then removes it: CDI would
// try for ever.
func (e *external) giveUpCDI(ctx context.Context, cr *v1alpha1.DiskImport, v view) error {
	if v.engine != v1alpha1.EngineCDI {
		return nil
	}
	if !v.noted {
		s, err := cdi.Note(v.mover.Secret, *v.given)
		if err != nil {
			return err
		}
		if err := e.movers.Start(ctx, moverjob.Run{Secret: s}); err != nil {
			return err
		}
	}
	return e.volumes.Cancel(ctx, moverKey(cr))
}

// cancel asks for the removal of what moves the data.
func (e *external) cancel(ctx context.Context, cr *v1alpha1.DiskImport, v view) error {
	if err := e.movers.Cancel(ctx, moverKey(cr), v.mover.Pods); err != nil {
		return err
	}
	if !v.cdi.Exists() {
		return nil
	}
	return e.volumes.Cancel(ctx, moverKey(cr))
}

// reportOfCDI says what CDI does.
func reportOfCDI(cr *v1alpha1.DiskImport, v view, now time.Time) report {
	r := report{phase: v1alpha1.PhasePending, doing: v1alpha1.ReasonPending, message: "CDI is asked for the disk."}
	switch f := cdi.Of(v.cdi, v.volume.Events, now); {
	case decide(v) == actionRestart:
		r.message = "The import begins anew, because what is asked for has changed or the DataVolume was deleted."
	case cdi.Moves(v.cdi):
		r.phase, r.doing, r.message = v1alpha1.PhaseImporting, v1alpha1.ReasonRunning, "CDI imports the image."
		if cdi.Clones(cr.Spec.ForProvider.Source) {
			r.message = "CDI clones the disk."
		}
	case f != nil:
		r.trouble, r.message = f, f.Message
	}
	if v.cdi.Exists() && r.phase == v1alpha1.PhasePending && cr.Status.AtProvider.Phase == v1alpha1.PhaseImporting {
		// CDI waits between its steps, which is no step back.
		r.phase = v1alpha1.PhaseImporting
	}
	return r
}

// describeCDI writes what CDI tells: its progress and its end.
func describeCDI(cr *v1alpha1.DiskImport, v view, changed bool, now time.Time) {
	at := &cr.Status.AtProvider
	attempt := v.cdi.DataVolume.Status.RestartCount + 1
	if percent, ok := cdi.Percent(v.cdi); ok {
		at.Progress = progress.PaceOf(cr, changed).Told(at.Progress, percent, attempt, now)
	}
	if !v.succeeded() {
		return
	}
	at.Progress = progress.PaceOf(cr, false).Told(at.Progress, 100, attempt, now)
	if at.CompletionTime == nil {
		end := metav1.NewTime(now.Truncate(time.Second))
		at.CompletionTime = &end
		at.Checksum = cr.Spec.ForProvider.Verification.Checksum
	}
}
