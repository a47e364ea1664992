// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

var update = flag.Bool("update", false, "write the golden files anew")

// A story is a Wukong that is composed again and again while the cluster
// around it changes. The golden file holds what each pass decides.
type story struct {
	reason string
	spec   string
	steps  []step
}

// A step is one pass: its name, and what has changed since the one before.
type step struct {
	name   string
	change func(*Input)
}

const (
	namespace = "demo"
	uid       = types.UID("0c9e1b9a-5d5c-4a86-8d60-0f2b4a1d7c11")
)

func TestStories(t *testing.T) {
	for name, s := range stories() {
		t.Run(name, func(t *testing.T) {
			got := s.tell(t)
			file := filepath.Join("testdata", name+".golden.yaml")
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatalf("cannot read golden file; write it with -update: %v", err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", s.reason, diff)
			}
		})
	}
}

// tell composes each step twice and writes what is decided.
func (s story) tell(t *testing.T) string {
	t.Helper()
	in := input(t, s.spec)
	var b strings.Builder
	b.WriteString("# " + s.reason + "\n")
	for _, step := range s.steps {
		if step.change != nil {
			step.change(&in)
		}
		first, second := show(t, Compose(in)), show(t, Compose(in))
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("step %q: the same input gives another output:\n%s", step.name, diff)
		}
		settles(t, step.name, in)
		b.WriteString("---\n# " + step.name + "\n" + first)
	}
	return b.String()
}

// settles does what Crossplane does with needs: it answers those of the last
// call, and no others, and calls again until they stay the same; after the
// fifth time it gives up.
func settles(t *testing.T, name string, in Input) {
	t.Helper()
	all := in
	needs := Compose(in).Needs
	for range 5 {
		in.Standing, in.Classes = map[Need]*metav1.PartialObjectMetadata{}, map[Need]*storagev1.StorageClass{}
		for _, n := range needs {
			if n.GVK.Kind == "StorageClass" {
				in.Classes[n] = all.Classes[n]
				continue
			}
			in.Standing[n] = all.Standing[n]
		}
		again := Compose(in).Needs
		if cmp.Equal(needs, again) {
			return
		}
		needs = again
	}
	t.Errorf("step %q: what is needed does not stay the same: %v", name, needs)
}

// show writes a decision as YAML.
func show(t *testing.T, out Output) string {
	t.Helper()
	u := map[string]any{"status": out.Status, "conditions": out.Conditions}
	if len(out.Needs) > 0 {
		u["needs"] = out.Needs
	}
	if len(out.Warnings) > 0 {
		u["warnings"] = out.Warnings
	}
	if out.Unready {
		u["unready"] = true
	}
	desired := map[string]any{}
	for key, d := range out.Desired {
		o, err := runtime.DefaultUnstructuredConverter.ToUnstructured(d.Object)
		if err != nil {
			t.Fatal(err)
		}
		delete(o, "status")
		desired[key] = map[string]any{"ready": d.Ready, "object": o}
	}
	u["desired"] = desired
	y, err := yaml.Marshal(u)
	if err != nil {
		t.Fatal(err)
	}
	return string(y)
}

// input is a Wukong that nobody has composed yet.
func input(t *testing.T, spec string) Input {
	t.Helper()
	w := &vmv1alpha1.Wukong{}
	if err := yaml.UnmarshalStrict([]byte("spec:\n  cpu: 2\n  memory: 4Gi\n"+spec), w); err != nil {
		t.Fatalf("cannot parse the story's spec: %v", err)
	}
	w.SetName("vm")
	w.SetNamespace(namespace)
	w.SetUID(uid)
	return Input{
		Wukong:   w,
		Imports:  map[string]*diskv1alpha1.DiskImport{},
		Exports:  map[string]*diskv1alpha1.DiskExport{},
		Claims:   map[string]*corev1.PersistentVolumeClaim{},
		Standing: map[Need]*metav1.PartialObjectMetadata{},
		Classes:  map[Need]*storagev1.StorageClass{},
	}
}

// looked answers every need with what stands there: nothing, but for the
// StorageClasses that are given.
func looked(classes ...*storagev1.StorageClass) func(*Input) {
	return func(in *Input) {
		for _, n := range Compose(*in).Needs {
			if n.GVK.Kind != "StorageClass" {
				in.Standing[n] = nil
				continue
			}
			in.Classes[n] = nil
			for _, c := range classes {
				if c.GetName() == n.Name {
					in.Classes[n] = c
				}
			}
		}
	}
}

// foreign puts an object of somebody else wherever one is asked for.
func foreign(in *Input) {
	for _, n := range Compose(*in).Needs {
		in.Standing[n] = &metav1.PartialObjectMetadata{ObjectMeta: metav1.ObjectMeta{Name: n.Name, Namespace: n.Namespace}}
	}
}

// made does what Crossplane does: what is desired is there afterwards.
func made(in *Input) {
	for key, d := range Compose(*in).Desired {
		switch o := d.Object.(type) {
		case *diskv1alpha1.DiskImport:
			have := o.DeepCopy()
			if old := in.Imports[key]; old != nil {
				have.Status = old.Status
			}
			in.Imports[key] = have
		case *diskv1alpha1.DiskExport:
			have := o.DeepCopy()
			if old := in.Exports[key]; old != nil {
				have.Status = old.Status
			}
			in.Exports[key] = have
		case *corev1.PersistentVolumeClaim:
			have := o.DeepCopy()
			if old := in.Claims[key]; old != nil {
				have.Status = old.Status
			}
			have.Status.Phase = max(have.Status.Phase, corev1.ClaimPending)
			in.Claims[key] = have
		}
	}
}

// imports changes the status of a disk's DiskImport.
func imports(disk string, change func(*diskv1alpha1.DiskImport)) func(*Input) {
	return func(in *Input) { change(in.Imports["disk-"+disk]) }
}

// exported changes the status of a disk's DiskExport.
func exported(disk string, change func(*diskv1alpha1.DiskExport)) func(*Input) {
	return func(in *Input) { change(in.Exports["export-"+disk]) }
}

// claim changes the empty claim of a disk.
func claim(disk string, change func(*corev1.PersistentVolumeClaim)) func(*Input) {
	return func(in *Input) { change(in.Claims["claim-"+disk]) }
}

// rewritten gives the Wukong another spec.
func rewritten(spec string) func(*Input) {
	return func(in *Input) {
		w := &vmv1alpha1.Wukong{}
		if err := yaml.UnmarshalStrict([]byte("spec:\n  cpu: 2\n  memory: 4Gi\n"+spec), w); err != nil {
			panic(err)
		}
		in.Wukong.Spec = w.Spec
	}
}

func all(changes ...func(*Input)) func(*Input) {
	return func(in *Input) {
		for _, c := range changes {
			c(in)
		}
	}
}
