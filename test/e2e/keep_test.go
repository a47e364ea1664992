// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

func kept(d vmv1alpha1.Disk) vmv1alpha1.Disk {
	d.Retention = "Retain"
	return d
}

// TestKeepDisks takes disks away from a machine, and then the machine itself:
// what is to be kept stays, with its bytes, and the others go.
func TestKeepDisks(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	// Nothing uses its disks: a claim that a pod uses waits for that pod to go.
	w := n.halted(t, "machine",
		kept(n.disk("system", i.url())), kept(n.disk("data", "")), n.disk("scratch", ""), n.disk("spare", i.url()), kept(n.disk("taken", "")))
	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		for _, v := range w.Status.Volumes {
			if !v.Bound {
				return fmt.Errorf("volume %s is not bound: %s", v.Name, w.Status.Message)
			}
		}
		if len(w.Status.Volumes) != len(w.Spec.Disks) || w.Status.Phase != vmv1alpha1.PhaseStopped {
			return fmt.Errorf("it is %s, with %d volumes: %s", w.Status.Phase, len(w.Status.Volumes), w.Status.Message)
		}
		return nil
	})

	n.change(t, w, func() { w.Spec.Disks = w.Spec.Disks[:2] })
	for _, disk := range []string{"scratch", "spare", "taken"} {
		gone(t.Context(), t, n, &diskv1alpha1.DiskImport{ObjectMeta: n.meta("machine-" + disk)})
	}
	gone(t.Context(), t, n, n.claim("machine-scratch"))
	gone(t.Context(), t, n, n.claim("machine-spare"))

	n.remove(t.Context(), t, w)
	for _, disk := range []string{"system", "data"} {
		gone(t.Context(), t, n, &diskv1alpha1.DiskImport{ObjectMeta: n.meta("machine-" + disk)})
	}
	for _, disk := range []string{"system", "data", "taken"} {
		n.stays(t, "machine-"+disk)
	}
	n.equals(t, "machine-system", i, 64<<20)
}

// stays checks that a claim and its volume are there, and belong to nobody.
func (n namespace) stays(t *testing.T, claim string) {
	t.Helper()
	c := n.claim(claim)
	if err := n.Get(t.Context(), client.ObjectKeyFromObject(c), c); err != nil {
		t.Errorf("claim %s should have been kept: %v", claim, err)
		return
	}
	if c.DeletionTimestamp != nil || c.Status.Phase != corev1.ClaimBound || len(c.OwnerReferences) > 0 {
		t.Errorf("claim %s is %s, deleted %v, of %v", claim, c.Status.Phase, c.DeletionTimestamp, c.OwnerReferences)
	}
	v := &corev1.PersistentVolume{}
	if err := n.Get(t.Context(), client.ObjectKey{Name: c.Spec.VolumeName}, v); err != nil {
		t.Errorf("cannot get volume of claim %s: %v", claim, err)
	}
	if p := v.Spec.PersistentVolumeReclaimPolicy; p != corev1.PersistentVolumeReclaimDelete {
		t.Errorf("the volume of claim %s is reclaimed by %s, want the policy of its class", claim, p)
	}
}
