// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"slices"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	policyv1alpha1 "github.com/crossplane/upjet/v2/apis/configuration/v1alpha1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
)

const (
	// minPoll is the shortest interval that an annotation may ask for.
	minPoll = 5 * time.Second

	// BackoffBase is the first back-off of a resource whose configuration
	// sets none.
	BackoffBase = time.Second

	// BackoffMax is its longest.
	BackoffMax = time.Minute
)

// reconcilerOptions are the options of a reconciler that do not depend on what
// is reconciled. next says when to look at a resource again.
func reconcilerOptions(o controller.Options, next managed.PollIntervalHook) []managed.ReconcilerOption {
	out := []managed.ReconcilerOption{
		managed.WithDeterministicExternalName(true),
		managed.WithPollInterval(o.PollInterval),
		managed.WithMinPollInterval(minPoll),
		managed.WithPollIntervalHook(next),
		managed.WithCreationGracePeriod(0), // Reads come from the API server itself.
	}
	if o.MetricOptions != nil {
		out = append(out, managed.WithMetricRecorder(o.MetricOptions.MRMetrics))
	}
	if o.Features.Enabled(feature.EnableBetaManagementPolicies) {
		out = append(out, managed.WithManagementPolicies())
	}
	if o.Features.Enabled(feature.EnableAlphaChangeLogs) {
		out = append(out, managed.WithChangeLogger(o.ChangeLogOptions.ChangeLogger))
	}
	return out
}

// Patience is how long to wait before something is looked at again that goes on
// since a time: a quarter of that, within bounds. What has just begun is seen
// soon, and hundreds that wait for a place on a node do not keep the API server
// from the few that have one.
func Patience(since time.Time, least, most time.Duration) time.Duration {
	return min(max(time.Since(since)/4, least), most)
}

// BackoffOf returns the back-off that the configuration of a resource sets, or
// nil if it sets none, or does not exist: Connect says so better.
func BackoffOf(ctx context.Context, c client.Client, mg resource.Managed) (*policyv1alpha1.ReconciliationPolicy, error) {
	mm, ok := mg.(resource.ModernManaged)
	if !ok || mm.GetProviderConfigReference() == nil {
		return nil, nil //nolint:nilnil // No policy is no error.
	}
	ref := mm.GetProviderConfigReference()
	if ref.Kind == configv1alpha1.ProviderConfigKind {
		pc := &configv1alpha1.ProviderConfig{}
		err := c.Get(ctx, types.NamespacedName{Namespace: mg.GetNamespace(), Name: ref.Name}, pc)
		return pc.Spec.ReconciliationPolicy, ignoreNotFound(err)
	}
	pc := &configv1alpha1.ClusterProviderConfig{}
	err := c.Get(ctx, types.NamespacedName{Name: ref.Name}, pc)
	return pc.Spec.ReconciliationPolicy, ignoreNotFound(err)
}

func ignoreNotFound(err error) error {
	if kerrors.IsNotFound(err) {
		return nil
	}
	return errors.Wrap(err, "cannot get provider configuration")
}

// May reports whether the management policies of a resource permit an action.
func May(mg resource.Managed, a xpv2.ManagementAction) bool {
	ps := mg.GetManagementPolicies()
	return len(ps) == 0 || slices.Contains(ps, xpv2.ManagementActionAll) || slices.Contains(ps, a)
}
