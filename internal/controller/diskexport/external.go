// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"context"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/artifact"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskexport/origin"
	"github.com/novasphere/provider-wukong/internal/controller/meter"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

// The reasons of events.
const (
	reasonExported event.Reason = "DiskExported"
	reasonFailed   event.Reason = "ExportFailed"
	reasonVoid     event.Reason = "ExportBeginsAnew"
)

const operationExport = "Export"

// A moverClient manages the movers of one DiskExport.
type moverClient interface {
	Inspect(ctx context.Context, key types.NamespacedName) (moverjob.State, error)
	DryRun(ctx context.Context, r moverjob.Run) error
	Start(ctx context.Context, r moverjob.Run) error
	Tune(ctx context.Context, s moverjob.State, r moverjob.Run) error
	Cancel(ctx context.Context, key types.NamespacedName, found []corev1.Pod) error
}

// An artifactClient asks what became of an artifact.
type artifactClient interface {
	Ask(ctx context.Context, q artifact.Question) (artifact.Answer, error)
}

// external manages the artifact of a DiskExport, from one cluster.
type external struct {
	wiring.Means

	movers moverClient
	disks  *volume.Client
	copies *snapshot.Client
	places artifactClient
}

// Observe reports what is known of the artifact, and of the mover on the way
// to it.
func (e *external) Observe(ctx context.Context, cr *v1alpha1.DiskExport) (managed.ExternalObservation, error) {
	if err := recall(cr); err != nil {
		return managed.ExternalObservation{}, err
	}
	if meta.WasDeleted(cr) {
		left, err := e.left(ctx, cr)
		return managed.ExternalObservation{ResourceExists: left}, e.denied(cr, err)
	}
	v, err := e.look(ctx, cr)
	if err != nil {
		return managed.ExternalObservation{}, e.denied(cr, err)
	}
	if v.mover.Job == nil && !v.done && v.plan.Problem == nil {
		if v.plan.Problem, err = e.obstacle(ctx, cr, v); err != nil {
			return managed.ExternalObservation{}, e.denied(cr, err)
		}
	}
	if v.mover.Job == nil && v.done {
		v.verdict, v.unseen = e.ask(ctx, cr)
	}
	before := cr.Status.AtProvider.Phase
	reportOf(cr, v, e.Clock.Now()).apply(cr, v)
	e.announce(cr, before)
	o := observation(cr, decide(v))
	o.ConnectionDetails = connectionDetails(cr)
	return o, nil
}

// observation tells the runtime what to call for an action. Every step is an
// Update of what exists on the way to the artifact, the first one too: around a
// Create the runtime writes two annotations and a status that says less, and
// nothing of ours has a name that could get lost between them. A DiskExport
// whose management policies permit no Update gets its steps from Create.
func observation(cr *v1alpha1.DiskExport, a action) managed.ExternalObservation {
	creates := wiring.May(cr, xpv2.ManagementActionCreate)
	updates := wiring.May(cr, xpv2.ManagementActionUpdate) || !creates
	switch a {
	case actionSnapshot, actionStart:
		begun := cr.Status.AtProvider.StartTime != nil
		return managed.ExternalObservation{ResourceExists: updates && (begun || creates), ResourceUpToDate: !begun && !creates}
	case actionRestart, actionDiscard, actionTidy:
		return managed.ExternalObservation{ResourceExists: updates}
	case actionTune:
		return managed.ExternalObservation{ResourceExists: true}
	case actionWait:
	}
	return managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true}
}

// Create begins the export and returns: Observe reports how it fares.
func (e *external) Create(ctx context.Context, cr *v1alpha1.DiskExport) (managed.ExternalCreation, error) {
	return managed.ExternalCreation{}, e.advance(ctx, cr)
}

// Update takes the next step, and waits for nothing. A run that has begun by
// that is described at once, because the status is written anyway.
func (e *external) Update(ctx context.Context, cr *v1alpha1.DiskExport) (managed.ExternalUpdate, error) {
	err := e.advance(ctx, cr)
	if err != nil || cr.Status.AtProvider.StartTime != nil {
		return managed.ExternalUpdate{}, err
	}
	v, err := e.look(ctx, cr)
	if err == nil && v.mover.Job != nil {
		reportOf(cr, v, e.Clock.Now()).apply(cr, v)
	}
	return managed.ExternalUpdate{}, err
}

// Disconnect does nothing: connections are shared.
func (e *external) Disconnect(context.Context) error { return nil }

