// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"context"
	"errors"
	"slices"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// buckets is a cluster with ImageBuckets, and a Secret for all of them.
type buckets struct {
	store
	all []v1alpha1.ImageBucket
}

func (b buckets) Get(ctx context.Context, key client.ObjectKey, into client.Object, o ...client.GetOption) error {
	out, ok := into.(*v1alpha1.ImageBucket)
	if !ok {
		return b.store.Get(ctx, key, into, o...)
	}
	i := slices.IndexFunc(b.all, func(have v1alpha1.ImageBucket) bool { return have.Name == key.Name })
	if i < 0 {
		return kerrors.NewNotFound(schema.GroupResource{}, key.Name)
	}
	b.all[i].DeepCopyInto(out)
	return nil
}

func (b buckets) List(_ context.Context, into client.ObjectList, opts ...client.ListOption) error {
	o := client.ListOptions{}
	o.ApplyOptions(opts)
	for _, have := range b.all {
		if o.LabelSelector.Matches(labels.Set(have.Labels)) {
			l := into.(*v1alpha1.ImageBucketList) //nolint:forcetypeassert // Nothing else is listed.
			l.Items = append(l.Items, have)
		}
	}
	return nil
}

func readyBucket(name string, edits ...func(*v1alpha1.ImageBucket)) v1alpha1.ImageBucket {
	b := v1alpha1.ImageBucket{}
	b.Name, b.Labels = name, map[string]string{"for": "images"}
	b.SetConditions(xpv2.Available())
	b.Spec.WriteConnectionSecretToReference = &xpv2.LocalSecretReference{Name: name + "-place"}
	for _, e := range edits {
		e(&b)
	}
	return b
}

func TestBucket(t *testing.T) {
	place := map[string]string{"endpoint": "https://s3.example.com", "region": "here", "bucket": "golden"}
	byName := v1alpha1.S3Object{BucketRef: &v1alpha1.BucketReference{Name: "images"}}
	byLabel := v1alpha1.S3Object{BucketSelector: &v1alpha1.BucketSelector{MatchLabels: map[string]v1alpha1.LabelValue{"for": "images"}}}
	used := func(name string) *v1alpha1.UsedBucket {
		return &v1alpha1.UsedBucket{ImageBucket: name, Name: "golden", Endpoint: "https://s3.example.com", Region: "here", SecretName: name + "-place"}
	}
	amazon := used("images")
	amazon.Endpoint, amazon.Region = "", "eu-west-1"
	cases := map[string]struct {
		reason string
		have   buckets
		place  v1alpha1.S3Object
		before *v1alpha1.UsedBucket
		want   *v1alpha1.UsedBucket
		why    v1alpha1.Reason
	}{
		"Name":       {"a name leads to its bucket", buckets{store{secret: place}, []v1alpha1.ImageBucket{readyBucket("images")}}, byName, nil, used("images"), ""},
		"Label":      {"so do labels", buckets{store{secret: place}, []v1alpha1.ImageBucket{readyBucket("images")}}, byLabel, nil, used("images"), ""},
		"Before":     {"of several, the one that was used before", buckets{store{secret: place}, []v1alpha1.ImageBucket{readyBucket("a"), readyBucket("b")}}, byLabel, used("b"), used("b"), ""},
		"AWS":        {"AWS's own endpoint needs no name", buckets{store{secret: map[string]string{"endpoint": "https://s3.eu-west-1.amazonaws.com", "region": "eu-west-1", "bucket": "golden"}}, []v1alpha1.ImageBucket{readyBucket("images")}}, byName, nil, amazon, ""},
		"Ambiguous":  {"without one before, none", buckets{store{secret: place}, []v1alpha1.ImageBucket{readyBucket("a"), readyBucket("b")}}, byLabel, nil, nil, v1alpha1.ReasonBucketAmbiguous},
		"NoName":     {"an ImageBucket that is missing is told", buckets{}, byName, nil, nil, v1alpha1.ReasonBucketNotFound},
		"NoLabel":    {"so are labels that none has", buckets{}, byLabel, nil, nil, v1alpha1.ReasonBucketNotFound},
		"NotReady":   {"one that is not ready is waited for", buckets{store{secret: place}, []v1alpha1.ImageBucket{readyBucket("images", func(b *v1alpha1.ImageBucket) { b.SetConditions(xpv2.Creating()) })}}, byName, nil, nil, v1alpha1.ReasonBucketNotReady},
		"NoPlace":    {"one that writes no Secret is told", buckets{store{secret: place}, []v1alpha1.ImageBucket{readyBucket("images", func(b *v1alpha1.ImageBucket) { b.Spec.WriteConnectionSecretToReference = nil })}}, byName, nil, nil, v1alpha1.ReasonBucketWithoutSecret},
		"NoSecret":   {"one whose Secret is gone too", buckets{all: []v1alpha1.ImageBucket{readyBucket("images")}}, byName, nil, nil, v1alpha1.ReasonSecretNotFound},
		"EmptyPlace": {"a Secret that is not filled yet is waited for", buckets{store{secret: map[string]string{}}, []v1alpha1.ImageBucket{readyBucket("images")}}, byName, nil, nil, v1alpha1.ReasonBucketNotReady},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Bucket(t.Context(), tc.have, "vms", tc.place, tc.before)
			var p *Problem
			var why v1alpha1.Reason
			if errors.As(err, &p) {
				why = p.Reason
			} else if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || why != tc.why {
				t.Errorf("%s: reason %q, want %q; -want, +got:\n%s", tc.reason, why, tc.why, diff)
			}
		})
	}
}
