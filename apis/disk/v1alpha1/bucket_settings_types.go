// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// BucketSettings are what a store can be asked to do with a bucket. Each member
// that is not set is left as it is.
type BucketSettings struct {
	// Versioning keeps the versions of an object that is written again
	// (Enabled), or does not any more (Suspended). Default: not managed.
	// +optional
	Versioning BucketVersioning `json:"versioning,omitempty"`

	// Lifecycle removes what is old. Without rules: nothing is removed.
	// Default: not managed.
	// +optional
	Lifecycle *BucketLifecycle `json:"lifecycle,omitempty"`

	// Encryption of new objects that ask for none of their own. Default: not
	// managed.
	// +optional
	Encryption *BucketEncryption `json:"encryption,omitempty"`

	// Policy of the bucket, a JSON document in the language of IAM. It is
	// compared by its meaning: white space, order, and a list of one instead
	// of a string are no difference. Default: not managed.
	// +kubebuilder:validation:MinLength=2
	// +kubebuilder:validation:MaxLength=20480
	// +kubebuilder:validation:XValidation:rule="self.trim().startsWith('{') && self.trim().endsWith('}')",message="write the policy as a JSON document, from its first brace to its last"
	// +optional
	Policy string `json:"policy,omitempty"`

	// PublicAccessBlock keeps access lists and policies from making anything
	// public. Default: not managed.
	// +optional
	PublicAccessBlock *PublicAccessBlock `json:"publicAccessBlock,omitempty"`

	// CORS says which pages in a browser may use the bucket. Without rules:
	// none. Default: not managed.
	// +optional
	CORS *BucketCORS `json:"cors,omitempty"`

	// ObjectLock keeps objects from being deleted or overwritten. It cannot
	// be turned off again. Default: not managed.
	// +optional
	ObjectLock *BucketObjectLock `json:"objectLock,omitempty"`

	// Ownership of objects that other accounts write: BucketOwnerEnforced,
	// BucketOwnerPreferred or ObjectWriter. Default: not managed.
	// +optional
	Ownership ObjectOwnership `json:"ownership,omitempty"`

	// Tags of the bucket, beside those by which it says whose it is. Empty:
	// no others. Default: others are not managed.
	// +optional
	Tags *BucketTags `json:"tags,omitempty"`
}

// A BucketVersioning says whether versions are kept.
// +kubebuilder:validation:Enum=Enabled;Suspended
// +kubebuilder:validation:MaxLength=16
type BucketVersioning string

// The versionings.
const (
	VersioningEnabled   BucketVersioning = "Enabled"
	VersioningSuspended BucketVersioning = "Suspended"
)

// A BucketLifecycle is the rules by which a store removes what is old.
type BucketLifecycle struct {
	// Rules, in any order.
	// +kubebuilder:validation:MaxItems=100
	// +listType=map
	// +listMapKey=name
	Rules []LifecycleRule `json:"rules"`
}

// A LifecycleRule removes old objects.
// +kubebuilder:validation:XValidation:rule="has(self.expirationDays) || has(self.noncurrentVersionExpirationDays) || has(self.abortIncompleteUploadDays)",message="say what the rule removes: write expirationDays, noncurrentVersionExpirationDays or abortIncompleteUploadDays"
type LifecycleRule struct {
	// Name of the rule.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=255
	Name string `json:"name"`

	// Prefix of the keys that the rule is for. Default: every key.
	// +kubebuilder:validation:MaxLength=1024
	// +optional
	Prefix string `json:"prefix,omitempty"`

	// ExpirationDays is the age in days at which an object is removed; with
	// versions, it becomes one that is not current. Default: never.
	// +kubebuilder:validation:Minimum=1
	// +optional
	ExpirationDays *int32 `json:"expirationDays,omitempty"`

	// NoncurrentVersionExpirationDays is how many days after it was replaced
	// or deleted a version is removed for good. Default: never.
	// +kubebuilder:validation:Minimum=1
	// +optional
	NoncurrentVersionExpirationDays *int32 `json:"noncurrentVersionExpirationDays,omitempty"`

	// AbortIncompleteUploadDays is the age in days at which an upload that
	// was not finished is removed. An export that goes on for longer loses
	// what it has sent. Default: never.
	// +kubebuilder:validation:Minimum=1
	// +optional
	AbortIncompleteUploadDays *int32 `json:"abortIncompleteUploadDays,omitempty"`
}

// An EncryptionAlgorithm is how a store encrypts.
// +kubebuilder:validation:Enum=AES256;KMS
// +kubebuilder:validation:MaxLength=16
type EncryptionAlgorithm string

// The algorithms.
const (
	// EncryptionAES256 is with keys of the store's own.
	EncryptionAES256 EncryptionAlgorithm = "AES256"

	// EncryptionKMS is with a key of a key management service.
	EncryptionKMS EncryptionAlgorithm = "KMS"
)

