// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// Discard asks for the removal of everything that exists of a disk, whichever
// state it is in. It creates nothing, so that it works in a namespace that is
// going. It does not wait: Inspect says when all is gone.
func (c *Client) Discard(ctx context.Context, s State) error {
	if s.Ours() {
		// The volume stays retained until its claim is gone. A claim that is
		// deleted before it is bound would leave a volume that nobody reclaims.
		if err := c.deleteFinal(ctx, s); err != nil || s.Note != nil {
			return err
		}
	}
	if s.Note != nil {
		if err := c.release(ctx, s); err != nil {
			return err
		}
	}
	return c.DeleteStaging(ctx, s)
}

func (c *Client) deleteFinal(ctx context.Context, s State) error {
	if s.Final.GetDeletionTimestamp() != nil {
		return nil
	}
	uid := s.Final.GetUID()
	err := c.kube.Delete(ctx, s.Final, client.Preconditions{UID: &uid})
	return errors.Wrap(client.IgnoreNotFound(err), "cannot delete claim")
}

// release gives a volume in the middle of a handover its reclaim policy back.
// A volume that waits for a final claim which will not come is given the UID
// of the claim that it was made for: Kubernetes then sees that its claim is
// gone, and reclaims it as the policy says.
func (c *Client) release(ctx context.Context, s State) error {
	v := s.Volume.DeepCopy()
	v.Spec.PersistentVolumeReclaimPolicy = s.Note.ReclaimPolicy
	if r := v.Spec.ClaimRef; r != nil && r.UID == "" && !s.Ours() {
		r.UID = s.Note.StagingUID
	}
	delete(v.Labels, LabelOwner)
	delete(v.Annotations, annotationHandover)
	return errors.Wrap(c.patch(ctx, s.Volume, v), "cannot release volume")
}

// Stage makes the staging claim, or the claim of an empty disk, or accepts the
// one that is there: Inspect says whose it is.
func (c *Client) Stage(ctx context.Context, p *corev1.PersistentVolumeClaim) error {
	err := c.kube.Create(ctx, p.DeepCopy())
	return errors.Wrapf(ignoreExists(err), "cannot create claim %q", p.GetName())
}

// DryRun asks the API server whether it would accept a claim, and makes none.
// The error is the API server's own.
func (c *Client) DryRun(ctx context.Context, p *corev1.PersistentVolumeClaim) error {
	return ignoreExists(c.kube.Create(ctx, p.DeepCopy(), client.DryRunAll))
}

// Refresh gives the final claim the labels and annotations that it should
// have, and at least the given size. It takes none away: others write there.
func (c *Client) Refresh(ctx context.Context, s State, want Metadata) error {
	p := s.Final.DeepCopy()
	for k, v := range want.Labels {
		metav1.SetMetaDataLabel(&p.ObjectMeta, k, v)
	}
	for k, v := range want.Annotations {
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, k, v)
	}
	if want.Request.Cmp(p.Spec.Resources.Requests[corev1.ResourceStorage]) > 0 {
		p.Spec.Resources.Requests[corev1.ResourceStorage] = want.Request
	}
	return errors.Wrap(c.kube.Patch(ctx, p, client.MergeFrom(s.Final)), "cannot update claim")
}
