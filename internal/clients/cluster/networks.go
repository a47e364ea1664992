// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// Networks returns the prefixes of the cluster's Services and pods, sorted,
// as far as it says what they are: an image must not be read from there unless
// somebody permits it, or whoever may import a disk may read what only the
// cluster's own pods should.
func (c *Cluster) Networks(ctx context.Context) ([]string, error) {
	var ns []string

	services := &networkingv1.ServiceCIDRList{}
	err := c.Client.List(ctx, services)
	// Kubernetes before 1.33 does not have the kind.
	if err != nil && !meta.IsNoMatchError(err) && !kerrors.IsNotFound(err) {
		return nil, errors.Wrap(err, "cannot list ServiceCIDRs")
	}
	for i := range services.Items {
		ns = append(ns, services.Items[i].Spec.CIDRs...)
	}

	nodes := &corev1.NodeList{}
	if err := c.Client.List(ctx, nodes); err != nil {
		return nil, errors.Wrap(err, "cannot list Nodes")
	}
	for i := range nodes.Items {
		ns = append(ns, nodes.Items[i].Spec.PodCIDRs...)
	}

	slices.Sort(ns)
	return slices.Compact(ns), nil
}
