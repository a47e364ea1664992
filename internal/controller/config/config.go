// SPDX-License-Identifier: Apache-2.0

// Package config reconciles the provider's configurations: it counts who uses
// them, keeps those that are used, and says whether their target clusters
// answer.
package config

import (
	"context"
	"time"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/providerconfig"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/cluster"
)

const (
	// probeInterval is how often a target cluster is asked whether it answers,
	// and probeTimeout how long it may take.
	probeInterval = time.Minute
	probeTimeout  = 10 * time.Second
)

// A kind is one of the two kinds of configuration.
type kind struct {
	name   string
	object func() resource.ProviderConfig

	// target connects with the cluster that a configuration stands for.
	target func(ctx context.Context, c *cluster.Connector, pc resource.ProviderConfig) (*cluster.Cluster, error)
}

func kinds() []kind {
	return []kind{
		{
			name:   v1alpha1.ProviderConfigKind,
			object: func() resource.ProviderConfig { return &v1alpha1.ProviderConfig{} },
			target: func(ctx context.Context, c *cluster.Connector, pc resource.ProviderConfig) (*cluster.Cluster, error) {
				return c.OfProviderConfig(ctx, pc.(*v1alpha1.ProviderConfig)) //nolint:forcetypeassert // It is what object returns.
			},
		},
		{
			name:   v1alpha1.ClusterProviderConfigKind,
			object: func() resource.ProviderConfig { return &v1alpha1.ClusterProviderConfig{} },
			target: func(ctx context.Context, c *cluster.Connector, pc resource.ProviderConfig) (*cluster.Cluster, error) {
				return c.OfClusterProviderConfig(ctx, pc.(*v1alpha1.ClusterProviderConfig)) //nolint:forcetypeassert // It is what object returns.
			},
		},
	}
}

// Setup adds the controllers of both kinds of configuration.
func Setup(mgr ctrl.Manager, o controller.Options, clusters *cluster.Connector) error {
	for _, k := range kinds() {
		if err := setup(mgr, o, clusters, k); err != nil {
			return errors.Wrapf(err, "cannot set up controller of %s", k.name)
		}
	}
	return nil
}

// SetupGated adds the controllers when the CRDs of all configurations are
// there.
func SetupGated(mgr ctrl.Manager, o controller.Options, clusters *cluster.Connector) error {
	gv := v1alpha1.GroupVersion()
	o.Gate.Register(func() {
		if err := Setup(mgr, o, clusters); err != nil {
			o.Logger.Info("Cannot set up controllers of configurations", "error", err)
		}
	}, gv.WithKind(v1alpha1.ProviderConfigKind), gv.WithKind(v1alpha1.ClusterProviderConfigKind), gv.WithKind(v1alpha1.ProviderConfigUsageKind))
	return nil
}

func setup(mgr ctrl.Manager, o controller.Options, clusters *cluster.Connector, k kind) error {
	gv := v1alpha1.GroupVersion()
	name := providerconfig.ControllerName(gv.WithKind(k.name).GroupKind().String())
	of := resource.ProviderConfigKinds{
		Config:    gv.WithKind(k.name),
		Usage:     gv.WithKind(v1alpha1.ProviderConfigUsageKind),
		UsageList: gv.WithKind(v1alpha1.ProviderConfigUsageListKind),
	}
	usage := providerconfig.NewReconciler(mgr, of,
		providerconfig.WithLogger(o.Logger.WithValues("controller", name)),
		providerconfig.WithRecorder(event.NewAPIRecorder(mgr.GetEventRecorderFor(name)))) //nolint:staticcheck // SA1019: crossplane-runtime's recorder wraps the events API of core/v1.
	r := &reconciler{usage: usage, client: mgr.GetClient(), clusters: clusters, kind: k}

	return ctrl.NewControllerManagedBy(mgr).
		Named(name).
		WithOptions(o.ForControllerRuntime()).
		For(k.object()).
		Watches(&v1alpha1.ProviderConfigUsage{}, &resource.EnqueueRequestForProviderConfig{Kind: k.name}).
		Complete(ratelimiter.NewReconciler(name, r, o.GlobalRateLimiter))
}

// reconciler counts users, and then asks the target cluster.
type reconciler struct {
	usage    reconcile.Reconciler
	client   client.Client
	clusters *cluster.Connector
	kind     kind
}

// Reconcile counts the users of a configuration and says whether its target
// cluster answers.
func (r *reconciler) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	result, err := r.usage.Reconcile(ctx, req)
	if err != nil || result.RequeueAfter > 0 {
		return result, err
	}
	pc := r.kind.object()
	if err := r.client.Get(ctx, req.NamespacedName, pc); err != nil {
		return reconcile.Result{}, errors.Wrap(client.IgnoreNotFound(err), "cannot get provider configuration")
	}
	if pc.GetDeletionTimestamp() != nil {
		return reconcile.Result{}, nil
	}
	had := pc.GetCondition(v1alpha1.TypeHealthy)
	is := r.health(ctx, pc)
	if !had.Equal(is) {
		pc.SetConditions(is)
		if err := r.client.Status().Update(ctx, pc); err != nil {
			return errors.SilentlyRequeueOnConflict(reconcile.Result{}, errors.Wrap(err, "cannot update status of provider configuration"))
		}
	}
	return reconcile.Result{RequeueAfter: probeInterval}, nil
}
