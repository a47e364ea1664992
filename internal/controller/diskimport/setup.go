// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"math/rand/v2"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
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
)

const namespaceTerminating = corev1.NamespaceTerminatingCause

const (
	// The intervals at which a DiskImport is looked at when no watch event
	// comes: progress is written to the log every two seconds and to status
	// every 5 %, and a handover waits for claims and pods to go.
	pollRunning    = 2 * time.Second
	pollPublishing = 500 * time.Millisecond
	pollBlocked    = 15 * time.Second

	// pollJitter is how much of the interval of a settled DiskImport is left
	// to chance.
	pollJitter = 0.1
)

// Options of the controller beside those of every controller.
type Options struct {
	controller.Options

	// Clusters connects DiskImports with the clusters that they name.
	Clusters *cluster.Connector

	// MoverImage of configurations that name none.
	MoverImage string

	// Metrics count the transfers.
	Metrics *meter.Metrics
}

// Setup adds the controller of DiskImports.
func Setup(mgr ctrl.Manager, o Options) error {
	gvk := v1alpha1.DiskImportGroupVersionKind()
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
		managed.WithInitializers(externalNamer{client: mgr.GetClient()}),
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
	// The predicate stands on the DiskImport alone: on every watch it would
	// drop what matters most of a Job, the changes of its status.
	return ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(co).
		Watches(&v1alpha1.DiskImport{}, requests, builder.WithPredicates(resource.DesiredStateChanged())).
		Complete(ratelimiter.NewReconciler(name, r, o.GlobalRateLimiter))
}

// SetupGated adds the controller once the CRD of DiskImports is there.
func SetupGated(mgr ctrl.Manager, o Options) error {
	o.Gate.Register(func() {
		if err := Setup(mgr, o); err != nil {
			o.Logger.Info("Cannot set up controller", "error", err, "gvk", v1alpha1.DiskImportGroupVersionKind().String())
		}
	}, v1alpha1.DiskImportGroupVersionKind())
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
		o.MetricOptions.MRStateMetrics, &v1alpha1.DiskImportList{}, o.MetricOptions.PollStateMetricInterval)), "cannot record state metrics")
}

// nextPoll says when to look at a DiskImport again if no watch event comes.
func nextPoll(mg resource.Managed, interval time.Duration) time.Duration {
	cr, ok := mg.(*v1alpha1.DiskImport)
	if !ok {
		return interval
	}
	at := cr.Status.AtProvider
	switch at.Phase {
	case v1alpha1.PhaseImporting:
		if at.CompletionTime != nil {
			return pollPublishing
		}
		return pollRunning
	case v1alpha1.PhasePending:
		if cr.GetCondition(v1alpha1.TypeStalled).Status == corev1.ConditionTrue {
			return pollBlocked
		}
		return pollRunning
	case v1alpha1.PhaseFailed:
		if cr.GetCondition(xpv2.TypeReady).Reason == v1alpha1.ReasonClaimConflict {
			return pollBlocked
		}
	case v1alpha1.PhaseSucceeded:
	}
	return interval + time.Duration((rand.Float64()-0.5)*2*pollJitter*float64(interval)) //nolint:gosec // Jitter is no secret.
}
