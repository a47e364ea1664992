// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/utils/ptr"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// blank reports whether the disk is to be empty: its claim is made under its
// name at once, and nothing is moved.
func blank(cr *v1alpha1.DiskImport) bool { return cr.Spec.ForProvider.Source.Blank != nil }

// desiredBlank renders the claim of an empty disk.
func desiredBlank(cr *v1alpha1.DiskImport, in inputs) *corev1.PersistentVolumeClaim {
	p, m := desiredStaging(cr, in), finalMetadata(cr)
	p.SetName(claimName(cr))
	p.SetLabels(m.Labels)
	maps.Copy(m.Annotations, p.GetAnnotations())
	p.SetAnnotations(m.Annotations)
	return p
}

// decideBlank is decide for an empty disk whose claim is not bound.
func decideBlank(v view) action {
	switch {
	case v.volume.Final == nil:
		return actionStart
	case pendingBlank(v) && v.other && !v.completed:
		// From the moment that the status says so the claim may be used by a
		// pod that is on its way.
		return actionRestart
	}
	return actionWait
}

// pendingBlank reports whether the claim of an empty disk is there, and not
// bound yet.
func pendingBlank(v view) bool {
	return v.volume.Ours() && v.volume.Final.GetDeletionTimestamp() == nil && v.volume.Final.Status.Phase != corev1.ClaimLost
}

// lookAtBlank finds out what the claim of an empty disk waits for.
func (e *external) lookAtBlank(ctx context.Context, cr *v1alpha1.DiskImport, v *view) error {
	if !pendingBlank(*v) {
		return nil
	}
	// The default class may have changed since the claim was made.
	has := v.volume.Final
	name := cmp.Or(ptr.Deref(cr.Spec.ForProvider.Target.StorageClassName, ""), ptr.Deref(has.Spec.StorageClassName, ""))
	profile, err := e.disks.Profile(ctx, name)
	if err != nil {
		v.unbindable, err = missing(err)
		return err
	}
	v.awaits = profile.Waits
	v.other = !alike(has.Spec, desiredBlank(cr, inputs{profile: profile}).Spec)
	v.unbindable = diagnosis.Unprovisioned(v.volume.Events)
	return nil
}

// alike reports whether one claim asks for what another does.
func alike(a, b corev1.PersistentVolumeClaimSpec) bool {
	size := a.Resources.Requests[corev1.ResourceStorage]
	return ptr.Deref(a.StorageClassName, "") == ptr.Deref(b.StorageClassName, "") && slices.Equal(a.AccessModes, b.AccessModes) &&
		ptr.Deref(a.VolumeMode, "") == ptr.Deref(b.VolumeMode, "") && size.Cmp(b.Resources.Requests[corev1.ResourceStorage]) == 0
}

// reportOfBlank says where an empty disk stands.
func reportOfBlank(cr *v1alpha1.DiskImport, v view) report {
	name, class := claimName(cr), ""
	if v.volume.Final != nil {
		class = ptr.Deref(v.volume.Final.Spec.StorageClassName, "")
	}
	switch {
	case v.volume.Final == nil:
		return report{phase: v1alpha1.PhasePending, doing: v1alpha1.ReasonPending, message: fmt.Sprintf("Claim %q is being made.", name)}
	case v.volume.Foreign():
		return troubled(v1alpha1.PhaseFailed, conflict(cr, v))
	case v.volume.Final.GetDeletionTimestamp() != nil:
		return troubled(v1alpha1.PhasePending, &diagnosis.Finding{
			Reason:  v1alpha1.ReasonClaimLost,
			Message: fmt.Sprintf("Claim %q is being deleted. When it is gone an empty one is made; delete the DiskImport to prevent that.", name),
		})
	case v.volume.Published():
		return report{phase: v1alpha1.PhaseSucceeded, doing: v1alpha1.ReasonComplete,
			message: fmt.Sprintf("The disk was made empty, in claim %q.", name)}.despite(v.ungrown)
	case v.volume.Final.Status.Phase == corev1.ClaimLost:
		return troubled(v1alpha1.PhaseFailed, &diagnosis.Finding{
			Reason: v1alpha1.ReasonVolumeLost,
			Message: fmt.Sprintf("Claim %q has lost its volume %q: restore the volume, or delete the claim to begin with an empty one.",
				name, v.volume.Final.Spec.VolumeName),
		})
	case v.unbindable != nil && !v.awaits:
		return troubled(v1alpha1.PhasePending, v.unbindable)
	case v.awaits && (v.completed || !v.other):
		return report{phase: v1alpha1.PhaseSucceeded, doing: v1alpha1.ReasonWaitingForFirstConsumer,
			message: fmt.Sprintf("Claim %q is bound when a pod uses it first, as StorageClass %q has it.", name, class)}
	}
	return report{phase: v1alpha1.PhasePending, doing: v1alpha1.ReasonPending,
		message: fmt.Sprintf("Claim %q waits for a volume of StorageClass %q.", name, class)}
}
