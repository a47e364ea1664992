// SPDX-License-Identifier: Apache-2.0

package imagebucket

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/bucket"
)

func imageBucket(change ...func(*v1alpha1.ImageBucket)) *v1alpha1.ImageBucket {
	cr := &v1alpha1.ImageBucket{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "images", UID: "uid-1", Generation: 2}}
	for _, c := range change {
		c(cr)
	}
	return cr
}

func named(cr *v1alpha1.ImageBucket) { meta.SetExternalName(cr, "images") }

func creating(cr *v1alpha1.ImageBucket) { meta.SetExternalCreatePending(cr, time.Now()) }

func TestOwnership(t *testing.T) {
	tags := func(kv ...string) bucket.State {
		s := bucket.State{Exists: true, Tags: map[string]string{}}
		for i := 0; i < len(kv); i += 2 {
			s.Tags[kv[i]] = kv[i+1]
		}
		return s
	}
	cases := map[string]struct {
		reason string
		cr     *v1alpha1.ImageBucket
		state  bucket.State
		want   ownership
	}{
		"Made":         {"a bucket with our tag is ours", imageBucket(), tags(tagCreatedBy, "uid-1"), ours},
		"Adopted":      {"so is one that we adopted", imageBucket(named), tags(tagAdoptedBy, "uid-1"), ours},
		"Stranger":     {"one without tags is not ours", imageBucket(), tags("team", "other"), foreign},
		"Named":        {"unless the external name names it", imageBucket(named), tags("team", "other"), unmarked},
		"Interrupted":  {"or it was about to be made", imageBucket(creating), tags(), unmarked},
		"Other":        {"one that is another's is never ours", imageBucket(named), tags(tagCreatedBy, "uid-2", tagResource, "vms/other"), foreign},
		"Restored":     {"but for the same resource with another UID", imageBucket(named), tags(tagCreatedBy, "uid-2", tagResource, "vms/images"), unmarked},
		"Recreated":    {"which does not name it", imageBucket(), tags(tagCreatedBy, "uid-2", tagResource, "vms/images"), foreign},
		"NoTags":       {"in a store without tags the external name tells", imageBucket(named), bucket.State{Exists: true, TagsUnsupported: true}, ours},
		"NoTagsNoName": {"and without it the bucket is not ours", imageBucket(), bucket.State{Exists: true, TagsUnsupported: true}, foreign},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := ownershipOf(tc.cr, tc.state); got != tc.want {
				t.Errorf("%s: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

func TestOwnerTags(t *testing.T) {
	cases := map[string]struct {
		reason string
		cr     *v1alpha1.ImageBucket
		state  bucket.State
		want   string
	}{
		"New":         {"one that is not there is made", imageBucket(), bucket.State{}, tagCreatedBy},
		"Interrupted": {"one that was about to be made too", imageBucket(creating), bucket.State{Exists: true}, tagCreatedBy},
		"Made":        {"one that was made stays so", imageBucket(named), bucket.State{Exists: true, Tags: map[string]string{tagCreatedBy: "uid-2"}}, tagCreatedBy},
		"There":       {"one that is there is adopted", imageBucket(named), bucket.State{Exists: true}, tagAdoptedBy},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			want := map[string]string{tc.want: "uid-1", tagResource: "vms/images"}
			if diff := cmp.Diff(want, ownerTags(tc.cr, tc.state)); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestStore(t *testing.T) {
	defaults := &configv1alpha1.S3{Endpoint: "https://s3.example.com", Region: "here"}
	cases := map[string]struct {
		reason   string
		params   v1alpha1.ImageBucketParameters
		defaults *configv1alpha1.S3
		want     store
		url      string
	}{
		"AWS":      {"nothing named is AWS", v1alpha1.ImageBucketParameters{}, nil, store{region: "us-east-1"}, "https://s3.us-east-1.amazonaws.com"},
		"Region":   {"its region counts", v1alpha1.ImageBucketParameters{Region: "cn-north-1"}, nil, store{region: "cn-north-1"}, "https://s3.cn-north-1.amazonaws.com.cn"},
		"Defaults": {"the configuration's store is taken whole", v1alpha1.ImageBucketParameters{}, defaults, store{"https://s3.example.com", "here", true}, "https://s3.example.com"},
		"Own":      {"its region says nothing of another store", v1alpha1.ImageBucketParameters{Endpoint: "https://other"}, defaults, store{"https://other", "us-east-1", true}, "https://other"},
		"Preset":   {"a store at an endpoint may be as AWS", v1alpha1.ImageBucketParameters{Endpoint: "https://other", Compatibility: "AWS"}, nil, store{"https://other", "us-east-1", false}, "https://other"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := storeOf(tc.params, tc.defaults)
			if got != tc.want || got.url() != tc.url {
				t.Errorf("%s: got %+v at %s", tc.reason, got, got.url())
			}
		})
	}
}

func TestWanted(t *testing.T) {
	if diff := cmp.Diff(bucket.Settings{}, wanted(imageBucket())); diff != "" {
		t.Errorf("nothing is asked for, but: %s", diff)
	}
	cr := imageBucket(func(cr *v1alpha1.ImageBucket) {
		cr.Spec.ForProvider.BucketSettings = v1alpha1.BucketSettings{
			Versioning: v1alpha1.VersioningEnabled, Lifecycle: &v1alpha1.BucketLifecycle{Rules: []v1alpha1.LifecycleRule{}},
			CORS:              &v1alpha1.BucketCORS{Rules: []v1alpha1.CORSRule{{AllowedOrigins: []string{"*"}, AllowedMethods: []v1alpha1.CORSMethod{"GET"}}}},
			Encryption:        &v1alpha1.BucketEncryption{Algorithm: v1alpha1.EncryptionKMS, KMSKeyID: "key"},
			PublicAccessBlock: &v1alpha1.PublicAccessBlock{BlockPublicACLs: ptr.To(false)},
			ObjectLock:        &v1alpha1.BucketObjectLock{Retention: &v1alpha1.ObjectRetention{Mode: v1alpha1.RetentionCompliance, Days: 3}},
			Tags:              &v1alpha1.BucketTags{Set: map[string]string{}},
		}
	})
	want := bucket.Settings{
		Versioning: "Enabled", Lifecycle: []bucket.LifecycleRule{}, CORS: []bucket.CORSRule{{Origins: []string{"*"}, Methods: []string{"GET"}}},
		Encryption: &bucket.Encryption{KMS: true, Key: "key"}, PublicAccess: &bucket.PublicAccess{IgnoreACLs: true, BlockPolicy: true, RestrictBuckets: true},
		ObjectLock: &bucket.ObjectLock{Mode: "COMPLIANCE", Days: 3}, Tags: map[string]string{},
	}
	if diff := cmp.Diff(want, wanted(cr), cmp.AllowUnexported(bucket.LifecycleRule{})); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// TestFeatures shows that a store which has said no is not asked again before
// something else is asked for.
func TestFeatures(t *testing.T) {
	cr := imageBucket()
	found := map[string]bucket.Verdict{"cors": bucket.Differs, "policy": bucket.Differs, "tags": bucket.Differs, "versioning": bucket.Same}
	look := func() []v1alpha1.BucketFeature {
		cr.Status.AtProvider.Features = featuresOf(cr, found)
		return cr.Status.AtProvider.Features
	}
	look()
	record(cr, map[string]bucket.Outcome{"cors": {Verdict: bucket.Unsupported}, "policy": {Verdict: bucket.Differs, Refused: "no"}, "tags": {Verdict: bucket.Same}})
	want := []v1alpha1.BucketFeature{
		{Name: "cors", State: v1alpha1.FeatureUnsupported, Generation: 2},
		{Name: "policy", State: v1alpha1.FeatureRefused, Generation: 2, Message: "no"},
		{Name: "tags", State: v1alpha1.FeaturePending},
		{Name: "versioning", State: v1alpha1.FeatureApplied},
	}
	if diff := cmp.Diff(want, look()); diff != "" {
		t.Errorf("after a refusal: -want, +got:\n%s", diff)
	}
	conclude(cr)
	if c := cr.GetCondition(v1alpha1.TypeFeaturesApplied); c.Reason != v1alpha1.ReasonSettingRefused || c.Message != "no" {
		t.Errorf("the condition is %s: %s", c.Reason, c.Message)
	}
	cr.Generation = 3
	for _, f := range look() {
		if f.Name != "versioning" && f.State != v1alpha1.FeaturePending {
			t.Errorf("%s is %s when something else is asked for", f.Name, f.State)
		}
	}
}
