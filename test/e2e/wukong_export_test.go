// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/composition"
)

// TestWukongExports applies a machine whose disk comes from a registry and goes
// to a bucket, once more when that is asked for, and to another place when the
// target changes.
func TestWukongExports(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	bucket := n.bucket(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.done(t, n.diskImport(t, "disk", i.url()))
	n.exported(t, n.diskExport(t, "golden", "disk", toRegistry(n.image(t, "golden:v1"))))

	d := n.disk("system", "")
	d.Image = "docker://" + n.image(t, "golden:v1")
	d.ExportTarget = &vmv1alpha1.ExportTarget{Type: vmv1alpha1.TargetS3}
	d.ExportTarget.S3Location = vmv1alpha1.S3Location{
		Endpoint: bucket.Endpoint, Bucket: bucket.Bucket, Key: "machine/system.qcow2",
		Credentials: &vmv1alpha1.SecretRef{SecretName: storeKeys},
	}
	w := n.halted(t, "machine", d)
	n.sent(t, w, "s3://"+bucket.Bucket+"/machine/system.qcow2")
	n.equals(t, "machine-system", i, 64<<20)
	n.done(t, n.diskImport(t, "back", "", fromS3(bucket, "machine/system.qcow2"), ofSize(64<<20)))
	n.equals(t, "back", i, 64<<20)

	// Again, because somebody asks for it: of all disks, and of this one.
	n.change(t, w, func() {
		annotations := w.GetAnnotations()
		if annotations == nil {
			annotations = map[string]string{}
		}
		annotations[vmv1alpha1.AnnotationExport] = "tuesday"
		w.SetAnnotations(annotations)
	})
	first := n.exportOf(t, w)
	holds(t.Context(), t, n, first, wasTriggered("tuesday", 2))
	n.change(t, w, func() { w.Spec.Disks[0].ExportTarget.Trigger = "noon" })
	holds(t.Context(), t, n, first, wasTriggered("noon tuesday", 3))
	n.isWhole(t, w)

	// Elsewhere, because the target changes: what was made stays.
	n.change(t, w, func() { w.Spec.Disks[0].ExportTarget.Key = "machine/other.qcow2" })
	gone(t.Context(), t, n, first)
	n.sent(t, w, "s3://"+bucket.Bucket+"/machine/other.qcow2")
	if got := keys(t, bucket); !slices.Equal(got, []string{"machine/other.qcow2", "machine/system.qcow2"}) {
		t.Errorf("the bucket holds %v, want both artifacts", got)
	}
}

// wasTriggered is the property of an export that a trigger has run, with as many
// runs as there have been.
func wasTriggered(by string, runs int) func(*diskv1alpha1.DiskExport) error {
	return func(d *diskv1alpha1.DiskExport) error {
		at := d.Status.AtProvider
		if at.LastTrigger == nil || *at.LastTrigger != by || len(at.History) != runs || at.Phase != diskv1alpha1.ExportPhaseSucceeded {
			return fmt.Errorf("it is %s after the runs %+v: %s", at.Phase, at.History, at.Message)
		}
		return nil
	}
}

// isWhole waits until a Wukong whose machine need not run is ready, with
// everything that its status says of that, on the claim where it is one.
func (n namespace) isWhole(t *testing.T, w *vmv1alpha1.Wukong) {
	t.Helper()
	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		for _, c := range []string{"Ready", "Synced", vmv1alpha1.ConditionVolumesBound, vmv1alpha1.ConditionNetworksConfigured} {
			if err := says(w, c); err != nil {
				return err
			}
		}
		if w.Status.Phase != vmv1alpha1.PhaseStopped || w.Status.VMName != w.Name {
			return fmt.Errorf("it is %q, its machine %q: %s", w.Status.Phase, w.Status.VMName, w.Status.Message)
		}
		return nil
	})
}

// sent waits until the one disk of a Wukong is at a place.
func (n namespace) sent(t *testing.T, w *vmv1alpha1.Wukong, uri string) {
	t.Helper()
	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		if len(w.Status.Volumes) != 1 || w.Status.Volumes[0].ExportStatus == nil {
			return fmt.Errorf("status shows %+v: %s", w.Status.Volumes, w.Status.Message)
		}
		e := w.Status.Volumes[0].ExportStatus
		if e.Phase == vmv1alpha1.ExportFailed {
			t.Fatalf("the export failed: %s", e.Message)
		}
		if e.Phase != vmv1alpha1.ExportSucceeded || e.Progress != "100%" || !strings.Contains(e.Message, uri) {
			return fmt.Errorf("the export is %s, %s: %s", e.Phase, e.Progress, e.Message)
		}
		return nil
	})
}

// exportOf is the one DiskExport of a Wukong.
func (n namespace) exportOf(t *testing.T, w *vmv1alpha1.Wukong) *diskv1alpha1.DiskExport {
	t.Helper()
	all := &diskv1alpha1.DiskExportList{}
	if err := n.List(t.Context(), all, client.InNamespace(n.name), client.MatchingLabels{composition.LabelWukong: w.Name}); err != nil {
		t.Fatal(err)
	}
	if len(all.Items) != 1 {
		t.Fatalf("Wukong %s has %d exports, want 1", w.Name, len(all.Items))
	}
	return &all.Items[0]
}
