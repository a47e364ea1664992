// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"google.golang.org/protobuf/types/known/structpb"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/composition"
)

// The kinds that are read.
const (
	kindDiskImport   = diskv1alpha1.DiskImportKind
	kindDiskExport   = diskv1alpha1.DiskExportKind
	kindClaim        = "PersistentVolumeClaim"
	kindStorageClass = "StorageClass"
)

// decode reads what Crossplane observed.
func decode(req *fnv1.RunFunctionRequest) (composition.Input, error) {
	in := composition.Input{
		Imports:  map[string]*diskv1alpha1.DiskImport{},
		Exports:  map[string]*diskv1alpha1.DiskExport{},
		Claims:   map[string]*corev1.PersistentVolumeClaim{},
		Standing: map[composition.Need]*metav1.PartialObjectMetadata{},
		Classes:  map[composition.Need]*storagev1.StorageClass{},
	}
	w, err := wukong(req.GetObserved().GetComposite().GetResource())
	if err != nil {
		return in, err
	}
	in.Wukong = w
	for key, r := range req.GetObserved().GetResources() {
		if err := observe(in, key, r.GetResource()); err != nil {
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
	if spec, ok := u["spec"].(map[string]any); ok {
		delete(spec, "crossplane")
	}
	w := &vmv1alpha1.Wukong{}
	err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(u, w, true)
	if runtime.IsStrictDecodingError(err) {
		return nil, errors.Wrap(err, "cannot read Wukong: its API is newer than function-wukong; install the function of the configuration's version")
	}
	return w, errors.Wrap(err, "cannot read Wukong")
}

// observe reads one composed resource.
func observe(in composition.Input, key string, s *structpb.Struct) error {
	switch s.GetFields()["kind"].GetStringValue() {
	case kindDiskImport:
		in.Imports[key] = &diskv1alpha1.DiskImport{}
		return read(s, in.Imports[key])
	case kindDiskExport:
		in.Exports[key] = &diskv1alpha1.DiskExport{}
		return read(s, in.Exports[key])
	case kindClaim:
		in.Claims[key] = &corev1.PersistentVolumeClaim{}
		return read(s, in.Claims[key])
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
	if need.GVK.Kind == kindStorageClass {
		in.Classes[need] = nil
		if s == nil {
			return nil
		}
		in.Classes[need] = &storagev1.StorageClass{}
		return read(s, in.Classes[need])
	}
	in.Standing[need] = nil
	if s == nil {
		return nil
	}
	in.Standing[need] = &metav1.PartialObjectMetadata{}
	return read(s, in.Standing[need])
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
