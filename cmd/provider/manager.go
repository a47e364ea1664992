// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/selection"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/leaderelection/resourcelock"
	"k8s.io/utils/ptr"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
)

const (
	leaderElectionID = "crossplane-leader-election-provider-wukong"

	// A lease is long, because under load renewing one takes long, and a
	// leader that loses it ends.
	leaseDuration = 60 * time.Second
	renewDeadline = 50 * time.Second
)

func newManager(cfg *rest.Config, o *options) (ctrl.Manager, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, cdiv1.AddToScheme, v1alpha1.AddToScheme, diskv1alpha1.AddToScheme,
	} {
		if err := add(s); err != nil {
			return nil, errors.Wrap(err, "cannot register APIs")
		}
	}
	ours, err := labels.NewRequirement(volume.LabelOwner, selection.Exists, nil)
	if err != nil {
		return nil, errors.Wrap(err, "cannot select what the provider has made")
	}
	mgr, err := ctrl.NewManager(ratelimiter.LimitRESTConfig(cfg, *o.maxReconcileRate), ctrl.Options{
		Scheme: s,
		Cache:  cacheOptions(labels.NewSelector().Add(*ours), *o.syncInterval),
		Client: client.Options{Cache: &client.CacheOptions{
			// The provider may read Secrets and ConfigMaps one by one; to
			// cache them it would have to list those of everybody.
			DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}},
		}},
		Metrics:                    metricsOptions(o),
		LeaderElection:             *o.leaderElection,
		LeaderElectionID:           leaderElectionID,
		LeaderElectionNamespace:    *o.namespace,
		LeaderElectionResourceLock: resourcelock.LeasesResourceLock,
		LeaseDuration:              ptr.To(leaseDuration),
		RenewDeadline:              ptr.To(renewDeadline),
		// The process ends with its manager. The next one, after an upgrade,
		// need not wait until the lease runs out.
		LeaderElectionReleaseOnCancel: true,
		HealthProbeBindAddress:        *o.healthProbeBindAddr,
	})
	if err != nil {
		return nil, errors.Wrap(err, "cannot make controller manager")
	}
	if err := mgr.AddHealthzCheck("healthz", healthz.Ping); err != nil {
		return nil, errors.Wrap(err, "cannot add liveness probe")
	}
	return mgr, errors.Wrap(mgr.AddReadyzCheck("readyz", healthz.Ping), "cannot add readiness probe")
}

// cacheOptions keep the cache small: of what others have too, it holds what
// the provider made.
func cacheOptions(ours labels.Selector, sync time.Duration) cache.Options {
	return cache.Options{
		SyncPeriod:       &sync,
		DefaultTransform: cache.TransformStripManagedFields(),
		ByObject: map[client.Object]cache.ByObject{
			&batchv1.Job{}:                  {Label: ours},
			&corev1.Pod{}:                   {Label: ours},
			&corev1.PersistentVolumeClaim{}: {Label: ours},
		},
	}
}

func metricsOptions(o *options) metricsserver.Options {
	return metricsserver.Options{
		BindAddress:   *o.metricsBindAddress,
		SecureServing: *o.metricsCertDir != "",
		CertDir:       *o.metricsCertDir,
	}
}
