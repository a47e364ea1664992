// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	authorizationv1 "k8s.io/api/authorization/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	changelogsv1alpha1 "github.com/crossplane/crossplane-runtime/v2/apis/changelogs/proto/v1alpha1"
	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/gate"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/customresourcesgate"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/statemetrics"

	"github.com/novasphere/provider-wukong/internal/clients/cluster"
	"github.com/novasphere/provider-wukong/internal/controller"
	"github.com/novasphere/provider-wukong/internal/version"
)

// startTimeout bounds what is asked of the API server before the controllers
// start.
const startTimeout = 30 * time.Second

// setup adds the controllers to the manager: at once, or, where the provider
// may watch CRDs, each when its CRD is there.
func setup(ctx context.Context, mgr ctrl.Manager, o *options, log logging.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, startTimeout)
	defer cancel()

	limit := func(c *rest.Config) *rest.Config { return ratelimiter.LimitRESTConfig(c, *o.maxReconcileRate) }
	clusters, err := cluster.NewConnector(mgr.GetClient(), mgr.GetAPIReader(), mgr.GetConfig(), limit)
	if err != nil {
		return err
	}
	image, err := moverImage(ctx, mgr.GetAPIReader(), o)
	if err != nil {
		// A configuration may name the image; until one does, imports say that
		// nothing names it.
		log.Info("Cannot find out the mover's image: set --mover-image, or mover.image of the provider configurations", "error", err.Error())
	}
	xo, err := controllerOptions(o, log)
	if err != nil {
		return err
	}
	co := controller.Options{Options: xo, Clusters: clusters, MoverImage: image}

	gated, err := mayWatchCRDs(ctx, mgr.GetClient())
	if err != nil {
		return err
	}
	if !gated {
		log.Info("The provider may not watch CRDs: safe-start is off")
		return controller.Setup(mgr, co)
	}
	crds := new(gate.Gate[schema.GroupVersionKind])
	co.Gate = crds
	if err := customresourcesgate.Setup(mgr, xpcontroller.Options{Gate: crds, Logger: log, MaxConcurrentReconciles: 1}); err != nil {
		return errors.Wrap(err, "cannot set up gate of CRDs")
	}
	return controller.SetupGated(mgr, co)
}

func controllerOptions(o *options, log logging.Logger) (xpcontroller.Options, error) {
	mm, sm := managed.NewMRMetricRecorder(), statemetrics.NewMRStateMetrics()
	metrics.Registry.MustRegister(mm, sm)

	xo := xpcontroller.Options{
		Logger:                  log,
		MaxConcurrentReconciles: *o.maxReconcileRate,
		PollInterval:            *o.pollInterval,
		GlobalRateLimiter:       ratelimiter.NewGlobal(*o.maxReconcileRate),
		Features:                &feature.Flags{},
		MetricOptions: &xpcontroller.MetricOptions{
			PollStateMetricInterval: *o.pollStateMetric,
			MRMetrics:               mm,
			MRStateMetrics:          sm,
		},
	}
	if *o.enableManagementPolicies {
		xo.Features.Enable(feature.EnableBetaManagementPolicies)
	}
	if !*o.enableChangeLogs {
		return xo, nil
	}
	xo.Features.Enable(feature.EnableAlphaChangeLogs)
	conn, err := grpc.NewClient("unix://"+*o.changeLogsSocketPath, grpc.WithTransportCredentials(insecure.NewCredentials()))
	xo.ChangeLogOptions = &xpcontroller.ChangeLogOptions{ChangeLogger: managed.NewGRPCChangeLogger(
		changelogsv1alpha1.NewChangeLogServiceClient(conn),
		managed.WithProviderVersion("provider-wukong:"+version.Version))}
	return xo, errors.Wrap(err, "cannot connect with change log at "+*o.changeLogsSocketPath)
}

// mayWatchCRDs reports whether the provider may get, list and watch CRDs, as
// the safe-start gate does.
func mayWatchCRDs(ctx context.Context, c client.Client) (bool, error) {
	for _, verb := range []string{"get", "list", "watch"} {
		r := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Group: "apiextensions.k8s.io", Resource: "customresourcedefinitions", Verb: verb,
			},
		}}
		if err := c.Create(ctx, r); err != nil {
			return false, errors.Wrapf(err, "cannot ask whether the provider may %s CRDs", verb)
		}
		if !r.Status.Allowed {
			return false, nil
		}
	}
	return true, nil
}
