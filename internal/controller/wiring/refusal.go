// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/cluster"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// A Request is what the API server was asked to create.
type Request struct {
	Namespace string
	Resource  schema.GroupResource

	// Demand is what quotas count of it.
	Demand corev1.ResourceList
}

// Refusal finds out why the API server refuses a request. No refusal is no
// finding; one that is worth another try is the error.
func Refusal(ctx context.Context, c *cluster.Cluster, refused error, r Request) (*diagnosis.Finding, error) {
	if refused == nil {
		return nil, nil //nolint:nilnil // No refusal is no finding.
	}
	var quotas []corev1.ResourceQuota
	permitted := true
	if kerrors.IsForbidden(refused) {
		var err error
		if permitted, err = c.MayCreate(ctx, r.Namespace, r.Resource.Group, r.Resource.Resource); err != nil {
			return nil, err
		}
		if quotas, err = c.Quotas(ctx, r.Namespace); err != nil {
			return nil, err
		}
	}
	f := diagnosis.Refusal(refused, permitted, quotas, r.Demand)
	if f == nil {
		return nil, errors.Wrap(refused, "cannot ask whether the transfer can begin")
	}
	return f, nil
}

// configProblem returns what is wrong with a configuration that cannot be used,
// and whether it, or what it names, is missing. An error of another kind gives
// no finding.
func configProblem(err error) (f *diagnosis.Finding, missing bool) {
	var ce *cluster.ConfigError
	if !errors.As(err, &ce) {
		return nil, false
	}
	r := v1alpha1.ReasonProviderConfigInvalid
	if ce.Missing {
		r = v1alpha1.ReasonProviderConfigNotFound
	}
	return &diagnosis.Finding{Reason: r, Message: diagnosis.Sentence(err)}, ce.Missing
}
