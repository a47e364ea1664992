// SPDX-License-Identifier: Apache-2.0

package cdi

import (
	corev1 "k8s.io/api/core/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/origin"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Missing says that the cluster has no CDI, which alone could do what is asked
// for.
func Missing(p v1alpha1.DiskImportParameters) *diagnosis.Finding {
	instead := "write engine: Mover, or leave it out"
	switch {
	case p.Source.PVC != nil:
		instead = "clone a claim of the same namespace, which the mover copies"
	case p.Source.Snapshot != nil:
		instead = "restore the snapshot to a claim, and name that in source.pvc"
	case p.Source.DataSource != nil:
		instead = "name a claim of the same namespace in source.pvc"
	}
	return finding(v1alpha1.ReasonCDIMissing, "The cluster has no CDI: install the Containerized Data Importer, or %s.", instead)
}

// TooSmall says that a claim is smaller than the one that is cloned to it,
// which CDI refuses, or nil.
func TooSmall(o origin.Disk, claim corev1.PersistentVolumeClaimSpec) *diagnosis.Finding {
	if o.Usage.Claim == nil {
		return nil
	}
	has := o.Usage.Claim.Spec.Resources.Requests[corev1.ResourceStorage]
	want := claim.Resources.Requests[corev1.ResourceStorage]
	if want.Cmp(has) >= 0 {
		return nil
	}
	return finding(v1alpha1.Reason(transfer.ReasonTargetTooSmall),
		"Claim %q is of %s, and one of %s would be cloned from it: write a larger target.size.", o.Claim.Name, has.String(), want.String())
}
