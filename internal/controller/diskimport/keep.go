// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

// outlives reports whether the claim stays when its DiskImport is deleted: that
// is asked for, nobody deletes the claim itself, and its disk is whole.
func outlives(cr *v1alpha1.DiskImport, v view) bool {
	final := v.volume.Final
	switch {
	case cr.Spec.ForProvider.Retention != v1alpha1.RetentionRetain, !v.volume.Ours(), final.GetDeletionTimestamp() != nil:
		return false
	case v.volume.Note != nil:
		// The disk is whole since before the claim was made; but a claim that is
		// lost never ends its handover.
		return final.Status.Phase != corev1.ClaimLost
	case v.blank:
		return final.Status.Phase != corev1.ClaimPending || v.completed
	}
	return true
}

// ties are what leads from a published claim to its DiskImport, and whose work
// it is. What the claim says of its disk is no tie, nor is what target asks for.
func ties(cr *v1alpha1.DiskImport) volume.Metadata {
	m := volume.Metadata{Labels: labels(cr), Annotations: annotations(cr)}
	m.Labels[workload.LabelComponent] = componentDisk
	return m
}
