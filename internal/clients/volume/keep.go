// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// annotationKept is on a claim that was kept when the resource that made it was
// deleted. Its value is the resource's name.
const annotationKept = prefix + "kept-from"

// KeptFrom returns the name of the resource that made the final claim and that
// the claim has outlived, or "".
func (s State) KeptFrom() string {
	if s.Final == nil {
		return ""
	}
	return s.Final.GetAnnotations()[annotationKept]
}

// Keep takes the next step of letting go of a disk whose final claim outlives
// its owner. The claim stays as it is, with a note from whom it was kept and
// without ties, which are what it got from its owner: the label of the owner
// comes off with them, so that nothing that looks for the disk finds it any
// more. A handover is ended first. It may be called again after any failure.
func (c *Client) Keep(ctx context.Context, s State, owner string, ties Metadata) error {
	switch {
	case s.Note == nil:
	case s.Final.Status.Phase == corev1.ClaimBound:
		return c.Restore(ctx, s)
	default:
		return nil // Kubernetes is about to bind it.
	}
	p := s.Final.DeepCopy()
	drop(p.Labels, ties.Labels)
	drop(p.Annotations, ties.Annotations)
	delete(p.Labels, LabelOwner)
	metav1.SetMetaDataAnnotation(&p.ObjectMeta, annotationKept, owner)
	err := c.kube.Patch(ctx, p, client.MergeFromWithOptions(s.Final, client.MergeFromWithOptimisticLock{}))
	return errors.Wrap(client.IgnoreNotFound(err), "cannot let go of claim")
}

// drop removes what somebody else has not changed.
func drop(from, what map[string]string) {
	for k, v := range what {
		if from[k] == v {
			delete(from, k)
		}
	}
}

// DeleteUnbound deletes an empty claim that is not bound, unless it has changed
// since it was inspected: it may be bound now, and used.
func (c *Client) DeleteUnbound(ctx context.Context, s State) error {
	uid, version := s.Final.GetUID(), s.Final.GetResourceVersion()
	err := c.kube.Delete(ctx, s.Final, client.Preconditions{UID: &uid, ResourceVersion: &version})
	return errors.Wrap(client.IgnoreNotFound(err), "cannot delete empty claim")
}
