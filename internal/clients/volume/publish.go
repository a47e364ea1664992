// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"encoding/json"
	"maps"
	"strings"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// A Step is one step of a handover.
type Step string

// The steps of a handover, in their order, and what to do when none can be
// taken now.
const (
	// StepRetain keeps the volume whatever happens to its claims.
	StepRetain Step = "Retain"

	// StepStopMover is the caller's: the mover's pods have to go.
	StepStopMover Step = "StopMover"

	// StepDeleteStaging deletes the staging claim.
	StepDeleteStaging Step = "DeleteStaging"

	// StepRebind points the volume at the final claim's name.
	StepRebind Step = "Rebind"

	// StepCreateFinal makes the final claim.
	StepCreateFinal Step = "CreateFinal"

	// StepRestore gives the volume its reclaim policy back.
	StepRestore Step = "Restore"

	// StepWait is for something that Kubernetes does.
	StepWait Step = "Wait"

	// StepDone is when the disk is published.
	StepDone Step = "Done"

	// StepConflict is when somebody else's claim has the final name.
	StepConflict Step = "Conflict"

	// StepLost is when the volume is gone.
	StepLost Step = "Lost"
)

// Next returns the step that follows for a disk that is whole. mover reports
// whether anything of the mover still exists.
func Next(s State, d Disk, mover bool) Step {
	switch {
	case s.Foreign():
		return StepConflict
	case s.Ours():
		return nextOfFinal(s)
	case s.Volume == nil:
		return StepLost
	case s.Note == nil:
		return StepRetain
	case mover:
		return StepStopMover
	case s.Staging != nil && s.Staging.GetDeletionTimestamp() == nil:
		return StepDeleteStaging
	case s.Staging != nil:
		return StepWait
	case !pointsAt(s.Volume, d):
		return StepRebind
	}
	return StepCreateFinal
}

// nextOfFinal is Next once the final claim exists.
func nextOfFinal(s State) Step {
	switch {
	case s.Final.Status.Phase == corev1.ClaimLost:
		return StepLost
	case s.Final.Status.Phase != corev1.ClaimBound:
		return StepWait
	case s.Note != nil:
		return StepRestore
	}
	return StepDone
}

func pointsAt(v *corev1.PersistentVolume, d Disk) bool {
	r := v.Spec.ClaimRef
	return r != nil && r.Namespace == d.Namespace && r.Name == d.Final && r.UID == ""
}

// Retain takes StepRetain.
func (c *Client) Retain(ctx context.Context, s State) error {
	note, err := json.Marshal(Note{
		ReclaimPolicy: s.Volume.Spec.PersistentVolumeReclaimPolicy,
		StagingUID:    s.Staging.GetUID(),
		Request:       s.Staging.Spec.Resources.Requests[corev1.ResourceStorage],
		AccessModes:   s.Staging.Spec.AccessModes,
		Annotations:   ours(s.Staging.GetAnnotations()),
	})
	if err != nil {
		return errors.Wrap(err, "cannot write handover note")
	}
	v := s.Volume.DeepCopy()
	metav1.SetMetaDataLabel(&v.ObjectMeta, LabelOwner, string(s.owner))
	metav1.SetMetaDataAnnotation(&v.ObjectMeta, annotationHandover, string(note))
	v.Spec.PersistentVolumeReclaimPolicy = corev1.PersistentVolumeReclaimRetain
	return errors.Wrap(c.patch(ctx, s.Volume, v), "cannot retain volume")
}

// DeleteStaging takes StepDeleteStaging. The claim stays until no pod uses it.
func (c *Client) DeleteStaging(ctx context.Context, s State) error {
	if s.Staging == nil || s.Staging.GetDeletionTimestamp() != nil {
		return nil
	}
	uid := s.Staging.GetUID()
	err := c.kube.Delete(ctx, s.Staging, client.Preconditions{UID: &uid})
	return errors.Wrap(client.IgnoreNotFound(err), "cannot delete staging claim")
}

// Rebind takes StepRebind.
func (c *Client) Rebind(ctx context.Context, s State, d Disk) error {
	v := s.Volume.DeepCopy()
	v.Spec.ClaimRef = &corev1.ObjectReference{
		APIVersion: "v1", Kind: "PersistentVolumeClaim", Namespace: d.Namespace, Name: d.Final,
	}
	return errors.Wrap(c.patch(ctx, s.Volume, v), "cannot point volume at final claim")
}

// CreateFinal takes StepCreateFinal: a claim with the given labels and
// annotations, and everything else as the volume has it.
func (c *Client) CreateFinal(ctx context.Context, s State, d Disk, labels, annotations map[string]string) error {
	p := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: d.Namespace, Name: d.Final, Annotations: maps.Clone(annotations)},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes:      s.Note.AccessModes,
			StorageClassName: &s.Volume.Spec.StorageClassName,
			VolumeMode:       s.Volume.Spec.VolumeMode,
			VolumeName:       s.Volume.GetName(),
			Resources: corev1.VolumeResourceRequirements{
				Requests: corev1.ResourceList{corev1.ResourceStorage: s.Note.Request},
			},
		},
	}
	for k, v := range s.Note.Annotations {
		metav1.SetMetaDataAnnotation(&p.ObjectMeta, k, v)
	}
	p.SetLabels(withOwner(labels, d))
	return errors.Wrap(c.kube.Create(ctx, p), "cannot create final claim")
}

// Restore takes StepRestore.
func (c *Client) Restore(ctx context.Context, s State) error {
	v := s.Volume.DeepCopy()
	v.Spec.PersistentVolumeReclaimPolicy = s.Note.ReclaimPolicy
	delete(v.Labels, LabelOwner)
	delete(v.Annotations, annotationHandover)
	return errors.Wrap(c.patch(ctx, s.Volume, v), "cannot restore reclaim policy of volume")
}

// patch writes the difference of two versions of a volume, unless somebody
// else has changed it in between.
func (c *Client) patch(ctx context.Context, from, to *corev1.PersistentVolume) error {
	return c.kube.Patch(ctx, to, client.MergeFromWithOptions(from, client.MergeFromWithOptimisticLock{}))
}

// ours are the annotations that are not Kubernetes' or somebody else's.
func ours(annotations map[string]string) map[string]string {
	out := map[string]string{}
	for k, v := range annotations {
		if strings.HasPrefix(k, prefix) {
			out[k] = v
		}
	}
	return out
}

func withOwner(labels map[string]string, d Disk) map[string]string {
	out := map[string]string{}
	maps.Copy(out, labels)
	out[LabelOwner] = string(d.Owner)
	return out
}

// Metadata is what may change of a published claim.
type Metadata struct {
	Labels      map[string]string
	Annotations map[string]string

	// Request is the least size of the claim.
	Request resource.Quantity
}

// Fresh reports whether the final claim is as Refresh would make it.
func (s State) Fresh(want Metadata) bool {
	return contains(s.Final.GetLabels(), want.Labels) && contains(s.Final.GetAnnotations(), want.Annotations) &&
		want.Request.Cmp(s.Final.Spec.Resources.Requests[corev1.ResourceStorage]) <= 0
}

func contains(have, want map[string]string) bool {
	for k, v := range want {
		if have[k] != v {
			return false
		}
	}
	return true
}

func ignoreExists(err error) error {
	if kerrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
