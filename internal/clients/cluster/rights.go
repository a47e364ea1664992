// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"

	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// MayCreate reports whether RBAC lets the provider create objects of a kind,
// named by group and plural, in a namespace. The API server answers Forbidden
// for lack of rights as well as for a quota, and only this tells them apart.
func (c *Cluster) MayCreate(ctx context.Context, namespace, group, plural string) (bool, error) {
	r, err := c.typed.AuthorizationV1().SelfSubjectAccessReviews().Create(ctx, &authorizationv1.SelfSubjectAccessReview{
		Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: "create", Group: group, Resource: plural,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, errors.Wrap(err, "cannot ask target cluster for rights")
	}
	return r.Status.Allowed, nil
}

// MayClone reports whether RBAC lets the service account default of a
// namespace clone what has the given name, a claim, a snapshot or a DataSource,
// in another namespace: the right to create datavolumes/source there, which CDI
// asks for. CDI itself asks about whoever makes the DataVolume, and that is the
// provider.
func (c *Cluster) MayClone(ctx context.Context, tenant, namespace, name string) (bool, error) {
	r, err := c.typed.AuthorizationV1().SubjectAccessReviews().Create(ctx, &authorizationv1.SubjectAccessReview{
		Spec: authorizationv1.SubjectAccessReviewSpec{
			User:   "system:serviceaccount:" + tenant + ":default",
			Groups: []string{"system:serviceaccounts", "system:serviceaccounts:" + tenant, "system:authenticated"},
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: "create", Group: "cdi.kubevirt.io", Resource: "datavolumes", Subresource: "source", Name: name,
			},
		},
	}, metav1.CreateOptions{})
	if err != nil {
		return false, errors.Wrap(err, "cannot ask target cluster for the rights of namespace "+tenant)
	}
	return r.Status.Allowed, nil
}

// Quotas returns the quotas of a namespace.
func (c *Cluster) Quotas(ctx context.Context, namespace string) ([]corev1.ResourceQuota, error) {
	l := &corev1.ResourceQuotaList{}
	err := c.Client.List(ctx, l, client.InNamespace(namespace))
	return l.Items, errors.Wrap(err, "cannot list ResourceQuotas")
}
