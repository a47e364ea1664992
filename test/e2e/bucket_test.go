// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// A bucketEdit changes what is asked of a bucket.
type bucketEdit func(*diskv1alpha1.ImageBucket)

// imageBucket makes an ImageBucket whose bucket bears the namespace's name too,
// since all tests share the store. It goes before the Secret with its keys.
func (n namespace) imageBucket(t *testing.T, name string, edits ...bucketEdit) *diskv1alpha1.ImageBucket {
	t.Helper()
	b := &diskv1alpha1.ImageBucket{ObjectMeta: n.meta(n.name + "-" + name)}
	b.Labels = map[string]string{"purpose": name}
	b.Spec.ForProvider.Endpoint = setting(t, "WUKONG_S3")
	b.Spec.ForProvider.SecretRef = diskv1alpha1.SecretReference{Name: storeKeys}
	b.Spec.WriteConnectionSecretToReference = &xpv2.LocalSecretReference{Name: name + "-place"}
	for _, e := range edits {
		e(b)
	}
	n.make(t, b)
	t.Cleanup(func() { n.remove(context.WithoutCancel(t.Context()), t, b) })
	return b
}

// emptied has the bucket emptied when its ImageBucket is deleted.
func emptied(b *diskv1alpha1.ImageBucket) {
	b.Spec.ForProvider.Deletion.Policy = diskv1alpha1.DeletionEmpty
}

// atStore names the bucket, which may be there already.
func atStore(bucket string) bucketEdit {
	return func(b *diskv1alpha1.ImageBucket) { meta.SetExternalName(b, bucket) }
}

// bucketIs is the property of an ImageBucket that has a condition for a reason,
// with words in its message.
func bucketIs(c xpv2.ConditionType, r xpv2.ConditionReason, words string) func(*diskv1alpha1.ImageBucket) error {
	return func(b *diskv1alpha1.ImageBucket) error {
		got := b.Status.GetCondition(c)
		if got.Reason != r || !strings.Contains(b.Status.AtProvider.Message, words) {
			return fmt.Errorf("%s is %s (%s): %s", c, got.Status, got.Reason, b.Status.AtProvider.Message)
		}
		return nil
	}
}

// storeHas reports whether a bucket is in the store.
func storeHas(t *testing.T, bucket string) bool {
	t.Helper()
	all, err := store(t).ListBuckets(t.Context(), &s3.ListBucketsInput{Prefix: &bucket})
	if err != nil {
		t.Fatalf("cannot list buckets: %v", err)
	}
	for _, b := range all.Buckets {
		if *b.Name == bucket {
			return true
		}
	}
	return false
}

// TestBucket makes a bucket, exports a disk to it by name and by label, imports
// it from there, by CDI too, and deletes the bucket: not while it holds anything,
// unless that is asked for.
func TestBucket(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	n.keysOfStore(t)
	b := n.imageBucket(t, "backups", func(b *diskv1alpha1.ImageBucket) {
		p := &b.Spec.ForProvider
		p.Versioning = diskv1alpha1.VersioningEnabled
		p.Tags = &diskv1alpha1.BucketTags{Set: map[string]string{"team": "vm"}}
		p.Ownership = "BucketOwnerEnforced"
		p.CORS = &diskv1alpha1.BucketCORS{Rules: []diskv1alpha1.CORSRule{{AllowedOrigins: []string{"https://console.example.com"}, AllowedMethods: []diskv1alpha1.CORSMethod{http.MethodGet}}}}
		p.ObjectLock = &diskv1alpha1.BucketObjectLock{}
	})
	byRef := diskv1alpha1.S3Object{BucketRef: &diskv1alpha1.BucketReference{Name: b.Name}}
	byLabel := diskv1alpha1.S3Object{BucketSelector: &diskv1alpha1.BucketSelector{MatchLabels: map[string]diskv1alpha1.LabelValue{"purpose": "backups"}}}

	// The disk is there before or after the bucket: both are waited for.
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.diskImport(t, "disk", i.url())
	for _, d := range []*diskv1alpha1.DiskExport{
		n.diskExport(t, "by-ref", "disk", in(byRef, "a/disk.qcow2")),
		n.diskExport(t, "by-label", "disk", in(byLabel, "b/disk.raw.zst"), asFormat("Raw", "Zstd")),
	} {
		n.exported(t, d)
		if got, want := d.Status.AtProvider.Artifact.URI, "s3://"+b.Name+"/"; !strings.HasPrefix(got, want) {
			t.Errorf("%s is at %s, want it in %s", d.Name, got, want)
		}
	}
	n.done(t, n.diskImport(t, "back", "", fromS3(byRef, "a/disk.qcow2")))
	n.equals(t, "back", i, diskSize)

	holds(t.Context(), t, n, b, bucketIs(xpv2.TypeReady, xpv2.ReasonAvailable, "is there"))
	if err := bucketIs(diskv1alpha1.TypeFeaturesApplied, diskv1alpha1.ReasonApplied, "")(b); err != nil {
		t.Errorf("the store can do all of it, and %v: %+v", err, b.Status.AtProvider.Features)
	}
	n.hasPlace(t, b)
	// CDI takes the connection Secret as it is.
	n.dataVolume(t, "cdi", map[string]any{"s3": map[string]any{
		"url": n.storeInRegion(t) + "/" + b.Name + "/a/disk.qcow2", "secretRef": b.Spec.WriteConnectionSecretToReference.Name,
	}}, i)
	n.deletes(t, b)
}

