// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"time"

	"github.com/crossplane/upjet/v2/pkg/controller/handler"
	"github.com/crossplane/upjet/v2/pkg/reconciler/reconciliationpolicy"
	"k8s.io/apimachinery/pkg/runtime/schema"
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

	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/cluster"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/meter"
)

// Options of a controller that runs movers, beside those of every controller.
type Options struct {
	controller.Options

	// Clusters connects resources with the clusters that they name.
	Clusters *cluster.Connector

	// MoverImage of configurations that name none.
	MoverImage string

	// Metrics count the transfers.
	Metrics *meter.Metrics
}

// A Kind is a kind of resource that movers run for.
type Kind[T resource.ModernManaged] struct {
	GVK  schema.GroupVersionKind
	New  func() T
	List resource.ManagedList

	// Annotation leads from an object of ours to the name of its resource;
	// empty: movers are none of its business, and are not watched.
	Annotation string

	// DataVolumes reports whether objects of ours can be DataVolumes.
	DataVolumes bool

	// Annotate writes into the metadata what others look for there; nil: nothing.
	Annotate func(cr T) error

	// Client makes the external client of a resource.
	Client func(Means) managed.TypedExternalClient[T]

	// Block writes into the status that a resource cannot go on.
	Block func(cr T, f *diagnosis.Finding)

	// NextPoll says in how much time to look at a resource again if no watch
	// event comes, given the interval of one that is settled.
	NextPoll func(cr T, interval time.Duration) time.Duration

	// NextStep is NextPoll for a resource that is being deleted and whose last
	// step did not fail; 0: after the back-off of failures. nil: always so, and
	// no step of a deletion succeeds while something is in its way.
	NextStep func(cr T, interval time.Duration) time.Duration
}

// Setup adds the controller of a kind.
func Setup[T resource.ModernManaged](mgr ctrl.Manager, o Options, k Kind[T]) error {
	name := managed.ControllerName(k.GVK.GroupKind().String())
	log := o.Logger.WithValues("controller", name)
	record := event.NewAPIRecorder(mgr.GetEventRecorderFor(name)) //nolint:staticcheck // SA1019: crossplane-runtime's recorder wraps the events API of core/v1.
	limiter := reconciliationpolicy.NewExponentialFailureRateLimiter(BackoffBase, BackoffMax)
	finalizer := reconciliationpolicy.NewFinalizer(
		resource.NewAPIFinalizer(mgr.GetClient(), managed.FinalizerName), reconciliationpolicy.WithFinalizerRateLimiter(limiter))
	conn := &connector[T]{
		kind:     k,
		usage:    resource.NewProviderConfigUsageTracker(mgr.GetClient(), &configv1alpha1.ProviderConfigUsage{}),
		kube:     mgr.GetClient(),
		clusters: o.Clusters,
		means: Means{
			Local: mgr.GetAPIReader(), Image: o.MoverImage,
			Clock: clock.RealClock{}, Record: record, Metrics: o.Metrics,
		},
	}
	requests := handler.NewEventHandler(handler.WithLogger(log))

	options := append(reconcilerOptions(o.Options, k.nextPoll),
		managed.WithInitializers(), // The connector annotates.
		managed.WithTypedExternalConnector(conn),
		managed.WithFinalizer(finalizer),
		managed.WithLogger(log),
		managed.WithRecorder(k.truthful(record)),
	)
	r := reconciliationpolicy.NewReconciler(
		k.spaced(managed.NewReconciler(mgr, resource.ManagedKind(k.GVK), options...), mgr, o), mgr, k.GVK,
		reconciliationpolicy.WithRateLimiter(limiter),
		reconciliationpolicy.WithSource(BackoffOf))

	if err := k.addRunnables(mgr, o, requests); err != nil {
		return err
	}
	co := o.ForControllerRuntime()
	co.RateLimiter = limiter
	// The predicate stands on the resource alone: on every watch it would drop
	// what matters most of a Job, the changes of its status.
	return ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(co).
		Watches(k.New(), requests, builder.WithPredicates(resource.DesiredStateChanged())).
		Complete(ratelimiter.NewReconciler(name, r, o.GlobalRateLimiter))
}

// SetupGated adds the controller of a kind once its CRD is there.
func SetupGated[T resource.ModernManaged](mgr ctrl.Manager, o Options, k Kind[T]) error {
	o.Gate.Register(func() {
		if err := Setup(mgr, o, k); err != nil {
			o.Logger.Info("Cannot set up controller", "error", err, "gvk", k.GVK.String())
		}
	}, k.GVK)
	return nil
}

// nextPoll is NextPoll for the runtime.
func (k Kind[T]) nextPoll(mg resource.Managed, interval time.Duration) time.Duration {
	cr, ok := mg.(T)
	if !ok {
		return interval
	}
	return k.NextPoll(cr, interval)
}

func (k Kind[T]) addRunnables(mgr ctrl.Manager, o Options, requests *handler.EventHandler) error {
	if k.Annotation != "" {
		if err := mgr.Add(&watcher{cache: mgr.GetCache(), requests: requests, annotation: k.Annotation}); err != nil {
			return errors.Wrap(err, "cannot watch movers")
		}
	}
	if !k.DataVolumes {
		return k.addRecorder(mgr, o)
	}
	dv := &dataVolumes{config: mgr.GetConfig(), http: mgr.GetHTTPClient(), mapper: mgr.GetRESTMapper(), watcher: watcher{requests: requests, annotation: k.Annotation}}
	if err := mgr.Add(dv); err != nil {
		return errors.Wrap(err, "cannot watch DataVolumes")
	}
	return k.addRecorder(mgr, o)
}

func (k Kind[T]) addRecorder(mgr ctrl.Manager, o Options) error {
	if o.MetricOptions == nil {
		return nil
	}
	return errors.Wrap(mgr.Add(statemetrics.NewMRStateRecorder(mgr.GetClient(), o.Logger,
		o.MetricOptions.MRStateMetrics, k.List, o.MetricOptions.PollStateMetricInterval)), "cannot record state metrics")
}
