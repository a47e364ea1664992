// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The types of an export target.
const (
	TargetRegistry = "registry"
	TargetS3       = "s3"
	TargetHTTP     = "http"
	TargetPVC      = "pvc"
)

// ExportTarget is where a disk's content goes.
//
// +kubebuilder:validation:XValidation:rule="!(self.type in ['http', 'registry']) || has(self.url)",message="type http and registry want url, the address to write to"
// +kubebuilder:validation:XValidation:rule="self.type != 'pvc' || !has(self.url)",message="type pvc has no url; name the claim in pvcConfig"
// +kubebuilder:validation:XValidation:rule="self.type != 'http' || !has(self.url) || self.url.startsWith('http://') || self.url.startsWith('https://')",message="type http wants a url that begins with http:// or https://"
// +kubebuilder:validation:XValidation:rule="self.type != 'registry' || !has(self.url) || !self.url.contains('://') || self.url.startsWith('docker://') || self.url.startsWith('registry://')",message="type registry wants a url such as registry.example.com/vms/ubuntu:golden"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || !has(self.url) || self.url.matches('^s3://[^/]+/.+')",message="type s3 wants s3Config; a url beside it reads s3://bucket/key"
// +kubebuilder:validation:XValidation:rule="self.type == 'http' || !has(self.httpConfig)",message="httpConfig belongs to type http"
// +kubebuilder:validation:XValidation:rule="self.type == 's3' || !(has(self.s3Config) || has(self.endpoint) || has(self.region) || has(self.bucket) || has(self.key) || has(self.credentials))",message="s3Config, endpoint, region, bucket, key and credentials belong to type s3"
// +kubebuilder:validation:XValidation:rule="self.type == 'registry' || !has(self.registryConfig)",message="registryConfig belongs to type registry"
// +kubebuilder:validation:XValidation:rule="(self.type == 'pvc') == has(self.pvcConfig)",message="type pvc wants pvcConfig, the claim to write to, and no other type has it"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || (has(self.s3Config) && (has(self.s3Config.bucket) || has(self.s3Config.bucketRef) || has(self.s3Config.bucketSelector))) || has(self.bucket) || has(self.url)",message="type s3 wants s3Config.bucket, or s3Config.bucketRef for an ImageBucket"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || (has(self.s3Config) && has(self.s3Config.key)) || has(self.key) || has(self.url)",message="type s3 wants s3Config.key, the object in the bucket"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || !has(self.url) || ((!has(self.bucket) || self.url.startsWith('s3://' + self.bucket + '/')) && (!has(self.s3Config) || !has(self.s3Config.bucket) || self.url.startsWith('s3://' + self.s3Config.bucket + '/')))",message="url and bucket disagree; keep s3Config"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || !has(self.url) || ((!has(self.key) || self.url.endsWith('/' + self.key)) && (!has(self.s3Config) || !has(self.s3Config.key) || self.url.endsWith('/' + self.s3Config.key)))",message="url and key disagree; keep s3Config"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || !has(self.url) || !has(self.s3Config) || !(has(self.s3Config.bucketRef) || has(self.s3Config.bucketSelector))",message="leave out url: the bucket is that of the ImageBucket; write s3Config.key"
// +kubebuilder:validation:XValidation:rule="!has(self.format) || self.format != 'oci' || self.type == 'registry'",message="format oci is a container disk and belongs to type registry; write raw or qcow2"
// +kubebuilder:validation:XValidation:rule="!has(self.mode) || self.mode != 'Incremental' || !has(self.format)",message="mode Incremental writes a repository, which has a format of its own; remove format"
type ExportTarget struct {
	// Type of the target.
	//
	// +kubebuilder:validation:Enum=registry;s3;http;pvc
	Type string `json:"type"`

	// URL to write to, for type registry and http. It holds no credentials.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[a-z0-9+]+://[^/?#]*@')",message="a url holds no credentials: put them into a Secret and name it in httpConfig, s3Config or registryConfig"
	URL string `json:"url,omitempty"`

	// Format that is written. Default: oci for a registry, qcow2 elsewhere.
	//
	// +optional
	// +kubebuilder:validation:Enum=raw;qcow2;oci
	Format string `json:"format,omitempty"`

	// Mode is Full, the whole disk each time, or Incremental, what changed
	// since the last time. Default: Full.
	//
	// +optional
	// +kubebuilder:validation:Enum=Full;Incremental
	Mode string `json:"mode,omitempty"`

	// Trigger exports the disk again whenever it gets another value, such as a
	// date that a schedule writes. The annotation vm.novasphere.dev/export on
	// the Wukong does the same for all of its disks.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=127
	Trigger string `json:"trigger,omitempty"`

	// HTTPConfig says how the server is reached, for type http.
	//
	// +optional
	HTTPConfig *HTTPConfig `json:"httpConfig,omitempty"`

	S3Place `json:",inline"`

	// RegistryConfig says how the registry is reached, for type registry.
	//
	// +optional
	RegistryConfig *RegistryConfig `json:"registryConfig,omitempty"`

	// PVCConfig is the claim to write to, for type pvc.
	//
	// +optional
	PVCConfig *ClaimFile `json:"pvcConfig,omitempty"`
}

// ClaimFile is a file on a PersistentVolumeClaim of the Wukong's namespace.
type ClaimFile struct {
	// Name of the claim.
	//
	// +kubebuilder:validation:MinLength=1
	Name ObjectName `json:"name"`

	// Path of the file on the claim. Default: WUKONG/DISK and the format's
	// suffix.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	// +kubebuilder:validation:XValidation:rule="!self.startsWith('/') && !self.split('/').exists(p, p == '..')",message="path is relative to the claim's root and does not leave it"
	Path string `json:"path,omitempty"`
}
