// SPDX-License-Identifier: Apache-2.0

//go:build integration

package render

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestUntilReady follows the example with two disks from nothing to Ready.
func TestUntilReady(t *testing.T) {
	c := start(t)
	xr := read(t, "examples/wukong/two-disks.yaml")
	_ = unstructured.SetNestedField(xr, "demo", "metadata", "namespace")

	first := c.render(t, xr, nil)
	if got := all(first.composed); !cmp.Equal(got, []string{"DiskImport/database-data", "DiskImport/database-system"}) {
		t.Fatalf("composed %v", got)
	}
	for _, o := range first.composed {
		u := unstructured.Unstructured{Object: o}
		if owner := u.GetOwnerReferences(); len(owner) != 1 || owner[0].Kind != "Wukong" || owner[0].Name != "database" || u.GetNamespace() != "demo" {
			t.Errorf("%s is in namespace %q and belongs to %v", u.GetName(), u.GetNamespace(), owner)
		}
	}
	expectConditions(t, first, map[string]string{"Ready": "False", "Synced": "True", "DisksAccepted": "True", "VolumesBound": "False", "VirtualMachineComposed": "False"})

	half := c.render(t, xr, observed(first.composed, func(u *unstructured.Unstructured) {
		if u.GetName() == "database-system" {
			set(u, map[string]any{"phase": "Importing", "progress": map[string]any{"percent": float64(50), "bytesPerSecond": float64(1 << 20)}}, "status", "atProvider")
			return
		}
		arrived(u)
	}))
	expectStatus(t, half, "Creating", "50%")
	expectConditions(t, half, map[string]string{"Ready": "False", "Synced": "True", "VolumesBound": "False"})

	whole := c.render(t, xr, observed(first.composed, arrived))
	expectStatus(t, whole, "Creating", "100%")
	expectConditions(t, whole, map[string]string{"Ready": "False", "VolumesBound": "True", "NetworksConfigured": "True", "VirtualMachineComposed": "False"})

	machine := c.render(t, xr, observed(whole.composed, arrived))
	expectStatus(t, machine, "Running", "100%")
	expectConditions(t, machine, map[string]string{"Ready": "True", "Synced": "True", "DisksAccepted": "True", "VolumesBound": "True", "VirtualMachineComposed": "True"})
	if n := len(whole.deleted) + len(machine.deleted); n != 0 {
		t.Errorf("%d resources are deleted on the way", n)
	}
}

// arrived is what becomes of a composed resource in the end.
func arrived(u *unstructured.Unstructured) {
	ready := []any{map[string]any{"type": "Ready", "status": "True", "reason": "Available", "lastTransitionTime": "2026-01-01T00:00:00Z"}}
	switch u.GetKind() {
	case "DiskImport":
		set(u, map[string]any{"phase": "Succeeded", "claimName": u.GetName()}, "status", "atProvider")
		set(u, ready, "status", "conditions")
	case "DiskExport":
		set(u, map[string]any{"phase": "Succeeded", "artifact": map[string]any{"uri": "s3://x/y"}}, "status", "atProvider")
		set(u, ready, "status", "conditions")
	case "VirtualMachine":
		set(u, "Running", "status", "printableStatus")
	}
}

// TestSettled renders a Wukong whose status says already what there is to say.
// A time that changes then would begin the next pass, and that one another,
// until Crossplane's circuit breaker opens.
func TestSettled(t *testing.T) {
	const then = "2020-01-01T00:00:00Z"
	c := start(t)
	xr := read(t, "examples/wukong/http.yaml")
	_ = unstructured.SetNestedField(xr, "demo", "metadata", "namespace")
	found := observed(c.render(t, xr, nil).composed, func(*unstructured.Unstructured) {})

	before, _, _ := unstructured.NestedMap(c.render(t, xr, found).xr, "status")
	conditions, _, _ := unstructured.NestedSlice(before, "conditions")
	for _, c := range conditions {
		if m, ok := c.(map[string]any); ok {
			m["lastTransitionTime"] = then
		}
	}
	before["conditions"] = conditions
	_ = unstructured.SetNestedMap(xr, before, "status")

	after, _, _ := unstructured.NestedMap(c.render(t, xr, found).xr, "status")
	if diff := cmp.Diff(before, after); diff != "" {
		t.Errorf("nothing has changed but the status, -before +after:\n%s", diff)
	}
}

