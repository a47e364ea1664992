// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
)

// ImageBucketParameters say what a bucket should be. A member of it that is not
// set is not managed: the store is not even asked for it.
// +kubebuilder:validation:XValidation:rule="has(self.region) == has(oldSelf.region) && (!has(self.region) || self.region == oldSelf.region)",message="a bucket stays in its region; make another ImageBucket for the other region"
// +kubebuilder:validation:XValidation:rule="has(self.endpoint) == has(oldSelf.endpoint) && (!has(self.endpoint) || self.endpoint == oldSelf.endpoint)",message="a bucket stays in its store; make another ImageBucket for the other endpoint"
// +kubebuilder:validation:XValidation:rule="!has(oldSelf.objectLock) || has(self.objectLock)",message="object lock cannot be turned off again; keep objectLock, without retention if new objects need none"
// +kubebuilder:validation:XValidation:rule="!has(self.objectLock) || !has(self.versioning) || self.versioning == 'Enabled'",message="object lock needs versions; write versioning: Enabled, or leave it out"
type ImageBucketParameters struct {
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
	// +kubebuilder:validation:XValidation:rule="self.matches('^[A-Za-z0-9-]+$')",message="write the region's name, such as eu-central-1"
	// +optional
	Region string `json:"region,omitempty"`

	// Compatibility says what the store understands: AWS what Amazon's own
	// does; Generic gets no checksum that is newer than Content-MD5, and may
	// answer that it cannot do something. Default: that of the provider
	// configuration where the endpoint is its too, or else Generic with an
	// endpoint and AWS without one.
	// +optional
	Compatibility configv1alpha1.Compatibility `json:"compatibility,omitempty"`

	// SecretRef names a Secret in the same namespace with accessKeyId and
	// secretAccessKey (or secretKey, as CDI spells it), and sessionToken where
	// they are temporary.
	SecretRef SecretReference `json:"secretRef"`

	// CABundleRef names a ConfigMap in the same namespace with certificate
	// authorities that are trusted beside the public ones. Default: the
	// public ones alone.
	// +optional
	CABundleRef *CABundleReference `json:"caBundleRef,omitempty"`

	BucketSettings `json:",inline"`

	// Deletion says what becomes of the bucket's content when the ImageBucket
	// is deleted.
	// +kubebuilder:default={}
	// +optional
	Deletion BucketDeletion `json:"deletion,omitempty"`
}

// A BucketDeletion says how a bucket is deleted.
type BucketDeletion struct {
	// Policy: Refuse keeps a bucket that holds anything, and says so. Empty
	// removes all objects, versions and unfinished uploads first, for good.
	// Default: Refuse.
	// +kubebuilder:default=Refuse
	// +optional
	Policy DeletionPolicy `json:"policy,omitempty"`
}

// A DeletionPolicy says what becomes of the content of a bucket.
// +kubebuilder:validation:Enum=Refuse;Empty
// +kubebuilder:validation:MaxLength=16
type DeletionPolicy string

// The deletion policies.
const (
	// DeletionRefuse keeps a bucket that holds anything.
	DeletionRefuse DeletionPolicy = "Refuse"

	// DeletionEmpty removes what a bucket holds.
	DeletionEmpty DeletionPolicy = "Empty"
)

// An ImageBucketSpec is what is wanted of an ImageBucket.
type ImageBucketSpec struct {
	xpv2.ManagedResourceSpec `json:",inline"`

	// ForProvider is what the bucket should be.
	ForProvider ImageBucketParameters `json:"forProvider"`
}

// A BucketFeatureState says whether a store does what is asked for.
// +kubebuilder:validation:Enum=Applied;Pending;Unsupported;Refused
type BucketFeatureState string

