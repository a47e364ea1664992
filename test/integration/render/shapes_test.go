// SPDX-License-Identifier: Apache-2.0

//go:build integration

package render

import (
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// A shape is how a cluster keeps what a user has written.
type shape struct {
	configuration string
	owner         string
	of            func(manifest object) object
}

// uid of the composite resource in all shapes: addresses follow from it.
const uid = "0c9e1b9a-5d5c-4a86-8d60-0f2b4a1d7c11"

// shapes are those of the two configurations.
func shapes() []shape {
	return []shape{
		{"configuration", "Wukong", func(m object) object {
			u := (&unstructured.Unstructured{Object: m}).DeepCopy()
			u.SetNamespace("demo")
			u.SetUID(uid)
			return u.Object
		}},
		{"configuration-claims", "XWukong", func(m object) object {
			u := (&unstructured.Unstructured{Object: m}).DeepCopy()
			claim := map[string]any{"apiVersion": u.GetAPIVersion(), "kind": u.GetKind(), "namespace": "demo", "name": u.GetName()}
			u.SetKind("XWukong")
			u.SetName(u.GetName() + "-x7k2p")
			u.SetUID(uid)
			set(u, claim, "spec", "claimRef")
			set(u, "Automatic", "spec", "compositionUpdatePolicy")
			set(u, map[string]any{"name": "wukong"}, "spec", "compositionRef")
			return u.Object
		}},
	}
}

// TestContractInBothShapes renders each manifest that users already write
// through both configurations until nothing changes: the same is made in the
// same namespace, and in the end the machine is.
func TestContractInBothShapes(t *testing.T) {
	c := start(t)
	files, err := filepath.Glob(filepath.Join(root, "examples", "contract", "*.yaml"))
	if err != nil || len(files) != 11 {
		t.Fatalf("found %d manifests, want 11: %v", len(files), err)
	}
	machines := 0
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			manifest := read(t, "examples/contract/"+filepath.Base(f))
			var made [][]object
			var phases []any
			for _, s := range shapes() {
				r := c.settle(t, s, manifest)
				made = append(made, anonymous(r.composed))
				phase, _, _ := unstructured.NestedString(r.xr, "status", "phase")
				phases = append(phases, phase)
				for _, o := range r.composed {
					u := unstructured.Unstructured{Object: o}
					if owner := u.GetOwnerReferences(); len(owner) != 1 || owner[0].Kind != s.owner || u.GetNamespace() != "demo" {
						t.Errorf("%s: %s %s is in namespace %q and belongs to %v", s.configuration, u.GetKind(), u.GetName(), u.GetNamespace(), owner)
					}
				}
				if phase == "Running" {
					machines++
					expectConditions(t, r, map[string]string{"Ready": "True", "Synced": "True", "DisksAccepted": "True", "VolumesBound": "True", "NetworksConfigured": "True", "VirtualMachineComposed": "True"})
				}
			}
			if diff := cmp.Diff(made[0], made[1]); diff != "" {
				t.Errorf("what the configurations make differs:\n%s", diff)
			}
			if phases[0] != phases[1] {
				t.Errorf("phases differ: %v", phases)
			}
		})
	}
	if machines < 18 {
		t.Errorf("only %d machines run in the end, of 11 manifests in two shapes", machines)
	}
}

// settle renders until what is composed stays the same.
func (c crossplane) settle(t *testing.T, s shape, manifest object) rendering {
	t.Helper()
	c.folder = "package/" + s.configuration
	xr := s.of(manifest)
	r := c.render(t, xr, nil)
	for range 5 {
		next := c.render(t, xr, observed(r.composed, arrived))
		if len(next.deleted) > 0 {
			t.Errorf("%s: deleted on the way: %v", s.configuration, all(next.deleted))
		}
		if cmp.Equal(all(r.composed), all(next.composed)) {
			return next
		}
		r = next
	}
	t.Fatalf("%s: what is composed does not settle", s.configuration)
	return r
}

// anonymous are the objects without what says which composite resource they
// belong to.
func anonymous(objects []object) []object {
	byName := map[string]object{}
	for _, o := range objects {
		u := (&unstructured.Unstructured{Object: o}).DeepCopy()
		u.SetOwnerReferences(nil)
		labels := u.GetLabels()
		for _, l := range []string{"crossplane.io/composite", "crossplane.io/claim-name", "crossplane.io/claim-namespace"} {
			delete(labels, l)
		}
		u.SetLabels(labels)
		byName[u.GetKind()+"/"+u.GetName()] = u.Object
	}
	var out []object
	for _, name := range all(objects) {
		out = append(out, byName[name])
	}
	return out
}