// TestRefusedDiskKeepsOthers renders the contract's manifest with everything
// in it, and one disk that this release cannot make: what is refused does not
// hold up the rest, and Crossplane says that the Wukong is not ready.
func TestRefusedDiskKeepsOthers(t *testing.T) {
	c := start(t)
	xr := read(t, "examples/contract/wukong-full.yaml")
	_ = unstructured.SetNestedField(xr, "demo", "metadata", "namespace")
	disks, _, _ := unstructured.NestedSlice(xr, "spec", "disks")
	disks[2] = map[string]any{"name": "seed", "size": "10Gi", "image": "docker://registry.example.com/Capitals"}
	_ = unstructured.SetNestedSlice(xr, disks, "spec", "disks")
	r := c.render(t, xr, nil)
	if got := all(r.composed); !cmp.Equal(got, []string{"DiskImport/everything-data", "DiskImport/everything-system", "NetworkAttachmentDefinition/everything-management"}) {
		t.Errorf("composed %v", got)
	}
	expectConditions(t, r, map[string]string{"Ready": "False", "Synced": "True", "DisksAccepted": "False"})
}

// TestExports follows the contract's manifest with everything in it until its
// disks are exported.
func TestExports(t *testing.T) {
	c := start(t)
	xr := read(t, "examples/contract/wukong-full.yaml")
	_ = unstructured.SetNestedField(xr, "demo", "metadata", "namespace")

	first := c.render(t, xr, nil)
	imports := []string{
		"DiskImport/everything-data", "DiskImport/everything-seed", "DiskImport/everything-system",
		"NetworkAttachmentDefinition/everything-management",
	}
	if got := all(first.composed); !cmp.Equal(got, imports) {
		t.Fatalf("composed %v", got)
	}
	expectConditions(t, first, map[string]string{"Ready": "False", "Synced": "True", "DisksAccepted": "True"})

	second := c.render(t, xr, observed(first.composed, arrived))
	exports := []string{"DiskExport/everything-seed-6d6f624e", "DiskExport/everything-system-a669e429"}
	machine := []string{"Secret/everything-cloud-init", "VirtualMachine/everything"}
	if got := all(second.composed); !cmp.Equal(got, slices.Concat(exports, imports, machine)) {
		t.Fatalf("composed %v", got)
	}
	expectConditions(t, second, map[string]string{"Ready": "False", "VolumesBound": "True"})

	third := c.render(t, xr, observed(second.composed, arrived))
	expectConditions(t, third, map[string]string{"Ready": "True", "DisksAccepted": "True"})
	expectStatus(t, third, "Running", "100%")
}

// all are the names of the objects, sorted.
func all(objects []object) []string {
	var out []string
	for _, o := range objects {
		u := unstructured.Unstructured{Object: o}
		out = append(out, u.GetKind()+"/"+u.GetName())
	}
	slices.Sort(out)
	return out
}

// observed are the composed resources as the cluster would show them.
func observed(composed []object, change func(*unstructured.Unstructured)) []object {
	var out []object
	for _, o := range composed {
		u := (&unstructured.Unstructured{Object: o}).DeepCopy()
		change(u)
		out = append(out, u.Object)
	}
	return out
}

func set(u *unstructured.Unstructured, value any, path ...string) {
	_ = unstructured.SetNestedField(u.Object, value, path...)
}

func expectStatus(t *testing.T, r rendering, phase, progress string) {
	t.Helper()
	status, _, _ := unstructured.NestedMap(r.xr, "status")
	if status["phase"] != phase || status["progress"] != progress {
		t.Errorf("want phase %s and progress %s, got %v and %v: %v", phase, progress, status["phase"], status["progress"], status["message"])
	}
}

func expectConditions(t *testing.T, r rendering, want map[string]string) {
	t.Helper()
	got, said := map[string]string{}, map[string]any{}
	conditions, _, _ := unstructured.NestedSlice(r.xr, "status", "conditions")
	for _, c := range conditions {
		m, _ := c.(map[string]any)
		name, _ := m["type"].(string)
		if _, asked := want[name]; asked {
			got[name], _ = m["status"].(string)
			said[name] = m["message"]
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("conditions, -want +got:\n%s\nthey say %v", diff, said)
	}
}