// A BucketEncryption is how objects are encrypted at rest.
// +kubebuilder:validation:XValidation:rule="!has(self.kmsKeyID) || self.algorithm == 'KMS'",message="kmsKeyID goes with algorithm: KMS; leave it out with AES256"
type BucketEncryption struct {
	// Algorithm: AES256, with keys of the store's own, or KMS.
	Algorithm EncryptionAlgorithm `json:"algorithm"`

	// KMSKeyID names the key. Default: the account's own.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=2048
	// +optional
	KMSKeyID string `json:"kmsKeyID,omitempty"`
}

// A PublicAccessBlock keeps a bucket private.
type PublicAccessBlock struct {
	// BlockPublicACLs refuses access lists that make something public.
	// Default: true.
	// +kubebuilder:default=true
	// +optional
	BlockPublicACLs *bool `json:"blockPublicACLs,omitempty"`

	// IgnorePublicACLs ignores those that are there. Default: true.
	// +kubebuilder:default=true
	// +optional
	IgnorePublicACLs *bool `json:"ignorePublicACLs,omitempty"`

	// BlockPublicPolicy refuses a policy that makes something public.
	// Default: true.
	// +kubebuilder:default=true
	// +optional
	BlockPublicPolicy *bool `json:"blockPublicPolicy,omitempty"`

	// RestrictPublicBuckets gives a bucket with a public policy to its own
	// account only. Default: true.
	// +kubebuilder:default=true
	// +optional
	RestrictPublicBuckets *bool `json:"restrictPublicBuckets,omitempty"`
}

// A BucketCORS is what pages of other origins may do.
type BucketCORS struct {
	// Rules; the first that fits a request counts.
	// +kubebuilder:validation:MaxItems=100
	// +listType=atomic
	Rules []CORSRule `json:"rules"`
}

// A CORSMethod is a method of a request.
// +kubebuilder:validation:Enum=GET;PUT;POST;DELETE;HEAD
// +kubebuilder:validation:MaxLength=8
type CORSMethod string

// A CORSRule permits requests of pages.
type CORSRule struct {
	// AllowedOrigins, such as https://console.example.com, or *.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	AllowedOrigins []string `json:"allowedOrigins"`

	// AllowedMethods of the requests.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=5
	// +listType=set
	AllowedMethods []CORSMethod `json:"allowedMethods"`

	// AllowedHeaders of the requests. Default: none.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	// +optional
	AllowedHeaders []string `json:"allowedHeaders,omitempty"`

	// ExposeHeaders of the answers that a page may read. Default: none.
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=255
	// +listType=set
	// +optional
	ExposeHeaders []string `json:"exposeHeaders,omitempty"`

	// MaxAgeSeconds is for how many seconds a browser need not ask again.
	// Default: the browser decides.
	// +kubebuilder:validation:Minimum=0
	// +optional
	MaxAgeSeconds *int32 `json:"maxAgeSeconds,omitempty"`
}

// A RetentionMode says who may delete an object before its time.
// +kubebuilder:validation:Enum=Governance;Compliance
// +kubebuilder:validation:MaxLength=16
type RetentionMode string

// The modes.
const (
	// RetentionGovernance lets those delete it who have that right.
	RetentionGovernance RetentionMode = "Governance"

	// RetentionCompliance lets nobody.
	RetentionCompliance RetentionMode = "Compliance"
)

// A BucketObjectLock keeps objects from being deleted.
type BucketObjectLock struct {
	// Retention of new objects that ask for none of their own. Default: none.
	// +optional
	Retention *ObjectRetention `json:"retention,omitempty"`
}

// An ObjectRetention is for how long objects are kept.
type ObjectRetention struct {
	// Mode: Governance or Compliance.
	Mode RetentionMode `json:"mode"`

	// Days for which an object is kept.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=36500
	Days int32 `json:"days"`
}

// An ObjectOwnership says whose the objects are that other accounts write.
// +kubebuilder:validation:Enum=BucketOwnerEnforced;BucketOwnerPreferred;ObjectWriter
// +kubebuilder:validation:MaxLength=32
type ObjectOwnership string

// BucketTags are the tags of a bucket.
type BucketTags struct {
	// Set of names and values.
	// +kubebuilder:validation:MaxProperties=46
	// +kubebuilder:validation:XValidation:rule="self.all(k, k.size() >= 1 && k.size() <= 128 && !k.startsWith('aws:') && !k.startsWith('wukong.m.novasphere.dev/'))",message="write names of 1 to 128 characters that begin neither with aws: nor with wukong.m.novasphere.dev/"
	// +kubebuilder:validation:XValidation:rule="self.all(k, self[k].size() <= 256)",message="write values of at most 256 characters"
	Set map[string]string `json:"set"`
}
