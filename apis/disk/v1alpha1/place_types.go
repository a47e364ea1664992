// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// An S3Object is one object in a bucket.
// +kubebuilder:validation:XValidation:rule="[has(self.bucket), has(self.bucketRef), has(self.bucketSelector)].filter(x, x).size() == 1",message="say which bucket, in exactly one way: bucket: images, bucketRef: {name: images} for an ImageBucket, or bucketSelector: {matchLabels: {…}}"
// +kubebuilder:validation:XValidation:rule="has(self.bucket) || !(has(self.endpoint) || has(self.region) || has(self.secretRef) || has(self.caBundleRef))",message="leave out endpoint, region, secretRef and caBundleRef: they come from the ImageBucket"
type S3Object struct {
	// Endpoint is the URL of the store, which is spoken to in path style.
	// Default: that of the provider configuration, or else AWS's own in the
	// region.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@]+(/[^?#]*)?$') && isURL(self)",message="write the store's URL without credentials and without a query, such as https://s3.example.com"
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// Region of the bucket. Default: that of the provider configuration where
	// the endpoint is its too, or else us-east-1.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +optional
	Region string `json:"region,omitempty"`

	// Bucket that holds the object.
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=255
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9][A-Za-z0-9._:-]*$')",message="write the bucket's name alone, such as images; the object's name goes into key"
	// +optional
	Bucket string `json:"bucket,omitempty"`

	// BucketRef names an ImageBucket in the same namespace. Endpoint, region
	// and credentials are those of its connection Secret.
	// +optional
	BucketRef *BucketReference `json:"bucketRef,omitempty"`

	// BucketSelector finds an ImageBucket in the same namespace by its
	// labels, as bucketRef names it. One that was found is kept as long as it
	// fits, and for good when the transfer has begun.
	// +optional
	BucketSelector *BucketSelector `json:"bucketSelector,omitempty"`

	// Key of the object in the bucket.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.endsWith('/')",message="write the object's name, such as vms/ubuntu.qcow2, without a slash at its beginning or end"
	Key string `json:"key"`

	// SecretRef names a Secret in the same namespace with accessKeyId and
	// secretAccessKey (or secretKey, as CDI spells it), and sessionToken where
	// they are temporary. They are read again when the Secret changes.
	// Default: none; the store is asked anonymously.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`

	// CABundleRef names a ConfigMap in the same namespace with certificate
	// authorities that are trusted beside the public ones. Default: the
	// public ones alone.
	// +optional
	CABundleRef *CABundleReference `json:"caBundleRef,omitempty"`
}

// A BucketReference names an ImageBucket in the namespace of the resource.
type BucketReference struct {
	// Name of the ImageBucket.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	Name string `json:"name"`
}

// A BucketSelector finds an ImageBucket in the namespace of the resource.
type BucketSelector struct {
	// MatchLabels are the labels that exactly one ImageBucket has, each of
	// them.
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	MatchLabels map[string]LabelValue `json:"matchLabels"`
}

// A LabelValue is the value of a label.
// +kubebuilder:validation:MaxLength=63
type LabelValue string

// A UsedBucket is the bucket of an ImageBucket that a reference led to.
type UsedBucket struct {
	// ImageBucket is its name.
	ImageBucket string `json:"imageBucket"`

	// Name of the bucket in its store.
	Name string `json:"name"`

	// Endpoint of the store; empty: AWS's own.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// Region of the bucket.
	// +optional
	Region string `json:"region,omitempty"`

	// SecretName is the ImageBucket's connection Secret.
	SecretName string `json:"secretName"`

	// CABundleRef is the ImageBucket's.
	// +optional
	CABundleRef *CABundleReference `json:"caBundleRef,omitempty"`
}

// An S3Source is an image in a bucket.
type S3Source struct {
	S3Object `json:",inline"`

	// VersionID of the object in a bucket that keeps versions. Default: the
	// current version when the import begins.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	VersionID string `json:"versionID,omitempty"`
}

// A RegistryAccess says how a registry is reached.
type RegistryAccess struct {
	// SecretRef names a Secret in the same namespace with .dockerconfigjson
	// (type kubernetes.io/dockerconfigjson), or with username and password.
	// Default: none; the registry is asked anonymously.
	// +optional
	SecretRef *SecretReference `json:"secretRef,omitempty"`

	// CABundleRef names a ConfigMap in the same namespace with certificate
	// authorities that are trusted beside the public ones. Default: the
	// public ones alone.
	// +optional
	CABundleRef *CABundleReference `json:"caBundleRef,omitempty"`

	// PlainHTTP speaks http to the registry, not https. Default: false.
	// +optional
	PlainHTTP bool `json:"plainHTTP,omitempty"`
}

// A RegistrySource is an image in a registry.
type RegistrySource struct {
	// Image is the host, the repository, and a tag or a digest, without a
	// scheme: registry.example.com/vms/ubuntu:22.04. Without tag and digest:
	// the tag latest.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=512
	// +kubebuilder:validation:XValidation:rule="!self.contains('://')",message="write the image without a scheme, such as registry.example.com/vms/ubuntu:22.04"
	// +kubebuilder:validation:XValidation:rule="self.contains('://') || self.matches('^[A-Za-z0-9.-]+(:[0-9]+)?/[a-z0-9._/-]+(:[A-Za-z0-9_][A-Za-z0-9._-]*)?(@[a-z0-9]+:[0-9a-f]+)?$')",message="write host/repository:tag or host/repository@sha256:…, such as registry.example.com/vms/ubuntu:22.04"
	Image string `json:"image"`

	// Platform chooses from an image for several: os/architecture, such as
	// linux/arm64. Default: linux and the architecture of the mover's node.
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]+/[a-z0-9_]+(/[a-z0-9]+)?$')",message="write os/architecture, such as linux/amd64"
	// +optional
	Platform string `json:"platform,omitempty"`

	RegistryAccess `json:",inline"`
}
