// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// TestArtifact follows an artifact: somebody deletes it, it is exported again
// by a trigger only, and it goes with its DiskExport when it is not to stay.
func TestArtifact(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	bucket := n.bucket(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.done(t, n.diskImport(t, "disk", i.url()))
	d := n.diskExport(t, "followed", "disk", in(bucket, "disk.qcow2"), func(d *diskv1alpha1.DiskExport) {
		d.Spec.ForProvider.Retention = diskv1alpha1.RetentionDelete
	})
	n.exported(t, d)
	n.nothingLeft(t, d)

	if _, err := store(t).DeleteObject(t.Context(), &s3.DeleteObjectInput{Bucket: &bucket.Bucket, Key: aws.String("disk.qcow2")}); err != nil {
		t.Fatalf("cannot delete object: %v", err)
	}
	n.change(t, d, func() { d.Labels = map[string]string{"look": "now"} })
	holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskExport) error {
		if r := d.Status.GetCondition("Ready").Reason; r != diskv1alpha1.ReasonArtifactMissing {
			return fmt.Errorf("it is %s: %s", r, d.Status.AtProvider.Message)
		}
		return nil
	})
	t.Log(d.Status.AtProvider.Message)
	if names := keys(t, bucket); len(names) > 0 {
		t.Errorf("it was exported again, and nobody asked: %v", names)
	}

	n.change(t, d, func() { d.Spec.ForProvider.Trigger = "again" })
	holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskExport) error {
		if at := d.Status.AtProvider; len(at.History) != 2 || at.Phase != diskv1alpha1.ExportPhaseSucceeded {
			return fmt.Errorf("it is %+v", at)
		}
		return nil
	})
	n.exported(t, d)
	if diff := cmp.Diff([]string{"disk.qcow2"}, keys(t, bucket)); diff != "" {
		t.Errorf("the bucket holds, -want +got:\n%s", diff)
	}
	n.remove(t.Context(), t, d)
	if names := keys(t, bucket); len(names) > 0 {
		t.Errorf("the artifact is still there: %v", names)
	}
}

// TestExportOfTheSame exports a disk that nobody has changed to another repository:
// its layer is mounted there and not sent again.
func TestExportOfTheSame(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.done(t, n.diskImport(t, "disk", i.url()))
	monday := n.diskExport(t, "monday", "disk", toRegistry(n.image(t, "nightly:monday")))
	n.exported(t, monday)
	release := n.diskExport(t, "release", "disk", toRegistry(n.image(t, "release:v1")))
	n.exported(t, release)
	t.Log(release.Status.AtProvider.Message)
	first, second, p := monday.Status.AtProvider.Artifact, release.Status.AtProvider.Artifact, release.Status.AtProvider.Progress
	if second.Digest != first.Digest || p.ReusedBytes != first.Size || p.WrittenBytes != 0 {
		t.Errorf("%d bytes were not sent again and %d were, for %+v; want %d and none, for %+v", p.ReusedBytes, p.WrittenBytes, second, first.Size, first)
	}
	n.done(t, n.diskImport(t, "back", "", fromRegistry(n.image(t, "release:v1"))))
	n.equals(t, "back", i, diskSize)
}

// change changes an object, whatever is written in between, and nothing of it
// that the type does not know: what Crossplane keeps in a Wukong's spec.
func (n namespace) change(t *testing.T, o client.Object, edit func()) {
	t.Helper()
	eventually(t.Context(), t, "a change of "+o.GetName(), func() error {
		if err := n.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
			return err
		}
		before := o.DeepCopyObject().(client.Object)
		edit()
		return n.Patch(t.Context(), o, client.MergeFrom(before))
	})
}

// TestExportOfSnapshot exports a snapshot whose claim is gone.
func TestExportOfSnapshot(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	bucket := n.bucket(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	source := n.diskImport(t, "disk", i.url())
	n.done(t, source)
	u := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"source": map[string]any{"persistentVolumeClaimName": "disk"}},
	}}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: "snapshot.storage.k8s.io", Version: "v1", Kind: "VolumeSnapshot"})
	u.SetNamespace(n.name)
	u.SetName("nightly")
	n.make(t, u)
	holds(t.Context(), t, n, u, func(u *unstructured.Unstructured) error {
		if ready, _, _ := unstructured.NestedBool(u.Object, "status", "readyToUse"); !ready {
			return fmt.Errorf("it is %v", u.Object["status"])
		}
		return nil
	})
	n.remove(t.Context(), t, source)

	d := n.diskExport(t, "nightly", "", in(bucket, "nightly.qcow2"), func(d *diskv1alpha1.DiskExport) {
		d.Spec.ForProvider.Source = diskv1alpha1.ExportSource{Snapshot: &diskv1alpha1.ObjectSource{Name: "nightly"}}
	})
	n.exported(t, d)
	n.nothingLeft(t, d)
	n.done(t, n.diskImport(t, "back", "", fromS3(bucket, "nightly.qcow2")))
	n.equals(t, "back", i, diskSize)
	n.remove(t.Context(), t, u)
}

// TestExportInterrupted kills the provider in the middle of an export, and then
// deletes the export: what it began at the target goes too.
func TestExportInterrupted(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	bucket := n.bucket(t)
	raw := newSlowDisk(t)
	i := s.convert(t, raw, "disk.raw", "cp", raw)
	n.done(t, n.diskImport(t, "disk", i.url(), ofSize(64<<20)))
	d := n.diskExport(t, "interrupted", "disk", in(bucket, "disk.raw"), asFormat("Raw", ""), func(d *diskv1alpha1.DiskExport) {
		limit := resource.MustParse("256Ki")
		d.Spec.ForProvider.Transfer.BandwidthLimit = &limit
	})
	holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskExport) error {
		if at := d.Status.AtProvider; at.Phase != diskv1alpha1.ExportPhaseExporting || at.Progress == nil {
			return fmt.Errorf("it is %s: %s", at.Phase, at.Message)
		}
		return nil
	})
	before := n.onlyJob(t)
	n.killProvider(t)
	n.provider(t)
	if after := n.onlyJob(t); after.UID != before.UID {
		t.Errorf("another mover was started")
	}
	n.remove(t.Context(), t, d)
	if names := keys(t, bucket); len(names) > 0 {
		t.Errorf("the target still holds %v", names)
	}
}
