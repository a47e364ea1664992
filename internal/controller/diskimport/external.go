// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"context"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/datavolume"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/origin"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

// maxSteps bounds how many looks one Update takes; a handover has five steps,
// and as many looks in between as there are pauses.
const maxSteps = 16

// handoverPauses are how long a handover waits for what Kubernetes does between
// its steps: a pod goes, a claim goes, a claim is bound. On a cluster that has
// time each takes a tenth of a second; what takes longer than all of them is
// looked at again by nextPoll.
func handoverPauses() []time.Duration {
	return []time.Duration{
		50 * time.Millisecond, 50 * time.Millisecond, 100 * time.Millisecond, 100 * time.Millisecond,
		200 * time.Millisecond, 200 * time.Millisecond, 400 * time.Millisecond,
	}
}

// The reasons of events.
const (
	reasonPublished event.Reason = "DiskPublished"
	reasonFailed    event.Reason = "ImportFailed"
	reasonClaimLost event.Reason = "ClaimLost"
)

// A moverClient manages the mover of one DiskImport.
type moverClient interface {
	Inspect(ctx context.Context, key types.NamespacedName) (moverjob.State, error)
	DryRun(ctx context.Context, r moverjob.Run) error
	Start(ctx context.Context, r moverjob.Run) error
	Tune(ctx context.Context, s moverjob.State, r moverjob.Run) error
	Cancel(ctx context.Context, key types.NamespacedName, found []corev1.Pod) error
}

// external manages the claim of a DiskImport in one cluster.
type external struct {
	wiring.Means

	movers  moverClient
	volumes *datavolume.Client
	disks   *volume.Client
	origins origin.Finder

	// seen is what Observe has found. The runtime makes an external for each
	// reconciliation, and acts on what was observed, if at all, at once.
	seen *view
}

// Observe reports what exists of the claim, and of the mover on the way to it.
func (e *external) Observe(ctx context.Context, cr *v1alpha1.DiskImport) (managed.ExternalObservation, error) {
	v, err := e.look(ctx, cr)
	if err != nil {
		return managed.ExternalObservation{}, e.denied(cr, err)
	}
	e.seen = &v
	if meta.WasDeleted(cr) {
		return managed.ExternalObservation{ResourceExists: v.mover.Exists() || v.cdi.Exists() || v.volume.Exists()}, nil
	}
	if v.nothing() {
		return e.observeNothing(ctx, cr, v)
	}
	before := cr.Status.AtProvider.Phase
	r := reportOf(cr, v, e.Clock.Now())
	r.apply(cr, v, e.Clock.Now())
	e.announce(cr, before)
	return observation(cr, decide(v)), nil
}

// observation tells the runtime what to call for an action. What belongs to
// making the claim is an Update of what exists on the way to it, its beginning
// too: around a Create the runtime writes two annotations and a status that
// says less, and nothing of ours has a name that could get lost between them. A
// DiskImport whose management policies permit no Update gets it from Create.
func observation(cr *v1alpha1.DiskImport, a action) managed.ExternalObservation {
	switch a {
	case actionStart, actionRestart, actionDiscard, actionPublish, actionTidy:
		return managed.ExternalObservation{ResourceExists: mayUpdate(cr) || !mayCreate(cr)}
	case actionTune, actionRefresh:
		return managed.ExternalObservation{ResourceExists: true}
	case actionWait:
	}
	return managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true}
}

// observeNothing says whether the import can begin. What is in its way is a
// state, in which it waits; only when nothing is, the claim is missing.
func (e *external) observeNothing(ctx context.Context, cr *v1alpha1.DiskImport, v view) (managed.ExternalObservation, error) {
	if cr.Status.AtProvider.Phase == v1alpha1.PhaseSucceeded {
		e.Record.Event(cr, event.Warning(reasonClaimLost, errors.Errorf("claim %q is gone", claimName(cr))))
	}
	if !mayCreate(cr) {
		return managed.ExternalObservation{}, nil
	}
	f, err := e.obstacle(ctx, cr, v)
	if err != nil {
		return managed.ExternalObservation{}, e.denied(cr, err)
	}
	before := cr.Status.AtProvider.Phase
	cr.Status.AtProvider = v1alpha1.DiskImportObservation{}
	next := actionStart
	r := reportOf(cr, v, e.Clock.Now())
	if f != nil {
		next, r = actionWait, troubled(v1alpha1.PhasePending, f)
	}
	if f != nil && f.Reason == v1alpha1.ReasonClaimConflict {
		r = troubled(v1alpha1.PhaseFailed, f)
	}
	r.apply(cr, v, e.Clock.Now())
	e.announce(cr, before)
	return observation(cr, next), nil
}

