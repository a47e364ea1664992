// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"math/rand/v2"
	"time"

	"github.com/crossplane/upjet/v2/pkg/controller/handler"
	"github.com/crossplane/upjet/v2/pkg/reconciler/reconciliationpolicy"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/clock"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/builder"

	"github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
	"github.com/crossplane/crossplane-runtime/v2/pkg/statemetrics"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/cluster"
	"github.com/novasphere/provider-wukong/internal/controller/meter"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// The intervals at which a DiskExport is looked at when no watch event
	// comes: progress is written to the log every two seconds and to status
	// every 5 %; snapshots are not watched, because a cluster need not have
	// them.
	pollRunning = 2 * time.Second
	pollTidying = 500 * time.Millisecond
	pollBlocked = 15 * time.Second

	// pollJitter is how much of the interval of a settled DiskExport is left
	// to chance.
	pollJitter = 0.1
)

// Options of the controller beside those of every controller.
type Options struct {
	controller.Options

	// Clusters connects DiskExports with the clusters that they name.
	Clusters *cluster.Connector

	// MoverImage of configurations that name none.
	MoverImage string

	// Metrics count the transfers.
	Metrics *meter.Metrics
}

// Setup adds the controller of DiskExports.
func Setup(mgr ctrl.Manager, o Options) error {
	gvk := v1alpha1.DiskExportGroupVersionKind()
	name := managed.ControllerName(gvk.GroupKind().String())
	log := o.Logger.WithValues("controller", name)
	record := event.NewAPIRecorder(mgr.GetEventRecorderFor(name)) //nolint:staticcheck // SA1019: crossplane-runtime's recorder wraps the events API of core/v1.

	conn := &connector{
		local:    mgr.GetAPIReader(),
		usage:    resource.NewProviderConfigUsageTracker(mgr.GetClient(), &configv1alpha1.ProviderConfigUsage{}),
		clusters: o.Clusters,
		image:    o.MoverImage,
		clock:    clock.RealClock{},
		record:   record,
		metrics:  o.Metrics,
	}
	limiter := reconciliationpolicy.NewExponentialFailureRateLimiter(wiring.BackoffBase, wiring.BackoffMax)
	requests := handler.NewEventHandler(handler.WithLogger(log))

	options := append(wiring.ReconcilerOptions(o.Options, nextPoll),
		managed.WithInitializers(noter{client: mgr.GetClient()}),
		managed.WithTypedExternalConnector(conn),
		managed.WithFinalizer(reconciliationpolicy.NewFinalizer(
			resource.NewAPIFinalizer(mgr.GetClient(), managed.FinalizerName),
			reconciliationpolicy.WithFinalizerRateLimiter(limiter))),
		managed.WithLogger(log),
		managed.WithRecorder(record),
	)
	r := reconciliationpolicy.NewReconciler(
		managed.NewReconciler(mgr, resource.ManagedKind(gvk), options...), mgr, gvk,
		reconciliationpolicy.WithRateLimiter(limiter),
		reconciliationpolicy.WithSource(wiring.BackoffOf))

	if err := addRunnables(mgr, o, requests); err != nil {
		return err
	}
	co := o.ForControllerRuntime()
	co.RateLimiter = limiter
	// The predicate stands on the DiskExport alone: on every watch it would
	// drop what matters most of a Job, the changes of its status.
	return ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(co).
		Watches(&v1alpha1.DiskExport{}, requests, builder.WithPredicates(resource.DesiredStateChanged())).
		Complete(ratelimiter.NewReconciler(name, r, o.GlobalRateLimiter))
}

// SetupGated adds the controller once the CRD of DiskExports is there.
func SetupGated(mgr ctrl.Manager, o Options) error {
	o.Gate.Register(func() {
		if err := Setup(mgr, o); err != nil {
			o.Logger.Info("Cannot set up controller", "error", err, "gvk", v1alpha1.DiskExportGroupVersionKind().String())
		}
	}, v1alpha1.DiskExportGroupVersionKind())
	return nil
}

func addRunnables(mgr ctrl.Manager, o Options, requests *handler.EventHandler) error {
	if err := mgr.Add(&wiring.Watcher{Cache: mgr.GetCache(), Requests: requests, Annotation: annotationName}); err != nil {
		return errors.Wrap(err, "cannot watch movers")
	}
	if o.MetricOptions == nil {
		return nil
	}
	return errors.Wrap(mgr.Add(statemetrics.NewMRStateRecorder(mgr.GetClient(), o.Logger,
		o.MetricOptions.MRStateMetrics, &v1alpha1.DiskExportList{}, o.MetricOptions.PollStateMetricInterval)), "cannot record state metrics")
}

// nextPoll says when to look at a DiskExport again if no watch event comes.
func nextPoll(mg resource.Managed, interval time.Duration) time.Duration {
	cr, ok := mg.(*v1alpha1.DiskExport)
	if !ok {
		return interval
	}
	stalled := cr.GetCondition(v1alpha1.TypeStalled)
	switch cr.Status.AtProvider.Phase {
	case v1alpha1.ExportPhasePending, v1alpha1.ExportPhaseExporting:
		if stalled.Status == corev1.ConditionTrue {
			return pollBlocked
		}
		return pollRunning
	case v1alpha1.ExportPhaseFailed:
		if stalled.Reason == v1alpha1.ReasonSnapshotsUnsupported || stalled.Reason == v1alpha1.Reason(transfer.ReasonSourceNotFound) {
			return pollBlocked
		}
	case v1alpha1.ExportPhaseSucceeded:
		switch {
		case !settled(cr):
			// What is left of the run has to go yet.
			return pollTidying
		case !done(cr):
			return pollRunning
		}
	}
	return interval + time.Duration((rand.Float64()-0.5)*2*pollJitter*float64(interval)) //nolint:gosec // Jitter is no secret.
}

// settled reports whether what the last run has made is noted, which is after
// the status has been written, and the next look removes what is left of it.
func settled(cr *v1alpha1.DiskExport) bool {
	note, err := noteOf(cr)
	return err != nil || note == "" || cr.GetAnnotations()[annotationMade] == note
}
