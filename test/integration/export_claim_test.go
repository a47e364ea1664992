// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// TestExportToClaim makes an artifact on a claim, and takes the claim away.
func TestExportToClaim(t *testing.T) {
	start(t)
	ns := namespace(t)
	newClaim(t, ns, "disk")
	newClaim(t, ns, "backups")
	cr := newExport(t, ns, "onto", func(cr *diskv1alpha1.DiskExport) {
		cr.Spec.ForProvider.Target = diskv1alpha1.ExportTarget{PVC: &diskv1alpha1.ClaimTarget{Name: "backups", Path: "vms/disk.qcow2"}}
	})
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	within(t, "the status should say on which volume the artifact is", func() error {
		if err := get(t, cr); err != nil {
			return err
		}
		if a := cr.Status.AtProvider.Artifact; a.URI != "pvc://backups/vms/disk.qcow2" || a.Volume != "backups."+ns {
			return fmt.Errorf("it says %+v", a)
		}
		return nil
	})
	look := func(why string) {
		t.Helper()
		within(t, "the export should be looked at", func() error {
			if err := get(t, cr); err != nil {
				return err
			}
			cr.Labels = map[string]string{"look": why}
			return kube.client.Update(t.Context(), cr)
		})
	}
	backups := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "backups"}}
	must(t, kube.client.Delete(t.Context(), backups))
	gone(t, backups)
	look("gone")
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, diskv1alpha1.ReasonArtifactMissing)

	newClaim(t, ns, "backups")
	cr.Spec.ForProvider.Trigger = "again"
	within(t, "the trigger should be written", func() error {
		if err := get(t, cr); err != nil {
			return err
		}
		cr.Spec.ForProvider.Trigger = "again"
		return kube.client.Update(t.Context(), cr)
	})
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
}
