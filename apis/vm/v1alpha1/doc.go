// SPDX-License-Identifier: Apache-2.0

// Package v1alpha1 holds the Wukong API of group vm.novasphere.dev: a virtual
// machine whose disks name where they come from and where they go.
//
// The types are the source of the CompositeResourceDefinition under
// package/configuration; Crossplane adds spec.crossplane and status.conditions
// to it. What the API forbids is written as OpenAPI and CEL rules whose
// messages say what to write instead. What it permits and a release cannot do
// yet is refused by the composition function, in the status.
//
// +kubebuilder:object:generate=true
// +groupName=vm.novasphere.dev
package v1alpha1
