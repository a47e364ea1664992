// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"net/url"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	kerrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/clients/cluster"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

// health says whether the target cluster of a configuration answers, and the S3
// store that it names.
func (r *reconciler) health(ctx context.Context, pc resource.ProviderConfig) xpv2.Condition {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()

	target, err := r.kind.target(ctx, r.clusters, pc)
	if err == nil {
		_, err = target.Version(ctx)
	}
	if err != nil || target.Settings.S3 == nil {
		return condition(err)
	}
	networks, err := target.Networks(ctx)
	if err != nil {
		return condition(err)
	}
	s := target.Settings.S3
	return storeCondition(s.Endpoint, bucket.Answers(ctx, s.Endpoint, []byte(s.CABundle), workload.Policy(target.Settings, networks)))
}

// storeCondition is what an error of a probe of the S3 store means.
func storeCondition(endpoint string, err error) xpv2.Condition {
	if err == nil {
		return v1alpha1.Healthy()
	}
	return v1alpha1.Unhealthy(v1alpha1.ReasonStoreUnreachable, "the S3 store at "+endpoint+" does not answer ("+err.Error()+"): check s3.endpoint, its certificate, the policy, and the network between")
}

// condition is what an error of a probe means. What differs from one probe to
// the next, such as a source port, must not be part of it.
func condition(err error) xpv2.Condition {
	if err == nil {
		return v1alpha1.Healthy()
	}
	var ce *cluster.ConfigError
	switch {
	case errors.As(err, &ce):
		return v1alpha1.Unhealthy(v1alpha1.ReasonCredentialsInvalid, ce.Error())
	case isDenied(err):
		return v1alpha1.Unhealthy(v1alpha1.ReasonCredentialsInvalid, "the target cluster refuses the credentials: renew the kubeconfig")
	}
	var ue *url.Error
	if errors.As(err, &ue) {
		if u, perr := url.Parse(ue.URL); perr == nil {
			return v1alpha1.Unhealthy(v1alpha1.ReasonTargetUnreachable, "the target cluster at "+u.Host+" does not answer: check its address, its certificate, and the network between")
		}
	}
	return v1alpha1.Unhealthy(v1alpha1.ReasonTargetUnreachable, "the target cluster does not answer as an API server does: check the address in the kubeconfig")
}

func isDenied(err error) bool {
	for ; err != nil; err = errors.Unwrap(err) {
		if kerrors.IsUnauthorized(err) || kerrors.IsForbidden(err) {
			return true
		}
	}
	return false
}