// look gathers everything that decide needs.
func (e *external) look(ctx context.Context, cr *v1alpha1.DiskExport) (view, error) {
	v := view{tuned: true, done: done(cr)}
	var err error
	if v.mover, err = e.movers.Inspect(ctx, moverKey(cr)); err != nil {
		return v, err
	}
	if v.copy, err = e.copies.Inspect(ctx, copyOf(cr)); err != nil {
		return v, err
	}
	v.completed, v.torn = completed(cr, v.mover), tornBefore(cr, v.mover)
	if v.mover.Job == nil && v.done || v.completed {
		return v, nil
	}
	disks := origin.Finder{Kube: e.Target.Client, Disks: e.disks, Copies: e.copies}
	if v.origin, err = disks.Find(ctx, cr, v.copy); err != nil {
		return v, err
	}
	v.plan = origin.PlanOf(cr.Spec.ForProvider.Consistency, v.origin, v.copy)
	err = e.compare(ctx, cr, &v)
	return v, err
}

// compare finds out whether the mover is the one that is wanted.
func (e *external) compare(ctx context.Context, cr *v1alpha1.DiskExport, v *view) error {
	files, err := e.files(ctx, cr)
	var p *credentials.Problem
	if errors.As(err, &p) {
		// A mover that runs has its own copy of what is missing now.
		return nil
	}
	if err != nil {
		return err
	}
	f, err := fingerprintOf(cr, inputs{settings: e.Target.Settings, files: files, image: e.Image})
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

// advance takes the next action.
func (e *external) advance(ctx context.Context, cr *v1alpha1.DiskExport) error {
	v, err := e.look(ctx, cr)
	if err != nil {
		return err
	}
	switch decide(v) {
	case actionSnapshot:
		return e.copies.Take(ctx, objectMeta(cr, moverName(cr)), v.origin.ClaimName(), v.origin.SnapshotClass)
	case actionStart:
		return e.start(ctx, cr, v)
	case actionRestart:
		e.warn(cr, v)
		return e.tidy(ctx, cr, v)
	case actionTidy:
		return e.tidy(ctx, cr, v)
	case actionDiscard:
		return e.copies.Discard(ctx, copyOf(cr), v.copy)
	case actionTune:
		run, err := retuned(cr, v, e.Target.Settings)
		if err != nil {
			return err
		}
		return e.movers.Tune(ctx, v.mover, run)
	case actionWait:
	}
	return nil
}

// tidy removes mover, snapshot and restored claim.
func (e *external) tidy(ctx context.Context, cr *v1alpha1.DiskExport, v view) error {
	if err := e.movers.Cancel(ctx, moverKey(cr), v.mover.Pods); err != nil {
		return err
	}
	return e.copies.Discard(ctx, copyOf(cr), v.copy)
}

// warn says why a run begins anew that somebody may want to hear of, and that an
// upload to another target may have left something behind.
func (e *external) warn(cr *v1alpha1.DiskExport, v view) {
	if v.mover.Job != nil && v.mover.Job.GetDeletionTimestamp() == nil && void(v) {
		e.Record.Event(cr, event.Warning(reasonVoid, errors.New(reportOfVoid(v).message)))
	}
	if p := abandoned(cr, v); p != "" {
		e.Record.Event(cr, event.Warning(wiring.ReasonLeftBehind, errors.Errorf("an unfinished upload to %s is abandoned, because the target is another now: what it left there is removed by the store's own rules only", p)))
	}
}

// denied writes lack of rights into the status, and returns the error.
func (e *external) denied(cr *v1alpha1.DiskExport, err error) error {
	if f := diagnosis.Denied(err); f != nil {
		block(cr, f)
	}
	return err
}

// announce tells events and metrics of a phase that was reached.
func (e *external) announce(cr *v1alpha1.DiskExport, before v1alpha1.ExportPhase) {
	at := cr.Status.AtProvider
	if at.Phase == before {
		return
	}
	switch at.Phase {
	case v1alpha1.ExportPhaseSucceeded:
		e.Record.Event(cr, event.Normal(reasonExported, at.Message))
	case v1alpha1.ExportPhaseFailed:
		e.Record.Event(cr, event.Warning(reasonFailed, errors.New(at.Message)))
	case v1alpha1.ExportPhasePending, v1alpha1.ExportPhaseExporting:
	}
	e.Metrics.Reached(meter.Milestone{
		Operation:  operationExport,
		Phase:      string(at.Phase),
		Reason:     string(cr.GetCondition(xpv2.TypeReady).Reason),
		Success:    at.Phase == v1alpha1.ExportPhaseSucceeded,
		Kind:       v1alpha1.DiskExportGroupVersionKind(),
		Age:        e.Clock.Now().Sub(cr.GetCreationTimestamp().Time),
		Progress:   at.Progress,
		Start:      at.StartTime,
		Completion: at.CompletionTime,
	})
}
