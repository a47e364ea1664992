// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

func ofMachine(name, disk string) exportEdit {
	return func(d *diskv1alpha1.DiskExport) {
		d.Spec.ForProvider.Source = diskv1alpha1.ExportSource{VirtualMachine: &diskv1alpha1.MachineSource{Name: name, Disk: disk}}
	}
}

// TestExportOfMachine exports disks of a virtual machine with the rights that
// the provider ships with: one of its own, and one that is plugged into its
// instance alone.
func TestExportOfMachine(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	bucket := n.bucket(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.done(t, n.diskImport(t, "web-system", i.url()))
	n.done(t, n.diskImport(t, "web-data", i.url()))

	// KubeVirt leaves the instance of a machine alone whose strategy is Manual,
	// and takes one of its name for its own.
	on := func(disk, claim string) string {
		return fmt.Sprintf("{domain: {memory: {guest: 64Mi}, devices: {disks: [{name: %[1]s, disk: {bus: virtio}}]}}, volumes: [{name: %[1]s, persistentVolumeClaim: {claimName: %[2]s}}]}", disk, claim)
	}
	for kind, spec := range map[string]string{
		"VirtualMachine":         "{runStrategy: Manual, template: {spec: " + on("system", "web-system") + "}}",
		"VirtualMachineInstance": on("plugged", "web-data"),
	} {
		n.make(t, n.parsed(t, "{apiVersion: kubevirt.io/v1, kind: "+kind+", metadata: {name: web}, spec: "+spec+"}"))
	}
	for disk, claim := range map[string]string{"system": "web-system", "plugged": "web-data"} {
		d := n.diskExport(t, disk, "", in(bucket, disk+".qcow2"), ofMachine("web", disk))
		n.exported(t, d)
		if got := d.Status.AtProvider.ClaimName; got != claim {
			t.Errorf("disk %s was read from claim %q, want %q", disk, got, claim)
		}
	}
	d := n.diskExport(t, "other", "", in(bucket, "other.qcow2"), ofMachine("web", "other"))
	holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskExport) error {
		if r := d.Status.GetCondition("Ready").Reason; r != diskv1alpha1.ReasonDiskNotFound {
			return fmt.Errorf("it is %s: %s", r, d.Status.AtProvider.Message)
		}
		return nil
	})
	t.Log(d.Status.AtProvider.Message)
}
