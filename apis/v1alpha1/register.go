// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Group and version of the types in this package.
const (
	Group   = "wukong.m.novasphere.dev"
	Version = "v1alpha1"
)

// Kinds of the types in this package.
const (
	ProviderConfigKind          = "ProviderConfig"
	ClusterProviderConfigKind   = "ClusterProviderConfig"
	ProviderConfigUsageKind     = "ProviderConfigUsage"
	ProviderConfigUsageListKind = "ProviderConfigUsageList"
)

// GroupVersion of the types in this package.
func GroupVersion() schema.GroupVersion {
	return schema.GroupVersion{Group: Group, Version: Version}
}

// AddToScheme registers the types of this package.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(GroupVersion(),
		&ProviderConfig{}, &ProviderConfigList{},
		&ClusterProviderConfig{}, &ClusterProviderConfigList{},
		&ProviderConfigUsage{}, &ProviderConfigUsageList{},
	)
	metav1.AddToGroupVersion(s, GroupVersion())
	return nil
}
