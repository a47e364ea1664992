// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A TargetSource says where the credentials for the target cluster come from.
// +kubebuilder:validation:Enum=InjectedIdentity;Secret
type TargetSource string

// The sources of a target's credentials.
const (
	// TargetInjectedIdentity is the provider's own service account, and the
	// cluster that the provider runs in.
	TargetInjectedIdentity TargetSource = "InjectedIdentity"

	// TargetSecret is a kubeconfig in a Secret.
	TargetSecret TargetSource = "Secret"
)

// A LocalTarget is the cluster in which disks are made, as a namespaced
// configuration names it.
// +kubebuilder:validation:XValidation:rule="self.source == 'Secret' ? has(self.secretRef) : !has(self.secretRef)",message="set secretRef (name, key) with source: Secret, and leave it out with source: InjectedIdentity"
type LocalTarget struct {
	// Source of the credentials. InjectedIdentity: the provider's own service
	// account in its own cluster. Secret: the kubeconfig in secretRef.
	// Default: InjectedIdentity.
	// +kubebuilder:default=InjectedIdentity
	// +optional
	Source TargetSource `json:"source,omitempty"`

	// SecretRef names the key of a Secret in the configuration's own
	// namespace that holds a kubeconfig. Certificates and tokens must stand
	// in the kubeconfig itself: files and commands that it names are refused.
	// +optional
	SecretRef *xpv2.LocalSecretKeySelector `json:"secretRef,omitempty"`
}

// A Target is the cluster in which disks are made, as a cluster-wide
// configuration names it.
// +kubebuilder:validation:XValidation:rule="self.source == 'Secret' ? has(self.secretRef) : !has(self.secretRef)",message="set secretRef (namespace, name, key) with source: Secret, and leave it out with source: InjectedIdentity"
type Target struct {
	// Source of the credentials. InjectedIdentity: the provider's own service
	// account in its own cluster. Secret: the kubeconfig in secretRef.
	// Default: InjectedIdentity.
	// +kubebuilder:default=InjectedIdentity
	// +optional
	Source TargetSource `json:"source,omitempty"`

	// SecretRef names the key of a Secret that holds a kubeconfig.
	// Certificates and tokens must stand in the kubeconfig itself: files and
	// commands that it names are refused.
	// +optional
	SecretRef *xpv2.SecretKeySelector `json:"secretRef,omitempty"`
}

// A ProviderConfigSpec is the configuration for the resources of one
// namespace.
type ProviderConfigSpec struct {
	// Target is the cluster in which disks are made, in the namespace of the
	// resource that asks for them. Default: the provider's own cluster.
	// +kubebuilder:default={source: InjectedIdentity}
	// +optional
	Target LocalTarget `json:"target,omitempty"`

	Settings `json:",inline"`
}

// A ClusterProviderConfigSpec is the configuration for resources in any
// namespace.
type ClusterProviderConfigSpec struct {
	// Target is the cluster in which disks are made, in the namespace of the
	// resource that asks for them. Default: the provider's own cluster.
	// +kubebuilder:default={source: InjectedIdentity}
	// +optional
	Target Target `json:"target,omitempty"`

	Settings `json:",inline"`
}

// A ProviderConfigStatus is what was observed of a configuration.
type ProviderConfigStatus struct {
	xpv2.ProviderConfigStatus `json:",inline"`
}

// A ProviderConfig configures the provider for the resources of its own
// namespace. It can name Secrets of that namespace only.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="HEALTHY",type="string",JSONPath=".status.conditions[?(@.type=='Healthy')].status"
// +kubebuilder:printcolumn:name="TARGET",type="string",JSONPath=".spec.target.source"
// +kubebuilder:printcolumn:name="USERS",type="integer",JSONPath=".status.users"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,provider,novasphere}
type ProviderConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ProviderConfigSpec   `json:"spec"`
	Status ProviderConfigStatus `json:"status,omitempty"`
}

// ProviderConfigList is a list of ProviderConfigs.
// +kubebuilder:object:root=true
type ProviderConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProviderConfig `json:"items"`
}

// A ClusterProviderConfig configures the provider for resources in any
// namespace. Resources that name no configuration use the one called default.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="HEALTHY",type="string",JSONPath=".status.conditions[?(@.type=='Healthy')].status"
// +kubebuilder:printcolumn:name="TARGET",type="string",JSONPath=".spec.target.source"
// +kubebuilder:printcolumn:name="USERS",type="integer",JSONPath=".status.users"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:resource:scope=Cluster,categories={crossplane,provider,novasphere}
type ClusterProviderConfig struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ClusterProviderConfigSpec `json:"spec"`
	Status ProviderConfigStatus      `json:"status,omitempty"`
}

// ClusterProviderConfigList is a list of ClusterProviderConfigs.
// +kubebuilder:object:root=true
type ClusterProviderConfigList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ClusterProviderConfig `json:"items"`
}

// A ProviderConfigUsage records that a resource uses a ProviderConfig or a
// ClusterProviderConfig, which therefore cannot go.
// +kubebuilder:object:root=true
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="CONFIG-KIND",type="string",JSONPath=".providerConfigRef.kind"
// +kubebuilder:printcolumn:name="CONFIG-NAME",type="string",JSONPath=".providerConfigRef.name"
// +kubebuilder:printcolumn:name="RESOURCE-KIND",type="string",JSONPath=".resourceRef.kind"
// +kubebuilder:printcolumn:name="RESOURCE-NAME",type="string",JSONPath=".resourceRef.name"
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,provider,novasphere}
type ProviderConfigUsage struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	xpv2.TypedProviderConfigUsage `json:",inline"`
}

// ProviderConfigUsageList is a list of ProviderConfigUsages.
// +kubebuilder:object:root=true
type ProviderConfigUsageList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ProviderConfigUsage `json:"items"`
}