// Create starts the mover and returns: Observe reports how it fares.
func (e *external) Create(ctx context.Context, cr *v1alpha1.DiskImport) (managed.ExternalCreation, error) {
	_, err := e.advance(ctx, cr)
	return managed.ExternalCreation{}, err
}

// Update takes every step that can be taken now. What comes of it is described
// at once, because the status is written anyway.
func (e *external) Update(ctx context.Context, cr *v1alpha1.DiskImport) (managed.ExternalUpdate, error) {
	v, err := e.advance(ctx, cr)
	if err != nil || v.nothing() {
		return managed.ExternalUpdate{}, err
	}
	before := cr.Status.AtProvider.Phase
	reportOf(cr, v, e.Clock.Now()).apply(cr, v, e.Clock.Now())
	e.announce(cr, before)
	return managed.ExternalUpdate{}, nil
}

// advance acts on what there is until something has to be waited for that takes
// longer than a moment, and returns what there is then.
func (e *external) advance(ctx context.Context, cr *v1alpha1.DiskImport) (view, error) {
	pauses, v := handoverPauses(), *e.seen
	for range maxSteps {
		more, err := e.act(ctx, cr, v)
		switch {
		case err != nil:
			return v, err
		case more:
		case v.changingHands() && len(pauses) > 0:
			if err := pause(ctx, pauses[0]); err != nil {
				return v, err
			}
			pauses = pauses[1:]
		case decide(v) == actionWait:
			return v, nil
		default:
			return e.lookAgain(ctx, cr, v)
		}
		if v, err = e.lookAgain(ctx, cr, v); err != nil {
			return v, err
		}
	}
	return v, nil
}

// pause waits.
func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return errors.Wrap(ctx.Err(), "cannot wait for the handover")
	}
}

// Delete asks for the removal of everything, in whichever state it is, but of a
// claim that outlives its DiskImport: that one is let go of. The runtime calls
// it until Observe finds nothing any more.
func (e *external) Delete(ctx context.Context, cr *v1alpha1.DiskImport) (managed.ExternalDelete, error) {
	v, err := e.look(ctx, cr)
	if err != nil {
		return managed.ExternalDelete{}, err
	}
	if err := e.cancel(ctx, cr, v); err != nil {
		return managed.ExternalDelete{}, err
	}
	if outlives(cr, v) {
		return managed.ExternalDelete{}, e.disks.Keep(ctx, v.volume, cr.GetName(), ties(cr))
	}
	return managed.ExternalDelete{}, e.disks.Discard(ctx, v.volume)
}

// Disconnect does nothing: connections are shared.
func (e *external) Disconnect(context.Context) error { return nil }

// look gathers everything that decide needs.
func (e *external) look(ctx context.Context, cr *v1alpha1.DiskImport) (view, error) {
	mover, err := e.movers.Inspect(ctx, moverKey(cr))
	if err != nil {
		return view{}, err
	}
	return e.lookBeside(ctx, cr, mover)
}

// lookAgain is look after an action. The mover of a disk that is being handed
// over does not come back once it is gone, and the first step does nothing to it.
func (e *external) lookAgain(ctx context.Context, cr *v1alpha1.DiskImport, before view) (view, error) {
	gone := before.handover() && !before.mover.Exists()
	if gone || decide(before) == actionPublish && before.next == volume.StepRetain {
		return e.lookBeside(ctx, cr, before.mover)
	}
	return e.look(ctx, cr)
}

// lookBeside gathers what decide needs beside the mover.
func (e *external) lookBeside(ctx context.Context, cr *v1alpha1.DiskImport, mover moverjob.State) (view, error) {
	v, d := view{mover: mover, tuned: true, fresh: true, blank: blank(cr)}, diskOf(cr)
	if d.Final == d.Staging {
		return v, errors.Errorf("cannot publish a disk under the name of its staging claim %q", d.Staging)
	}
	var err error
	if v.volume, err = e.disks.Inspect(ctx, d); err != nil {
		return v, err
	}
	if err := e.lookAtCDI(ctx, cr, &v); err != nil {
		return v, err
	}
	v.completed = completed(cr, v)
	v.next = volume.Next(v.volume, d, v.mover.Job != nil || len(v.mover.Pods) > 0 || v.cdi.Exists())
	switch {
	case meta.WasDeleted(cr):
		return v, nil
	case v.volume.Published():
		err = e.lookAtFinal(ctx, cr, &v)
		return v, err
	case v.blank:
		err = e.lookAtBlank(ctx, cr, &v)
		return v, err
	case v.handover():
		return v, nil
	}
	if err := e.watchOrigin(ctx, cr, &v); err != nil {
		return v, err
	}
	err = e.compare(ctx, cr, &v)
	return v, err
}

