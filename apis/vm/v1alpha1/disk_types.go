// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Disk is one disk of a machine: where it comes from, how large it is, and
// where it goes.
//
// +kubebuilder:validation:XValidation:rule="[has(self.image), has(self.importSource), has(self.dataSource)].filter(x, x).size() <= 1",message="a disk comes from one place: keep one of importSource, image and dataSource"
// +kubebuilder:validation:XValidation:rule="has(self.image) == has(oldSelf.image) && has(self.importSource) == has(oldSelf.importSource) && has(self.dataSource) == has(oldSelf.dataSource)",message="a disk keeps the kind of its source; add a disk with another name instead"
type Disk struct {
	// Name of the disk. The disk's claim is called WUKONG-DISK.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",message="a disk's name holds lower-case letters, digits and hyphens, and begins and ends with a letter or digit"
	Name string `json:"name"`

	// Size of the disk. A disk without a source is an empty volume of this
	// size; an imported disk must fit into it.
	//
	// +kubebuilder:validation:XValidation:rule="!isQuantity(self) || (quantity(self).isInteger() && quantity(self).asInteger() % 512 == 0)",message="write a size that is a multiple of 512 bytes, such as 20Gi"
	// +kubebuilder:validation:XValidation:rule="quantity(self).compareTo(quantity(oldSelf)) >= 0",message="a disk cannot shrink; add a smaller disk with another name instead"
	Size Size `json:"size"`

	// StorageClassName is the StorageClass of the volume. Default: the
	// cluster's default class.
	//
	// +optional
	StorageClassName ObjectName `json:"storageClassName,omitempty"`

	// Boot says that the machine boots from this disk.
	//
	// +optional
	Boot *bool `json:"boot,omitempty"`

	// Image is the short spelling of an import from a registry:
	// docker://registry.example.com/vms/ubuntu:22.04
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^docker://[^/@]+/.+')",message="write image as docker://registry.example.com/image:tag"
	Image string `json:"image,omitempty"`

	// DataSource is a CDI DataSource that the disk is cloned from.
	//
	// +optional
	DataSource *DataSource `json:"dataSource,omitempty"`

	// ImportSource is the image that the disk is filled with.
	//
	// +optional
	ImportSource *ImportSource `json:"importSource,omitempty"`

	// Retention says what becomes of the disk when it is taken out of the list,
	// or when the Wukong is deleted: Delete removes its claim, Retain leaves it.
	// It may change at any time; wait until the disk's DiskImport has it before
	// you delete. A disk that is not whole yet is removed in any case. Default:
	// Delete.
	//
	// +optional
	Retention DiskRetention `json:"retention,omitempty"`

	// ExportTarget is where the disk's content goes. Another target than
	// before is exported to as well; what was made at the one before stays.
	//
	// +optional
	ExportTarget *ExportTarget `json:"exportTarget,omitempty"`
}

// A DiskRetention says what becomes of a disk that is not wanted any more.
//
// +kubebuilder:validation:Enum=Delete;Retain
// +kubebuilder:validation:MaxLength=16
type DiskRetention string

// DataSource names a CDI DataSource.
type DataSource struct {
	// Name of the DataSource.
	//
	// +kubebuilder:validation:MinLength=1
	Name ObjectName `json:"name"`

	// Namespace of the DataSource. Default: the Wukong's.
	//
	// +optional
	Namespace NamespaceName `json:"namespace,omitempty"`
}

// SecretRef names a Secret of the Wukong's namespace.
type SecretRef struct {
	// SecretName is the name of the Secret.
	//
	// +kubebuilder:validation:MinLength=1
	SecretName ObjectName `json:"secretName"`
}

// S3Location is an object in an S3 bucket.
type S3Location struct {
	// Endpoint is the URL of the S3 service. Default: the provider
	// configuration's.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="self.matches('^https?://[^/@]+(/.*)?$')",message="write endpoint as https://s3.example.com, without credentials"
	Endpoint string `json:"endpoint,omitempty"`

	// Region of the bucket.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	Region string `json:"region,omitempty"`

	// Bucket that holds the object.
	//
	// +optional
	// +kubebuilder:validation:MinLength=3
	// +kubebuilder:validation:MaxLength=255
	Bucket string `json:"bucket,omitempty"`

	// Key of the object in the bucket.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=1024
	Key string `json:"key,omitempty"`

	// Credentials for the bucket.
	//
	// +optional
	Credentials *SecretRef `json:"credentials,omitempty"`
}

// S3Config is the place of an object. Its bucket may be one that an ImageBucket
// has made.
//
// +kubebuilder:validation:XValidation:rule="[has(self.bucket), has(self.bucketRef), has(self.bucketSelector)].filter(x, x).size() <= 1",message="keep one of bucket, bucketRef and bucketSelector"
// +kubebuilder:validation:XValidation:rule="!(has(self.bucketRef) || has(self.bucketSelector)) || !(has(self.endpoint) || has(self.region) || has(self.credentials))",message="leave out endpoint, region and credentials: they come from the ImageBucket"
type S3Config struct {
	S3Location `json:",inline"`

	// BucketRef names an ImageBucket of the Wukong's namespace. Endpoint,
	// region and credentials are those of its connection Secret.
	//
	// +optional
	BucketRef *BucketReference `json:"bucketRef,omitempty"`

	// BucketSelector finds an ImageBucket of the Wukong's namespace by its
	// labels, as bucketRef names it.
	//
	// +optional
	BucketSelector *BucketSelector `json:"bucketSelector,omitempty"`
}

