// SPDX-License-Identifier: Apache-2.0

package imagebucket

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"k8s.io/utils/ptr"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/s3conn"
)

// The tags by which a bucket says whose it is. One that was adopted is told from
// one that was made by which of the first two it has.
const (
	tagCreatedBy = "wukong.m.novasphere.dev/created-by"
	tagAdoptedBy = "wukong.m.novasphere.dev/adopted-by"
	tagResource  = "wukong.m.novasphere.dev/image-bucket"

	// maxTag is the most characters that a tag's value has.
	maxTag = 256
)

// The origins of a bucket.
const (
	originCreated = "Created"
	originAdopted = "Adopted"
)

// A store is where a bucket is.
type store struct {
	endpoint, region string
	generic          bool
}

// storeOf returns the store of a bucket. The configuration's defaults belong
// together: its region says nothing of another store.
func storeOf(p v1alpha1.ImageBucketParameters, defaults *configv1alpha1.S3) store {
	if defaults == nil || p.Endpoint != "" {
		defaults = &configv1alpha1.S3{}
	}
	s := store{
		endpoint: cmp.Or(p.Endpoint, defaults.Endpoint),
		region:   cmp.Or(p.Region, defaults.Region, s3conn.DefaultRegion),
	}
	c := cmp.Or(p.Compatibility, defaults.Compatibility)
	s.generic = c == configv1alpha1.CompatibilityGeneric || c == "" && s.endpoint != ""
	return s
}

// url is the store's, also where it is AWS's own.
func (s store) url() string { return cmp.Or(s.endpoint, s3conn.Endpoint(s.region)) }

// bucketName is the bucket's name in its store.
func bucketName(cr *v1alpha1.ImageBucket) string {
	return cmp.Or(meta.GetExternalName(cr), cr.GetName())
}

// An ownership says whose a bucket is.
type ownership string

const (
	// ours is a bucket that says so.
	ours ownership = "Ours"

	// unmarked is one that says nothing, and is to be ours.
	unmarked ownership = "Unmarked"

	// foreign is one that is not to be touched.
	foreign ownership = "Foreign"
)

// ownershipOf says whose a bucket is. It may be adopted if the external name
// names it, and belongs to its ImageBucket if that was about to make it.
func ownershipOf(cr *v1alpha1.ImageBucket, s bucket.State) ownership {
	owner := cmp.Or(s.Tags[tagCreatedBy], s.Tags[tagAdoptedBy])
	named := meta.GetExternalName(cr) != "" || meta.ExternalCreateIncomplete(cr)
	switch {
	case owner == string(cr.GetUID()):
		return ours
	case owner != "" && (!named || s.Tags[tagResource] != resourceTag(cr)):
		// A resource that was restored has its name, and another UID.
		return foreign
	case s.TagsUnsupported && named:
		return ours
	case named:
		return unmarked
	}
	return foreign
}

// resourceTag names an ImageBucket in a tag of its bucket.
func resourceTag(cr *v1alpha1.ImageBucket) string {
	name := cr.GetNamespace() + "/" + cr.GetName()
	return name[:min(len(name), maxTag)]
}

// originOf says where a bucket came from, as its tags have it.
func originOf(s bucket.State) string {
	switch {
	case s.Tags[tagCreatedBy] != "":
		return originCreated
	case s.Tags[tagAdoptedBy] != "":
		return originAdopted
	}
	return ""
}

// ownerTags are those that a bucket should have. One that was made by its
// ImageBucket, or is about to be, was not adopted, even if somebody has taken
// its tags away.
func ownerTags(cr *v1alpha1.ImageBucket, s bucket.State) map[string]string {
	key := tagAdoptedBy
	if !s.Exists || s.Tags[tagCreatedBy] != "" || cr.Status.AtProvider.Origin == originCreated || meta.ExternalCreateIncomplete(cr) {
		key = tagCreatedBy
	}
	return map[string]string{key: string(cr.GetUID()), tagResource: resourceTag(cr)}
}

// wanted are the settings that are asked for.
func wanted(cr *v1alpha1.ImageBucket) bucket.Settings {
	p := cr.Spec.ForProvider.BucketSettings
	s := bucket.Settings{Versioning: string(p.Versioning), Policy: p.Policy, Ownership: string(p.Ownership)}
	if p.Lifecycle != nil {
		s.Lifecycle = lifecycle(*p.Lifecycle)
	}
	if e := p.Encryption; e != nil {
		s.Encryption = &bucket.Encryption{KMS: e.Algorithm == v1alpha1.EncryptionKMS, Key: e.KMSKeyID}
	}
	if b := p.PublicAccessBlock; b != nil {
		s.PublicAccess = &bucket.PublicAccess{
			BlockACLs: ptr.Deref(b.BlockPublicACLs, true), IgnoreACLs: ptr.Deref(b.IgnorePublicACLs, true),
			BlockPolicy: ptr.Deref(b.BlockPublicPolicy, true), RestrictBuckets: ptr.Deref(b.RestrictPublicBuckets, true),
		}
	}
	if p.CORS != nil {
		s.CORS = cors(*p.CORS)
	}
	if l := p.ObjectLock; l != nil {
		s.ObjectLock = &bucket.ObjectLock{}
		if r := l.Retention; r != nil {
			*s.ObjectLock = bucket.ObjectLock{Mode: strings.ToUpper(string(r.Mode)), Days: r.Days}
		}
	}
	if p.Tags != nil {
		s.Tags = map[string]string{}
		maps.Copy(s.Tags, p.Tags.Set)
	}
	return s
}

