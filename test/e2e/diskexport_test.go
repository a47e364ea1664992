// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/credentials"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// storeKeys is the Secret with the keys of the S3 store.
const storeKeys = "store-keys"

// An exportEdit changes what is asked of an export.
type exportEdit func(*diskv1alpha1.DiskExport)

// diskExport makes a DiskExport of a claim.
func (n namespace) diskExport(t *testing.T, name, claim string, target diskv1alpha1.ExportTarget, edits ...exportEdit) *diskv1alpha1.DiskExport {
	t.Helper()
	d := &diskv1alpha1.DiskExport{ObjectMeta: n.meta(name)}
	d.Spec.ForProvider.Source.PVC = &diskv1alpha1.ObjectSource{Name: claim}
	d.Spec.ForProvider.Target = target
	for _, e := range edits {
		e(d)
	}
	n.make(t, d)
	return d
}

// exported waits until an export's artifact is there.
func (n namespace) exported(t *testing.T, d *diskv1alpha1.DiskExport) {
	t.Helper()
	holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskExport) error {
		at := d.Status.AtProvider
		ready := d.Status.GetCondition(xpv2.TypeReady)
		if at.Phase == diskv1alpha1.ExportPhaseFailed {
			t.Fatalf("export %s failed: %s", d.Name, at.Message)
		}
		if at.Phase == diskv1alpha1.ExportPhaseSucceeded && ready.Status == corev1.ConditionTrue {
			return nil
		}
		return fmt.Errorf("it is %q, ready %s (%s): %s", at.Phase, ready.Status, ready.Reason, at.Message)
	})
}

// bucket makes a bucket of the S3 store for a test, and the Secret with its
// keys.
func (n namespace) bucket(t *testing.T) diskv1alpha1.S3Object {
	t.Helper()
	if _, err := store(t).CreateBucket(t.Context(), &s3.CreateBucketInput{Bucket: aws.String(n.name)}); err != nil {
		t.Fatalf("cannot make bucket: %v", err)
	}
	n.keysOfStore(t)
	return diskv1alpha1.S3Object{Endpoint: setting(t, "WUKONG_S3"), Bucket: n.name, SecretRef: &diskv1alpha1.SecretReference{Name: storeKeys}}
}

// keysOfStore makes the Secret with the keys of the S3 store.
func (n namespace) keysOfStore(t *testing.T) {
	t.Helper()
	n.secret(t, storeKeys, map[string]string{"accessKeyId": setting(t, "WUKONG_S3_ACCESS_KEY"), "secretKey": setting(t, "WUKONG_S3_SECRET_KEY")})
}

// store is a client of the S3 store.
func store(t *testing.T) *s3.Client {
	t.Helper()
	return s3.New(s3.Options{
		BaseEndpoint: aws.String(setting(t, "WUKONG_S3")), Region: "us-east-1", UsePathStyle: true,
		Credentials: credentials.NewStaticCredentialsProvider(setting(t, "WUKONG_S3_ACCESS_KEY"), setting(t, "WUKONG_S3_SECRET_KEY"), ""),
	})
}

// keys are the names of the objects in a bucket, and of its uploads that have
// not ended.
func keys(t *testing.T, bucket diskv1alpha1.S3Object) []string {
	t.Helper()
	objects, err := store(t).ListObjectsV2(t.Context(), &s3.ListObjectsV2Input{Bucket: &bucket.Bucket})
	if err != nil {
		t.Fatalf("cannot list objects: %v", err)
	}
	uploads, err := store(t).ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket.Bucket})
	if err != nil {
		t.Fatalf("cannot list uploads: %v", err)
	}
	var names []string
	for _, o := range objects.Contents {
		names = append(names, *o.Key)
	}
	for _, u := range uploads.Uploads {
		names = append(names, "upload of "+*u.Key)
	}
	return names
}

// in is an object in a bucket as a target.
func in(bucket diskv1alpha1.S3Object, key string) diskv1alpha1.ExportTarget {
	bucket.Key = key
	return diskv1alpha1.ExportTarget{S3: &bucket}
}

// fromS3 reads an object in a bucket.
func fromS3(bucket diskv1alpha1.S3Object, key string) edit {
	bucket.Key = key
	return func(d *diskv1alpha1.DiskImport) {
		d.Spec.ForProvider.Source = diskv1alpha1.ImportSource{S3: &diskv1alpha1.S3Source{S3Object: bucket}}
	}
}

// image is the name of an image of a test's own in the registry.
func (n namespace) image(t *testing.T, name string) string {
	t.Helper()
	return strings.TrimPrefix(setting(t, "WUKONG_REGISTRY"), "http://") + "/" + n.name + "/" + name
}

func toRegistry(image string) diskv1alpha1.ExportTarget {
	return diskv1alpha1.ExportTarget{Registry: &diskv1alpha1.RegistryTarget{
		Image: image, RegistryAccess: diskv1alpha1.RegistryAccess{PlainHTTP: true},
	}}
}

func fromRegistry(image string) edit {
	return func(d *diskv1alpha1.DiskImport) {
		d.Spec.ForProvider.Source = diskv1alpha1.ImportSource{Registry: &diskv1alpha1.RegistrySource{
			Image: image, RegistryAccess: diskv1alpha1.RegistryAccess{PlainHTTP: true},
		}}
	}
}

func asFormat(f diskv1alpha1.ArtifactFormat, c diskv1alpha1.CompressionAlgorithm) exportEdit {
	return func(d *diskv1alpha1.DiskExport) {
		d.Spec.ForProvider.Format, d.Spec.ForProvider.Compression.Algorithm = f, c
	}
}