// The states of a feature.
const (
	// FeatureApplied is that of a feature that is as it should be.
	FeatureApplied BucketFeatureState = "Applied"

	// FeaturePending is that of a feature that is not as it should be yet.
	FeaturePending BucketFeatureState = "Pending"

	// FeatureUnsupported is that of a feature that the store does not have.
	FeatureUnsupported BucketFeatureState = "Unsupported"

	// FeatureRefused is that of a feature that the store does not take as it
	// is asked for.
	FeatureRefused BucketFeatureState = "Refused"
)

// A BucketFeature is what was observed of one feature that is asked for.
type BucketFeature struct {
	// Name of the field of spec.forProvider; ownerTag is the tag by which the
	// bucket says that it is this ImageBucket's.
	Name string `json:"name"`

	// State: Applied, Pending, Unsupported or Refused.
	State BucketFeatureState `json:"state"`

	// Generation of the ImageBucket for which the store said that it does
	// not have the feature, or refused it. It is asked again when that
	// changes.
	// +optional
	Generation int64 `json:"generation,omitempty"`

	// Message is why it was refused.
	// +optional
	Message string `json:"message,omitempty"`
}

// Emptied counts what was removed from a bucket that is being deleted.
type Emptied struct {
	// Objects, their versions and delete markers.
	Objects int64 `json:"objects"`

	// Uploads that were not finished.
	Uploads int64 `json:"uploads"`
}

// An ImageBucketObservation is what was observed of a bucket.
type ImageBucketObservation struct {
	// Endpoint of the store; empty: AWS's own.
	// +optional
	Endpoint string `json:"endpoint,omitempty"`

	// Region of the bucket.
	// +optional
	Region string `json:"region,omitempty"`

	// Bucket is its name.
	// +optional
	Bucket string `json:"bucket,omitempty"`

	// Origin: Created by this ImageBucket, or Adopted by its external name.
	// +optional
	Origin string `json:"origin,omitempty"`

	// Features that are asked for, by name.
	// +listType=map
	// +listMapKey=name
	// +optional
	Features []BucketFeature `json:"features,omitempty"`

	// Emptied is what was removed from the bucket since it is being deleted.
	// +optional
	Emptied *Emptied `json:"emptied,omitempty"`

	// Message says in a sentence how the bucket fares, or what is wrong and
	// what can be done about it.
	// +optional
	Message string `json:"message,omitempty"`
}

// An ImageBucketStatus is the observed state of an ImageBucket.
type ImageBucketStatus struct {
	xpv2.ManagedResourceStatus `json:",inline"`

	// AtProvider is what was observed.
	// +optional
	AtProvider ImageBucketObservation `json:"atProvider,omitempty"`
}

// An ImageBucket is a bucket in an S3 store, for images and backups. Its name
// in the store is the external name, or else the ImageBucket's own name. A
// bucket that exists already is adopted only if the external name names it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="SYNCED",type="string",JSONPath=".status.conditions[?(@.type=='Synced')].status"
// +kubebuilder:printcolumn:name="EXTERNAL-NAME",type="string",JSONPath=".metadata.annotations.crossplane\\.io/external-name"
// +kubebuilder:printcolumn:name="REGION",type="string",JSONPath=".status.atProvider.region"
// +kubebuilder:printcolumn:name="FEATURES",type="string",JSONPath=".status.conditions[?(@.type=='FeaturesApplied')].reason"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="ENDPOINT",type="string",JSONPath=".status.atProvider.endpoint",priority=1
// +kubebuilder:printcolumn:name="ORIGIN",type="string",JSONPath=".status.atProvider.origin",priority=1
// +kubebuilder:printcolumn:name="EMPTIED",type="integer",JSONPath=".status.atProvider.emptied.objects",priority=1
// +kubebuilder:printcolumn:name="MESSAGE",type="string",JSONPath=".status.atProvider.message",priority=1
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,managed,novasphere}
type ImageBucket struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   ImageBucketSpec   `json:"spec"`
	Status ImageBucketStatus `json:"status,omitempty"`
}

// ImageBucketList is a list of ImageBuckets.
// +kubebuilder:object:root=true
type ImageBucketList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []ImageBucket `json:"items"`
}
