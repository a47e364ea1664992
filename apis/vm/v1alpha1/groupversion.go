// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// The names of the API.
const (
	Group   = "vm.novasphere.dev"
	Version = "v1alpha1"

	WukongKind = "Wukong"

	// CompositeKind is the kind of the cluster-scoped resource behind a claim
	// of kind Wukong, where the configuration with claims is installed.
	CompositeKind = "XWukong"

	// AnnotationExport on a Wukong exports all of its disks that have a
	// target again whenever it gets another value.
	AnnotationExport = Group + "/export"
)

// GroupVersion is the group and version of this API.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: Version}
}

// AddToScheme adds the types of this API to a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(), &Wukong{}, &WukongList{})
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
