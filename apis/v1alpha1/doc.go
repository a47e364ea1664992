// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the configuration of the provider: which cluster it
// acts on, what it permits, and how its movers run.
//
// +kubebuilder:object:generate=true
// +groupName=wukong.m.novasphere.dev
// +versionName=v1alpha1
package v1alpha1
