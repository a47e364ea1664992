// SPDX-License-Identifier: Apache-2.0

package bucket

import "context"

// Settings are what is wanted of a bucket. A member that is nil or "" is not
// managed; lists and maps that are empty but not nil want nothing to be there.
type Settings struct {
	// Versioning: Enabled or Suspended.
	Versioning   string
	Lifecycle    []LifecycleRule
	Encryption   *Encryption
	Policy       string
	PublicAccess *PublicAccess
	CORS         []CORSRule
	ObjectLock   *ObjectLock

	// Ownership, in the words of S3.
	Ownership string
	Tags      map[string]string

	// Owner are the tags by which the bucket says whose it is. They are there
	// whatever Tags are. Empty but not nil: Look asks for the tags alone.
	Owner map[string]string
}

// A LifecycleRule removes what is old. Days of 0 mean never.
type LifecycleRule struct {
	Name, Prefix         string
	Expiration           int32
	NoncurrentExpiration int32
	AbortUploads         int32

	// foreign is a rule of the store that does what none of ours does.
	foreign bool
}

// Encryption of new objects.
type Encryption struct {
	// KMS says that a key of a key management service is used, and not the
	// store's own.
	KMS bool

	// Key names the key; "": any.
	Key string
}

// PublicAccess is what keeps a bucket private.
type PublicAccess struct {
	BlockACLs, IgnoreACLs, BlockPolicy, RestrictBuckets bool
}

// A CORSRule permits requests of pages.
type CORSRule struct {
	Origins, Methods, Headers, Expose []string

	// MaxAge in seconds; nil: the browser decides.
	MaxAge *int32
}

// ObjectLock keeps objects from being deleted.
type ObjectLock struct {
	// Mode of the default retention: GOVERNANCE, COMPLIANCE, or "" for none.
	Mode string
	Days int32
}

// The names of the features, which are those of the fields that ask for them.
const (
	FeatureVersioning   = "versioning"
	FeatureLifecycle    = "lifecycle"
	FeatureEncryption   = "encryption"
	FeaturePolicy       = "policy"
	FeaturePublicAccess = "publicAccessBlock"
	FeatureCORS         = "cors"
	FeatureObjectLock   = "objectLock"
	FeatureOwnership    = "ownership"
	FeatureTags         = "tags"
	FeatureOwner        = "ownerTag"
)

// A feature is something that a store can be asked to do.
type feature struct {
	name string

	// same asks whether it is as it is wanted.
	same func(context.Context) (bool, error)

	// set makes it so.
	set func(context.Context) error
}

// features are those that are wanted, in the order in which they are made: what
// needs another one comes after it.
func (b *Bucket) features(want Settings) []feature {
	all := []struct {
		wanted bool
		feature
	}{
		{len(want.Owner) > 0, b.ownerFeature(want)},
		{want.Tags != nil, b.tagsFeature(want)},
		{want.Versioning != "", b.versioningFeature(want.Versioning)},
		{want.ObjectLock != nil, b.objectLockFeature(want.ObjectLock)},
		{want.Ownership != "", b.ownershipFeature(want.Ownership)},
		{want.PublicAccess != nil, b.publicAccessFeature(want.PublicAccess)},
		{want.Encryption != nil, b.encryptionFeature(want.Encryption)},
		{want.Policy != "", b.policyFeature(want.Policy)},
		{want.Lifecycle != nil, b.lifecycleFeature(want.Lifecycle)},
		{want.CORS != nil, b.corsFeature(want.CORS)},
	}
	var out []feature
	for _, f := range all {
		if f.wanted {
			out = append(out, f.feature)
		}
	}
	return out
}
