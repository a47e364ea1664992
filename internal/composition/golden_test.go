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
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/composition/machine"
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
		in.forget()
		for _, n := range needs {
			pass(in.Standing, all.Standing, n)
			pass(in.Keys, all.Keys, n)
			pass(in.Instances, all.Instances, n)
		}
		again := Compose(in).Needs
		if cmp.Equal(needs, again) {
			return
		}
		needs = again
	}
	t.Errorf("step %q: what is needed does not stay the same: %v", name, needs)
}

// forget takes away all answers.
func (in *Input) forget() {
	in.Standing = map[Need]*metav1.PartialObjectMetadata{}
	in.Keys, in.Instances = map[Need]*corev1.Secret{}, map[Need]*kubevirtv1.VirtualMachineInstance{}
}

func pass[T any](to, from map[Need]*T, n Need) {
	if answer, ok := from[n]; ok {
		to[n] = answer
	}
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
		if secret, ok := d.Object.(*corev1.Secret); ok {
			text := map[string]any{}
			for k, v := range secret.Data {
				text[k] = string(v)
			}
			o["data as text"] = text
			delete(o, "data")
		}
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
	in := Input{
		Wukong:  w,
		Imports: map[string]*diskv1alpha1.DiskImport{},
		Exports: map[string]*diskv1alpha1.DiskExport{},
		Others:  map[string]*metav1.PartialObjectMetadata{},
	}
	in.forget()
	return in
}

// looked answers every need with what is there: the kinds of KubeVirt and
// Multus, what an earlier step has put there, and nothing else. It goes on until
// nothing more is needed.
func looked(in *Input) {
	for needs := Compose(*in).Needs; ; {
		for _, n := range needs {
			look(in, n)
		}
		again := Compose(*in).Needs
		if cmp.Equal(needs, again) {
			return
		}
		needs = again
	}
}

func look(in *Input, n Need) {
	switch n.GVK.Kind {
	case "CustomResourceDefinition":
		if _, ok := in.Standing[n]; !ok {
			in.Standing[n] = &metav1.PartialObjectMetadata{}
		}
	case "VirtualMachineInstance":
		in.Instances[n] = in.Instances[n] //nolint:staticcheck // The answer may be that there is none.
	case "Secret":
		in.Keys[n] = in.Keys[n] //nolint:staticcheck // The same.
		in.Standing[n] = nil
	default:
		in.Standing[n] = in.Standing[n] //nolint:staticcheck // The same.
	}
}

// lacking says that a kind is not in the cluster.
func lacking(definition string) func(*Input) {
	return func(in *Input) { in.Standing[kind(definition)] = nil }
}

// network puts a NetworkAttachmentDefinition of somebody's there.
func network(name string) func(*Input) {
	return func(in *Input) {
		in.Standing[Need{GVK: machine.DefinitionKind(), Namespace: namespace, Name: name}] = &metav1.PartialObjectMetadata{}
	}
}

// keys puts a Secret there.
func keys(name string, data map[string]string) func(*Input) {
	return func(in *Input) {
		s := &corev1.Secret{Data: map[string][]byte{}}
		for k, v := range data {
			s.Data[k] = []byte(v)
		}
		in.Keys[Need{GVK: secretKind(), Namespace: namespace, Name: name}] = s
	}
}

// virtual changes the status of the machine.
func virtual(change func(*kubevirtv1.VirtualMachineStatus)) func(*Input) {
	return func(in *Input) { change(&in.Machine.Status) }
}

// runs is a machine that runs on a node.
func runs(node string) func(*Input) {
	return func(in *Input) {
		in.Machine.Status.PrintableStatus = kubevirtv1.VirtualMachineStatusRunning
		vmi := &kubevirtv1.VirtualMachineInstance{}
		vmi.Status.NodeName = node
		in.Instances[Need{GVK: kubevirtv1.VirtualMachineInstanceGroupVersionKind, Namespace: namespace, Name: in.Machine.GetName()}] = vmi
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
		case *kubevirtv1.VirtualMachine:
			have := o.DeepCopy()
			if in.Machine != nil {
				have.Status = in.Machine.Status
			}
			in.Machine = have
		default:
			in.Others[key] = &metav1.PartialObjectMetadata{}
		}
	}
}

// imports changes the status of a disk's DiskImport.
func imports(disk string, change func(*diskv1alpha1.DiskImport)) func(*Input) {
	return func(in *Input) { change(in.Imports["disk-"+disk]) }
}

// exported changes the status of a disk's DiskExport.
func exported(disk string, change func(*diskv1alpha1.DiskExport)) func(*Input) {
	return func(in *Input) {
		for _, de := range in.Exports {
			if de.GetLabels()[LabelDisk] == disk {
				change(de)
			}
		}
	}
}

// annotated asks for every disk to be exported again.
func annotated(trigger string) func(*Input) {
	return func(in *Input) {
		in.Wukong.SetAnnotations(map[string]string{vmv1alpha1.AnnotationExport: trigger})
	}
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
