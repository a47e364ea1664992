// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"google.golang.org/protobuf/types/known/structpb"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubevirtv1 "kubevirt.io/api/core/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/composition"
)

// The kinds that are read.
const (
	kindDiskImport = diskv1alpha1.DiskImportKind
	kindDiskExport = diskv1alpha1.DiskExportKind
	kindMachine    = "VirtualMachine"
	kindInstance   = "VirtualMachineInstance"
	kindSecret     = "Secret"
	kindNetwork    = "NetworkAttachmentDefinition"
)

// decode reads what Crossplane observed.
func decode(req *fnv1.RunFunctionRequest) (composition.Input, error) {
	in := composition.Input{
		Imports:   map[string]*diskv1alpha1.DiskImport{},
		Exports:   map[string]*diskv1alpha1.DiskExport{},
		Others:    map[string]*metav1.PartialObjectMetadata{},
		Standing:  map[composition.Need]*metav1.PartialObjectMetadata{},
		Keys:      map[composition.Need]*corev1.Secret{},
		Instances: map[composition.Need]*kubevirtv1.VirtualMachineInstance{},
	}
	w, err := wukong(req.GetObserved().GetComposite().GetResource())
	if err != nil {
		return in, err
	}
	in.Wukong = w
	for key, r := range req.GetObserved().GetResources() {
		if err := observe(&in, key, r.GetResource()); err != nil {
			return in, errors.Wrapf(err, "cannot read composed resource %q", key)
		}
	}
	for key, found := range req.GetRequiredResources() {
		if err := answer(in, key, found); err != nil {
			return in, errors.Wrapf(err, "cannot read required resource %q", key)
		}
	}
	return in, nil
}

// wukong reads the composite resource strictly: a field that this function
// does not know must not be ignored.
func wukong(s *structpb.Struct) (*vmv1alpha1.Wukong, error) {
	u := s.AsMap()
	delete(u, "status")
	claim, err := withoutMachinery(u)
	if err != nil {
		return nil, err
	}
	w := &vmv1alpha1.Wukong{}
	err = runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u, w, true)
	if runtime.IsStrictDecodingError(err) {
		return nil, errors.Wrap(err, "cannot read Wukong: its API is newer than function-wukong; install the function of the configuration's version")
	}
	if w.Kind == vmv1alpha1.CompositeKind {
		w.SetName(claim.name)
		w.SetNamespace(claim.namespace)
	}
	return w, errors.Wrap(err, "cannot read Wukong")
}

// a claimReference is the claim that an XWukong was made for.
type claimReference struct{ namespace, name string }

// withoutMachinery takes what is Crossplane's out of the spec of a composite
// resource. That of an XWukong is not set apart from the user's; all of it
// goes, and what is of use of it is returned.
func withoutMachinery(u map[string]any) (claimReference, error) {
	spec, _ := u["spec"].(map[string]any)
	delete(spec, "crossplane")
	if u["kind"] != vmv1alpha1.CompositeKind {
		return claimReference{}, nil
	}
	reference, _ := spec["claimRef"].(map[string]any)
	claim := claimReference{}
	claim.namespace, _ = reference["namespace"].(string)
	claim.name, _ = reference["name"].(string)
	if claim.namespace == "" || claim.name == "" {
		return claim, errors.New("cannot compose an XWukong that belongs to no claim: delete it, and make a Wukong in the namespace where its disks should be")
	}
	for _, field := range []string{
		"claimRef", "compositionRef", "compositionSelector", "compositionRevisionRef", "compositionRevisionSelector",
		"compositionUpdatePolicy", "compositeDeletePolicy", "environmentConfigRefs", "publishConnectionDetailsTo",
		"resourceRef", "resourceRefs", "writeConnectionSecretToRef",
	} {
		delete(spec, field)
	}
	return claim, nil
}

// observe reads one composed resource.
func observe(in *composition.Input, key string, s *structpb.Struct) error {
	switch s.GetFields()["kind"].GetStringValue() {
	case kindDiskImport:
		in.Imports[key] = &diskv1alpha1.DiskImport{}
		return read(s, in.Imports[key])
	case kindDiskExport:
		in.Exports[key] = &diskv1alpha1.DiskExport{}
		return read(s, in.Exports[key])
	case kindMachine:
		if key != composition.MachineKey {
			return nil // Another author's, of another step.
		}
		in.Machine = &kubevirtv1.VirtualMachine{}
		return read(s, in.Machine)
	case kindSecret, kindNetwork:
		in.Others[key] = &metav1.PartialObjectMetadata{}
		return read(s, in.Others[key])
	}
	return nil
}

// answer reads what was found for a need of an earlier call.
func answer(in composition.Input, key string, found *fnv1.Resources) error {
	need, ok := needOf(key)
	if !ok {
		return nil // Another author's requirement, of the Composition.
	}
	var s *structpb.Struct
	if items := found.GetItems(); len(items) > 0 {
		s = items[0].GetResource()
	}
	switch need.GVK.Kind {
	case kindInstance:
		return keep(in.Instances, need, s)
	case kindSecret:
		if err := keep(in.Keys, need, s); err != nil {
			return err
		}
	}
	return keep(in.Standing, need, s)
}

// keep notes what was found for a need: nothing, or one object.
func keep[T any](answers map[composition.Need]*T, need composition.Need, s *structpb.Struct) error {
	answers[need] = nil
	if s == nil {
		return nil
	}
	answers[need] = new(T)
	return read(s, answers[need])
}

func read(s *structpb.Struct, into any) error {
	return runtime.DefaultUnstructuredConverter.FromUnstructured(s.AsMap(), into)
}

// keyOf is the name of a requirement. It tells the whole need, so that the
// answer can be understood without having kept the question.
func keyOf(n composition.Need) string {
	return strings.Join([]string{n.GVK.Group, n.GVK.Version, n.GVK.Kind, n.Namespace, n.Name}, "/")
}

func needOf(key string) (composition.Need, bool) {
	p := strings.Split(key, "/")
	if len(p) != 5 {
		return composition.Need{}, false
	}
	gvk := schema.GroupVersionKind{Group: p[0], Version: p[1], Kind: p[2]}
	return composition.Need{GVK: gvk, Namespace: p[3], Name: p[4]}, true
}