// BucketReference names an ImageBucket.
type BucketReference struct {
	// Name of the ImageBucket.
	//
	// +kubebuilder:validation:MinLength=1
	Name ObjectName `json:"name"`
}

// BucketSelector finds an ImageBucket.
type BucketSelector struct {
	// MatchLabels are the labels that exactly one ImageBucket has, each of
	// them.
	//
	// +kubebuilder:validation:MinProperties=1
	// +kubebuilder:validation:MaxProperties=16
	MatchLabels map[string]LabelValue `json:"matchLabels"`
}

// LabelValue is the value of a label.
//
// +kubebuilder:validation:MaxLength=63
type LabelValue string

// S3Place is the flat and the nested spelling of a place in S3, side by side:
// either is accepted, and both when they agree.
//
// +kubebuilder:validation:XValidation:rule="!has(self.s3Config) || !has(self.endpoint) || !has(self.s3Config.endpoint) || self.endpoint == self.s3Config.endpoint",message="endpoint and s3Config.endpoint disagree; keep s3Config"
// +kubebuilder:validation:XValidation:rule="!has(self.s3Config) || !has(self.region) || !has(self.s3Config.region) || self.region == self.s3Config.region",message="region and s3Config.region disagree; keep s3Config"
// +kubebuilder:validation:XValidation:rule="!has(self.s3Config) || !has(self.bucket) || !has(self.s3Config.bucket) || self.bucket == self.s3Config.bucket",message="bucket and s3Config.bucket disagree; keep s3Config"
// +kubebuilder:validation:XValidation:rule="!has(self.s3Config) || !has(self.key) || !has(self.s3Config.key) || self.key == self.s3Config.key",message="key and s3Config.key disagree; keep s3Config"
// +kubebuilder:validation:XValidation:rule="!has(self.s3Config) || !has(self.credentials) || !has(self.s3Config.credentials) || self.credentials.secretName == self.s3Config.credentials.secretName",message="credentials and s3Config.credentials disagree; keep s3Config"
// +kubebuilder:validation:XValidation:rule="!has(self.s3Config) || !(has(self.s3Config.bucketRef) || has(self.s3Config.bucketSelector)) || !(has(self.endpoint) || has(self.region) || has(self.bucket) || has(self.credentials))",message="leave out endpoint, region, bucket and credentials: they come from the ImageBucket that s3Config names"
type S3Place struct {
	S3Location `json:",inline"`

	// S3Config is the place of the object, for type s3.
	//
	// +optional
	S3Config *S3Config `json:"s3Config,omitempty"`
}

// RegistryConfig says how a registry is reached.
type RegistryConfig struct {
	// SecretName names a Secret of the Wukong's namespace with credentials
	// for the registry: a dockerconfigjson, or username and password.
	//
	// +optional
	SecretName ObjectName `json:"secretName,omitempty"`

	// CABundle holds the authorities that signed the registry's certificate.
	//
	// +optional
	CABundle *CABundle `json:"caBundle,omitempty"`

	// PlainHTTP speaks http to the registry, not https. Default: false.
	//
	// +optional
	PlainHTTP bool `json:"plainHTTP,omitempty"`
}

// CABundle names certificate authorities that are trusted beside the system's.
type CABundle struct {
	// ConfigMapName names a ConfigMap of the Wukong's namespace.
	//
	// +kubebuilder:validation:MinLength=1
	ConfigMapName ObjectName `json:"configMapName"`

	// Key in the ConfigMap whose value is a PEM bundle. Default: ca.crt.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:default="ca.crt"
	Key string `json:"key,omitempty"`
}

// HTTPHeader is one header of a request.
type HTTPHeader struct {
	// Name of the header.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=128
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9!#$%&*+.^_|~-]+$')",message="write a header's name with letters, digits and dashes, without colon or spaces"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['authorization', 'proxy-authorization', 'cookie'])",message="this header is a secret: put it into the key headers of the Secret that secretName names, as a line 'Name: value'"
	// +kubebuilder:validation:XValidation:rule="!(self.lowerAscii() in ['host', 'range', 'if-range', 'if-match', 'accept-encoding', 'content-length', 'connection', 'transfer-encoding'])",message="this header is set for you; leave it out"
	Name string `json:"name"`

	// Value of the header. It is not secret: secret headers belong into the
	// Secret.
	//
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.matches('[\\r\\n]')",message="write the header's value in one line"
	Value string `json:"value"`
}

// HTTPConfig says how an HTTP server is reached.
type HTTPConfig struct {
	// SecretName names a Secret of the Wukong's namespace with credentials:
	// username and password, or token, or headers.
	//
	// +optional
	SecretName ObjectName `json:"secretName,omitempty"`

	// CABundle holds the authorities that signed the server's certificate.
	//
	// +optional
	CABundle *CABundle `json:"caBundle,omitempty"`

	// Headers that are sent with every request to the URL's own host.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Headers []HTTPHeader `json:"headers,omitempty"`
}
