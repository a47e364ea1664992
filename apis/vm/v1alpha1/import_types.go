// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// The types of an import source.
const (
	SourceHTTP     = "http"
	SourceHTTPS    = "https"
	SourceS3       = "s3"
	SourceRegistry = "registry"
	SourcePVC      = "pvc"
)

// ImportSource is the image that a disk is filled with.
//
// +kubebuilder:validation:XValidation:rule="!(self.type in ['http', 'https', 'registry']) || has(self.url)",message="type http, https and registry want url, the address of the image"
// +kubebuilder:validation:XValidation:rule="self.type != 'pvc' || !has(self.url)",message="type pvc has no url; name the claim in pvcConfig"
// +kubebuilder:validation:XValidation:rule="self.type != 'https' || !has(self.url) || self.url.startsWith('https://')",message="type https wants a url that begins with https://"
// +kubebuilder:validation:XValidation:rule="self.type != 'http' || !has(self.url) || self.url.startsWith('http://') || self.url.startsWith('https://')",message="type http wants a url that begins with http:// or https://"
// +kubebuilder:validation:XValidation:rule="self.type != 'registry' || !has(self.url) || self.url.startsWith('docker://') || self.url.startsWith('registry://')",message="type registry wants a url that begins with docker:// or registry://"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || !has(self.url) || self.url.matches('^s3://[^/]+/.+')",message="type s3 wants s3Config; a url beside it reads s3://bucket/key"
// +kubebuilder:validation:XValidation:rule="!(self.type in ['http', 'https']) || !has(self.url) || self.url.matches('^[a-z]+://[^/]*@') || (isURL(self.url) && size(url(self.url).getHost()) > 0)",message="write a whole url with a host, such as https://images.example.com/disk.qcow2"
// +kubebuilder:validation:XValidation:rule="self.type in ['http', 'https'] || !has(self.httpConfig)",message="httpConfig belongs to type http and https"
// +kubebuilder:validation:XValidation:rule="self.type == 's3' || !(has(self.s3Config) || has(self.endpoint) || has(self.region) || has(self.bucket) || has(self.key) || has(self.credentials))",message="s3Config, endpoint, region, bucket, key and credentials belong to type s3"
// +kubebuilder:validation:XValidation:rule="self.type == 'registry' || !has(self.registryConfig)",message="registryConfig belongs to type registry"
// +kubebuilder:validation:XValidation:rule="(self.type == 'pvc') == has(self.pvcConfig)",message="type pvc wants pvcConfig, the claim to clone, and no other type has it"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || (has(self.s3Config) && (has(self.s3Config.bucket) || has(self.s3Config.bucketRef) || has(self.s3Config.bucketSelector))) || has(self.bucket) || has(self.url)",message="type s3 wants s3Config.bucket, or s3Config.bucketRef for an ImageBucket"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || (has(self.s3Config) && has(self.s3Config.key)) || has(self.key) || has(self.url)",message="type s3 wants s3Config.key, the object in the bucket"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || !has(self.url) || ((!has(self.bucket) || self.url.startsWith('s3://' + self.bucket + '/')) && (!has(self.s3Config) || !has(self.s3Config.bucket) || self.url.startsWith('s3://' + self.s3Config.bucket + '/')))",message="url and bucket disagree; keep s3Config"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || !has(self.url) || ((!has(self.key) || self.url.endsWith('/' + self.key)) && (!has(self.s3Config) || !has(self.s3Config.key) || self.url.endsWith('/' + self.s3Config.key)))",message="url and key disagree; keep s3Config"
// +kubebuilder:validation:XValidation:rule="self.type != 's3' || !has(self.url) || !has(self.s3Config) || !(has(self.s3Config.bucketRef) || has(self.s3Config.bucketSelector))",message="leave out url: the bucket is that of the ImageBucket; write s3Config.key"
type ImportSource struct {
	// Type of the source. Type http also accepts a url that begins with
	// https://; type https accepts no other.
	//
	// +kubebuilder:validation:Enum=http;https;s3;registry;pvc
	Type string `json:"type"`

	// URL of the image, for type http, https and registry. It holds no
	// credentials.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +kubebuilder:validation:XValidation:rule="!self.matches('^[a-z0-9+]+://[^/?#]*@')",message="a url holds no credentials: put them into a Secret and name it in httpConfig, s3Config or registryConfig"
	URL string `json:"url,omitempty"`

	// HTTPConfig says how the server is reached, for type http and https.
	//
	// +optional
	HTTPConfig *HTTPConfig `json:"httpConfig,omitempty"`

	S3Place `json:",inline"`

	// RegistryConfig says how the registry is reached, for type registry.
	//
	// +optional
	RegistryConfig *RegistryConfig `json:"registryConfig,omitempty"`

	// PVCConfig is the claim to clone, for type pvc.
	//
	// +optional
	PVCConfig *ClaimRef `json:"pvcConfig,omitempty"`

	// Checksum of the source's bytes as they are served: "sha256:…",
	// "sha512:…", "sha1:…", "md5:…" or "crc64nvme:…". A disk whose bytes have
	// another one is never published.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=135
	// +kubebuilder:validation:XValidation:rule="self.matches('^(sha256:[0-9a-fA-F]{64}|sha512:[0-9a-fA-F]{128}|sha1:[0-9a-fA-F]{40}|md5:[0-9a-fA-F]{32}|crc64nvme:[0-9a-fA-F]{16})$')",message="write checksum as sha256:, sha512:, sha1:, md5: or crc64nvme: and the sum's hexadecimal digits"
	Checksum string `json:"checksum,omitempty"`
}

// ClaimRef names a PersistentVolumeClaim.
type ClaimRef struct {
	// Name of the claim.
	//
	// +kubebuilder:validation:MinLength=1
	Name ObjectName `json:"name"`

	// Namespace of the claim. Default: the Wukong's.
	//
	// +optional
	Namespace NamespaceName `json:"namespace,omitempty"`
}