func lifecycle(l v1alpha1.BucketLifecycle) []bucket.LifecycleRule {
	out := []bucket.LifecycleRule{}
	for _, r := range l.Rules {
		out = append(out, bucket.LifecycleRule{
			Name: r.Name, Prefix: r.Prefix,
			Expiration:           ptr.Deref(r.ExpirationDays, 0),
			NoncurrentExpiration: ptr.Deref(r.NoncurrentVersionExpirationDays, 0),
			AbortUploads:         ptr.Deref(r.AbortIncompleteUploadDays, 0),
		})
	}
	return out
}

func cors(c v1alpha1.BucketCORS) []bucket.CORSRule {
	out := []bucket.CORSRule{}
	for _, r := range c.Rules {
		rule := bucket.CORSRule{Origins: r.AllowedOrigins, Headers: r.AllowedHeaders, Expose: r.ExposeHeaders, MaxAge: r.MaxAgeSeconds}
		for _, m := range r.AllowedMethods {
			rule.Methods = append(rule.Methods, string(m))
		}
		out = append(out, rule)
	}
	return out
}

// featuresOf is what the status should say of the features, given what was found
// now. What a store has refused to do for this generation it is not asked again.
func featuresOf(cr *v1alpha1.ImageBucket, found map[string]bucket.Verdict) []v1alpha1.BucketFeature {
	var out []v1alpha1.BucketFeature
	for _, name := range slices.Sorted(maps.Keys(found)) {
		f := v1alpha1.BucketFeature{Name: name, State: v1alpha1.FeatureApplied}
		switch had := featureOf(cr, name); {
		case found[name] == bucket.Unsupported:
			f.State, f.Generation = v1alpha1.FeatureUnsupported, cr.GetGeneration()
		case found[name] == bucket.Differs && had.Generation != 0 && had.Generation == cr.GetGeneration():
			f = had
		case found[name] == bucket.Differs:
			f.State = v1alpha1.FeaturePending
		}
		out = append(out, f)
	}
	return out
}

func featureOf(cr *v1alpha1.ImageBucket, name string) v1alpha1.BucketFeature {
	for _, f := range cr.Status.AtProvider.Features {
		if f.Name == name {
			return f
		}
	}
	return v1alpha1.BucketFeature{}
}

// record writes into the status what became of features that were changed.
func record(cr *v1alpha1.ImageBucket, done map[string]bucket.Outcome) {
	fs := cr.Status.AtProvider.Features
	for i := range fs {
		o, ok := done[fs[i].Name]
		switch {
		case !ok:
		case o.Refused != "":
			fs[i] = v1alpha1.BucketFeature{Name: fs[i].Name, State: v1alpha1.FeatureRefused, Generation: cr.GetGeneration(), Message: o.Refused}
		case o.Verdict == bucket.Unsupported:
			fs[i] = v1alpha1.BucketFeature{Name: fs[i].Name, State: v1alpha1.FeatureUnsupported, Generation: cr.GetGeneration()}
		case o.Verdict == bucket.Same:
			fs[i] = v1alpha1.BucketFeature{Name: fs[i].Name, State: v1alpha1.FeatureApplied}
		}
	}
}

// pending are the features that are not as they should be, and can be.
func pending(cr *v1alpha1.ImageBucket) map[string]bool {
	out := map[string]bool{}
	for _, f := range cr.Status.AtProvider.Features {
		if f.State == v1alpha1.FeaturePending {
			out[f.Name] = true
		}
	}
	return out
}

// inState are the names of the features in a state, but for the tag of ours that
// nobody has asked for.
func inState(cr *v1alpha1.ImageBucket, s v1alpha1.BucketFeatureState) []string {
	var out []string
	for _, f := range cr.Status.AtProvider.Features {
		if f.State == s && f.Name != bucket.FeatureOwner {
			out = append(out, f.Name)
		}
	}
	return out
}

// connectionDetails lead to the bucket: for people and programs, for a
// DataVolume of CDI (accessKeyId and secretKey), and for a bucketRef.
func connectionDetails(cr *v1alpha1.ImageBucket, s store, files map[string][]byte) map[string][]byte {
	d := map[string][]byte{
		"endpoint": []byte(s.url()), "region": []byte(s.region), "bucket": []byte(bucketName(cr)),
		"accessKeyId": files["accessKeyId"], "secretAccessKey": files["secretAccessKey"], "secretKey": files["secretAccessKey"],
	}
	if t := files["sessionToken"]; len(t) > 0 {
		d["sessionToken"] = t
	}
	return d
}
