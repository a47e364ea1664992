// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group and version of the types in this package.
const (
	Group   = "disk.wukong.m.novasphere.dev"
	Version = "v1alpha1"
)

// The kinds of this package.
const (
	DiskImportKind  = "DiskImport"
	DiskExportKind  = "DiskExport"
	ImageBucketKind = "ImageBucket"
)

// GroupVersion of the types in this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: Version}
}

// DiskImportGroupVersionKind is the full name of a DiskImport's kind.
func DiskImportGroupVersionKind() schema.GroupVersionKind {
	return GroupVersion().WithKind(DiskImportKind)
}

// DiskExportGroupVersionKind is the full name of a DiskExport's kind.
func DiskExportGroupVersionKind() schema.GroupVersionKind {
	return GroupVersion().WithKind(DiskExportKind)
}

// ImageBucketGroupVersionKind is the full name of an ImageBucket's kind.
func ImageBucketGroupVersionKind() schema.GroupVersionKind {
	return GroupVersion().WithKind(ImageBucketKind)
}

// AddToScheme registers the types of this package.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(), &DiskImport{}, &DiskImportList{}, &DiskExport{}, &DiskExportList{}, &ImageBucket{}, &ImageBucketList{})
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