// hasPlace looks at what an ImageBucket tells others.
func (n namespace) hasPlace(t *testing.T, b *diskv1alpha1.ImageBucket) {
	t.Helper()
	place := &corev1.Secret{ObjectMeta: n.meta(b.Spec.WriteConnectionSecretToReference.Name)}
	holds(t.Context(), t, n, place, func(*corev1.Secret) error { return nil })
	for key, want := range map[string]string{
		"endpoint": setting(t, "WUKONG_S3"), "region": "us-east-1", "bucket": b.Name,
		"accessKeyId": setting(t, "WUKONG_S3_ACCESS_KEY"), "secretKey": setting(t, "WUKONG_S3_SECRET_KEY"),
	} {
		if string(place.Data[key]) != want {
			t.Errorf("the connection Secret has another %s than the bucket", key)
		}
	}
}

// deletes deletes an ImageBucket whose bucket holds something.
func (n namespace) deletes(t *testing.T, b *diskv1alpha1.ImageBucket) {
	t.Helper()
	if err := n.Delete(t.Context(), b); err != nil {
		t.Fatalf("cannot delete ImageBucket: %v", err)
	}
	holds(t.Context(), t, n, b, bucketIs(diskv1alpha1.TypeStalled, diskv1alpha1.ReasonBucketNotEmpty, "deletion"))
	t.Log(b.Status.AtProvider.Message)
	if !storeHas(t, b.Name) {
		t.Fatal("a bucket that holds something is gone")
	}
	patch := client.MergeFrom(b.DeepCopy())
	emptied(b)
	if err := n.Patch(t.Context(), b, patch); err != nil {
		t.Fatalf("cannot ask for an empty bucket: %v", err)
	}
	gone(t.Context(), t, n, b)
	if storeHas(t, b.Name) {
		t.Error("the bucket is still there")
	}
}

// TestBucketOfOthers meets a bucket that somebody else has made: it is left
// alone unless it is named, and then belongs to one ImageBucket only.
func TestBucketOfOthers(t *testing.T) {
	t.Parallel()
	n := space(t)
	n.keysOfStore(t)
	other := n.name + "-theirs"
	if _, err := store(t).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: &other}); err != nil {
		t.Fatalf("cannot make bucket: %v", err)
	}
	stranger := n.imageBucket(t, "theirs", emptied)
	holds(t.Context(), t, n, stranger, bucketIs(xpv2.TypeReady, diskv1alpha1.ReasonBucketConflict, meta.AnnotationKeyExternalName))
	t.Log(stranger.Status.AtProvider.Message)
	n.remove(t.Context(), t, stranger)
	if !storeHas(t, other) {
		t.Fatal("a bucket that was never ours is gone")
	}

	adopted := n.imageBucket(t, "adopted", atStore(other))
	holds(t.Context(), t, n, adopted, bucketIs(xpv2.TypeReady, xpv2.ReasonAvailable, other))
	if got := adopted.Status.AtProvider.Origin; got != "Adopted" {
		t.Errorf("its origin is %q, want Adopted", got)
	}
	second := n.imageBucket(t, "second", atStore(other), emptied)
	holds(t.Context(), t, n, second, bucketIs(xpv2.TypeReady, diskv1alpha1.ReasonBucketConflict, adopted.Name))
	n.remove(t.Context(), t, second)
	if !storeHas(t, other) {
		t.Error("the bucket of another ImageBucket is gone")
	}
}

// TestBucketDenied gives keys that the store refuses: the status says so, the
// store is not asked again and again, and other keys are noticed.
func TestBucketDenied(t *testing.T) {
	t.Parallel()
	n := space(t)
	n.secret(t, storeKeys, map[string]string{"accessKeyId": setting(t, "WUKONG_S3_ACCESS_KEY"), "secretAccessKey": "a-guess"})
	requests := &atomic.Int64{}
	at := proxy(t, setting(t, "WUKONG_S3"), func(w http.ResponseWriter, r *http.Request, pass http.Handler) {
		requests.Add(1)
		pass.ServeHTTP(w, r)
	})
	b := n.imageBucket(t, "denied", func(b *diskv1alpha1.ImageBucket) { b.Spec.ForProvider.Endpoint = at })
	holds(t.Context(), t, n, b, bucketIs(xpv2.TypeReady, diskv1alpha1.ReasonCredentialsRefused, ""))
	t.Log(b.Status.AtProvider.Message)
	if strings.Contains(b.Status.AtProvider.Message, "a-guess") {
		t.Error("the message holds the secret")
	}
	// What follows of the status that was just written comes first.
	time.Sleep(glance)
	before, version := requests.Load(), b.ResourceVersion
	time.Sleep(20 * glance)
	if got := requests.Load() - before; got > 4 {
		t.Errorf("the store was asked %d times in %s, by itself", got, 20*glance)
	}
	holds(t.Context(), t, n, b, func(*diskv1alpha1.ImageBucket) error { return nil })
	t.Logf("%d requests, and %d more; resource version %s, then %s", before, requests.Load()-before, version, b.ResourceVersion)

	keys := &corev1.Secret{ObjectMeta: n.meta(storeKeys)}
	n.change(t, keys, func() { keys.Data["secretAccessKey"] = []byte(setting(t, "WUKONG_S3_SECRET_KEY")) })
	holds(t.Context(), t, n, b, bucketIs(xpv2.TypeReady, xpv2.ReasonAvailable, ""))
}
