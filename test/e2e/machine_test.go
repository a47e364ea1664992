// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// kubevirt installs KubeVirt's kinds, without KubeVirt.
func (n namespace) kubevirt(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"virtualmachines", "virtualmachineinstances"} {
		crd := documents(t, "../integration/testdata/kubevirt/"+kind+".yaml")[0]
		if err := n.Create(t.Context(), crd); client.IgnoreAlreadyExists(err) != nil {
			t.Fatalf("cannot install %s: %v", kind, err)
		}
		l := &unstructured.UnstructuredList{}
		l.SetGroupVersionKind(schema.GroupVersionKind{Group: "kubevirt.io", Version: "v1", Kind: map[string]string{
			"virtualmachines": "VirtualMachineList", "virtualmachineinstances": "VirtualMachineInstanceList"}[kind]})
		eventually(t.Context(), t, kind+" are served", func() error { return n.List(t.Context(), l, client.InNamespace(n.name)) })
	}
}

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
	n.kubevirt(t)
	bucket := n.bucket(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.done(t, n.diskImport(t, "web-system", i.url()))
	n.done(t, n.diskImport(t, "web-data", i.url()))

	on := func(disk, claim string) []any {
		return []any{map[string]any{"name": disk, "persistentVolumeClaim": map[string]any{"claimName": claim}}}
	}
	specs := map[string]map[string]any{
		"VirtualMachine": {"runStrategy": "Halted", "template": map[string]any{"spec": map[string]any{
			"domain": map[string]any{"devices": map[string]any{}}, "volumes": on("system", "web-system"),
		}}},
		"VirtualMachineInstance": {"domain": map[string]any{"devices": map[string]any{}}, "volumes": on("plugged", "web-data")},
	}
	for kind, spec := range specs {
		u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
		u.SetGroupVersionKind(schema.GroupVersionKind{Group: "kubevirt.io", Version: "v1", Kind: kind})
		u.SetNamespace(n.name)
		u.SetName("web")
		n.make(t, u)
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