// compare finds out whether the mover is the one that is wanted.
func (e *external) compare(ctx context.Context, cr *v1alpha1.DiskImport, v *view) error {
	files, err := e.files(ctx, cr)
	var p *credentials.Problem
	if errors.As(err, &p) {
		// A mover that runs has its own copy of what is missing now.
		return nil
	}
	if err != nil {
		return err
	}
	f, err := fingerprintOf(cr, files, e.Target.Settings, e.Image)
	if err != nil {
		return err
	}
	v.want, v.files = &f, files
	if v.mover.Job == nil || v.mover.Secret == nil || v.ended() || outdated(*v) {
		return nil
	}
	run, err := retuned(cr, *v, e.Target.Settings)
	v.tuned = err == nil && v.mover.Tuned(run)
	return err
}

// act takes the next action, and reports whether another may follow at once.
func (e *external) act(ctx context.Context, cr *v1alpha1.DiskImport, v view) (bool, error) {
	switch decide(v) {
	case actionStart:
		return false, e.start(ctx, cr, v)
	case actionRestart:
		if v.blank {
			return false, e.disks.DeleteUnbound(ctx, v.volume)
		}
		if err := e.cancel(ctx, cr, v); err != nil {
			return false, err
		}
		return false, e.disks.DeleteStaging(ctx, v.volume)
	case actionTune:
		run, err := retuned(cr, v, e.Target.Settings)
		if err != nil {
			return false, err
		}
		return false, e.movers.Tune(ctx, v.mover, run)
	case actionDiscard:
		if err := e.giveUpCDI(ctx, cr, v); err != nil {
			return false, err
		}
		return false, e.disks.DeleteStaging(ctx, v.volume)
	case actionPublish:
		return e.publish(ctx, cr, v)
	case actionTidy:
		return false, e.cancel(ctx, cr, v)
	case actionRefresh:
		return false, e.disks.Refresh(ctx, v.volume, v.final)
	case actionWait:
	}
	return false, nil
}

// publish takes the next step of the handover, and reports whether another
// may follow at once.
func (e *external) publish(ctx context.Context, cr *v1alpha1.DiskImport, v view) (bool, error) {
	d := diskOf(cr)
	switch v.next {
	case volume.StepRetain:
		return true, e.disks.Retain(ctx, v.volume)
	case volume.StepStopMover:
		return false, e.cancel(ctx, cr, v)
	case volume.StepDeleteStaging:
		return false, e.disks.DeleteStaging(ctx, v.volume)
	case volume.StepRebind:
		return true, e.disks.Rebind(ctx, v.volume, d)
	case volume.StepCreateFinal:
		m := finalMetadata(cr)
		return true, e.disks.CreateFinal(ctx, v.volume, d, m.Labels, m.Annotations)
	case volume.StepRestore:
		return true, e.disks.Restore(ctx, v.volume)
	case volume.StepWait, volume.StepDone, volume.StepConflict, volume.StepLost:
	}
	return false, nil
}

// denied writes lack of rights into the status, and returns the error.
func (e *external) denied(cr *v1alpha1.DiskImport, err error) error {
	if f := diagnosis.Denied(err); f != nil {
		block(cr, f)
	}
	return err
}

// announce tells events and metrics of a phase that was reached.
func (e *external) announce(cr *v1alpha1.DiskImport, before v1alpha1.Phase) {
	at := cr.Status.AtProvider
	if at.Phase == before {
		return
	}
	switch at.Phase {
	case v1alpha1.PhaseSucceeded:
		e.Record.Event(cr, event.Normal(reasonPublished, at.Message))
	case v1alpha1.PhaseFailed:
		e.Record.Event(cr, event.Warning(reasonFailed, errors.New(at.Message)))
	case v1alpha1.PhasePending, v1alpha1.PhaseImporting:
	}
	e.Metrics.Reached(milestone(cr, e.Clock.Now()))
}
