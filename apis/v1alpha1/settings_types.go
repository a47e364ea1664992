// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	policyv1alpha1 "github.com/crossplane/upjet/v2/apis/configuration/v1alpha1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
)

// Settings are what both kinds of configuration have in common.
type Settings struct {
	// Policy is what imports may read. Default: any host; no address that is
	// loopback, link-local, multicast, or one of the cluster's own Services
	// or pods.
	// +optional
	Policy Policy `json:"policy,omitempty"`

	// Mover is how the pods run that move the data.
	// +optional
	Mover Mover `json:"mover,omitempty"`

	// S3 is the store of places in S3 that name no endpoint. Default: AWS's
	// own.
	// +optional
	S3 *S3 `json:"s3,omitempty"`

	// ReconciliationPolicy sets the back-off between attempts to reconcile a
	// resource that uses this configuration. Default: from 1s to 60s.
	// +optional
	ReconciliationPolicy *policyv1alpha1.ReconciliationPolicy `json:"reconciliationPolicy,omitempty"`
}

// A Compatibility says what an S3 store understands.
// +kubebuilder:validation:Enum=AWS;Generic
// +kubebuilder:validation:MaxLength=16
type Compatibility string

// The compatibilities.
const (
	// CompatibilityAWS stores understand what Amazon's own does.
	CompatibilityAWS Compatibility = "AWS"

	// CompatibilityGeneric stores get no checksum that is newer than
	// Content-MD5, and may answer that they cannot do something.
	CompatibilityGeneric Compatibility = "Generic"
)

// S3 is the store that places in S3 are in unless they name another endpoint.
// Credentials are not part of it: each place names its own Secret, beside it.
type S3 struct {
	// Endpoint is the URL of the store, which is spoken to in path style. The
	// condition Healthy says whether it answers.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#]*)?$') && isURL(self)",message="write the store's URL without credentials and without a query, such as https://s3.example.com"
	Endpoint string `json:"endpoint"`

	// Region of the store. Default: us-east-1.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Region string `json:"region,omitempty"`

	// Compatibility of the store: AWS or Generic. It is for ImageBuckets;
	// transfers find out what a store understands. Default: Generic.
	// +optional
	Compatibility Compatibility `json:"compatibility,omitempty"`

	// CABundle are certificate authorities in PEM form with which the health
	// of the store is asked for, beside the public ones. Default: none.
	// +kubebuilder:validation:MaxLength=65536
	// +optional
	CABundle string `json:"caBundle,omitempty"`
}

// A Policy is what imports may read. The mover enforces it at every
// connection, redirects and DNS answers included.
type Policy struct {
	// AllowedHosts are the host names that may be read from;
	// "*.example.com" stands for every name below example.com. Default: any.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MinLength=1
	// +kubebuilder:validation:items:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.all(h, h.matches('^([*][.])?[A-Za-z0-9]([A-Za-z0-9_.:-]*[A-Za-z0-9])?$'))",message="write host names without scheme, port or path, such as images.example.com, or *.example.com for every name below it"
	// +listType=set
	// +optional
	AllowedHosts []string `json:"allowedHosts,omitempty"`

	// AllowedNetworks are prefixes (CIDR) that may be connected to although
	// deniedNetworks or the defaults deny them. Default: none.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(n, isCIDR(n))",message="write networks as address/bits, such as 10.0.0.0/8 or fd00::/8"
	// +listType=set
	// +optional
	AllowedNetworks []string `json:"allowedNetworks,omitempty"`

	// DeniedNetworks are prefixes (CIDR) that may not be connected to, beside
	// those that are denied by default: loopback, link-local, multicast and
	// unspecified addresses, and the target cluster's Service and pod
	// networks. Default: none.
	// +kubebuilder:validation:MaxItems=256
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(n, isCIDR(n))",message="write networks as address/bits, such as 10.0.0.0/8 or fd00::/8"
	// +listType=set
	// +optional
	DeniedNetworks []string `json:"deniedNetworks,omitempty"`

	// RequireChecksum refuses imports whose verification names no checksum,
	// or one that anyone can forge, which crc64nvme is. Default: false.
	// +optional
	RequireChecksum bool `json:"requireChecksum,omitempty"`

	// RefusePlainHTTP refuses sources and redirects that are not https.
	// Default: false.
	// +optional
	RefusePlainHTTP bool `json:"refusePlainHTTP,omitempty"`

	// MaxVirtualSize is the largest disk, in bytes, such as 2Ti. Default: no
	// limit.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).isGreaterThan(quantity('0'))",message="write a size greater than zero, such as 2Ti, or leave it out for no limit"
	// +optional
	MaxVirtualSize *resource.Quantity `json:"maxVirtualSize,omitempty"`
}

// Mover is how the pods run that move the data.
type Mover struct {
	// Image of the mover, a full reference. Default: the image that belongs
	// to the provider's own version (its --mover-image).
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +optional
	Image string `json:"image,omitempty"`

	// ImagePullSecrets name Secrets, in the namespace of the resource that
	// asks for the disk, with which the image is pulled. Default: none.
	// +kubebuilder:validation:MaxItems=16
	// +listType=map
	// +listMapKey=name
	// +optional
	ImagePullSecrets []corev1.LocalObjectReference `json:"imagePullSecrets,omitempty"`

	// Resources of the mover's container, for imports that name none of their
	// own. Default: requests of 100m CPU and 128Mi memory, a limit of 512Mi
	// memory.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`

	// Connections is the greatest number of connections at once of one
	// mover, also for imports that ask for more. Default: the mover decides,
	// up to 16.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	Connections *int32 `json:"connections,omitempty"`

	// BandwidthLimit is the greatest rate of one mover in bytes a second,
	// such as 50Mi, also for imports that ask for more. Default: no limit.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('64Ki')) >= 0",message="write at least 64Ki (bytes a second), such as 50Mi, or leave it out for no limit"
	// +optional
	BandwidthLimit *resource.Quantity `json:"bandwidthLimit,omitempty"`

	// NodeSelector of the mover's pod, for imports that name none of their
	// own. Default: none.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Tolerations of the mover's pod, beside those of the import. Default:
	// none.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// PriorityClassName of the mover's pod, for imports that name none of
	// their own. Default: none.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`
}
