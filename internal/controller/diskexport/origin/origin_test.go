// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// disk is a bound claim of a CSI driver.
func disk(edits ...func(*Disk)) Disk {
	o := Disk{
		Usage: volume.Usage{
			Claim: &corev1.PersistentVolumeClaim{
				ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "disk"},
				Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
					Resources:   corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("20Gi")}},
				},
			},
			Volume: &corev1.PersistentVolume{Spec: corev1.PersistentVolumeSpec{
				PersistentVolumeSource: corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "csi.example.com"}},
			}},
		},
		StorageClass: "fast", Mode: corev1.PersistentVolumeFilesystem, Size: resource.MustParse("20Gi"),
	}
	for _, e := range edits {
		e(&o)
	}
	return o
}

// written says that a pod writes to the disk since a minute ago.
func written(o *Disk) {
	o.Usage.Writers = []volume.Writer{{Pod: "virt-launcher", Since: time.Now().Add(-time.Minute)}}
	o.Usage.Nodes = []string{"node-1"}
}

func snapshotted(o *Disk) { o.SnapshotClass = "snapshots" }

// taken is a snapshot of the disk that is ready.
func taken() *snapshot.Snapshot {
	return &snapshot.Snapshot{Name: "backup-01234567", Ours: true, Ready: true, Claim: "disk"}
}

func TestPlan(t *testing.T) {
	type want struct {
		consistency v1alpha1.Consistency
		problem     v1alpha1.Reason
		final       bool
	}
	only := func(o *Disk) { o.Usage.Claim.Spec.AccessModes[0] = corev1.ReadWriteOncePod }
	reader := func(o *Disk) { o.Usage.Nodes = []string{"node-1"} }
	cases := map[string]struct {
		reason string
		asked  v1alpha1.Consistency
		origin Disk
		copy   snapshot.State
		want   want
	}{
		"Idle":              {"A volume that nobody writes to is read as it is.", v1alpha1.ConsistencyAuto, disk(), snapshot.State{}, want{consistency: v1alpha1.ConsistencyOffline}},
		"Read":              {"Readers are no harm.", v1alpha1.ConsistencyAuto, disk(reader), snapshot.State{}, want{consistency: v1alpha1.ConsistencyOffline}},
		"ReadExclusive":     {"A volume for one pod has no room for another.", v1alpha1.ConsistencyAuto, disk(only, reader, snapshotted), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"Written":           {"A volume in use is snapshotted.", v1alpha1.ConsistencyAuto, disk(written, snapshotted), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"WrittenNoClass":    {"Without snapshots it is refused.", v1alpha1.ConsistencyAuto, disk(written), snapshot.State{}, want{problem: v1alpha1.ReasonSnapshotsUnsupported, final: true}},
		"Offline":           {"Offline waits.", v1alpha1.ConsistencyOffline, disk(written, snapshotted), snapshot.State{}, want{problem: v1alpha1.ReasonSourceInUse}},
		"Snapshot":          {"Snapshot always takes one.", v1alpha1.ConsistencySnapshot, disk(snapshotted), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"SnapshotNoClass":   {"Snapshot is refused without them.", v1alpha1.ConsistencySnapshot, disk(), snapshot.State{}, want{problem: v1alpha1.ReasonSnapshotsUnsupported, final: true}},
		"Taken":             {"A snapshot that was taken is used though the pod is gone.", v1alpha1.ConsistencyAuto, disk(), snapshot.State{Snapshot: taken()}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"TakenFails":        {"A snapshot that cannot be taken says why.", v1alpha1.ConsistencyAuto, disk(written, snapshotted), snapshot.State{Snapshot: &snapshot.Snapshot{Error: "no space"}}, want{consistency: v1alpha1.ConsistencySnapshot, problem: v1alpha1.ReasonSnapshotFailed}},
		"Source":            {"A snapshot is read through a claim.", v1alpha1.ConsistencyAuto, disk(func(o *Disk) { o.Snapshot = taken() }), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"SourceIsNotFound":  {"What is not there is said before all else.", v1alpha1.ConsistencySnapshot, Disk{Problem: &diagnosis.Finding{Reason: v1alpha1.ReasonClaimNotFound}}, snapshot.State{}, want{problem: v1alpha1.ReasonClaimNotFound}},
		"SourceBeingDelete": {"A snapshot that goes is not read.", v1alpha1.ConsistencyAuto, disk(func(o *Disk) { o.Snapshot = &snapshot.Snapshot{Deleting: true} }), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot, problem: v1alpha1.ReasonSnapshotPending}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := PlanOf(tc.asked, tc.origin, tc.copy)
			got := want{consistency: p.Consistency, final: p.Final}
			if p.Problem != nil {
				got.problem = p.Problem.Reason
			}
			if got != tc.want {
				t.Errorf("%s\nPlanOf: want %+v, got %+v", tc.reason, tc.want, got)
			}
		})
	}
}

func TestProblemOf(t *testing.T) {
	vm := v1alpha1.ExportSource{VirtualMachine: &v1alpha1.MachineSource{Name: "web", Disk: "system"}}
	filled := func(phase string) volume.Usage {
		u := disk().Usage
		yes := true
		u.Claim.OwnerReferences = []metav1.OwnerReference{{Kind: "DataVolume", Name: "disk", Controller: &yes}}
		u.Claim.Annotations = map[string]string{annotationFilling: phase}
		return u
	}
	deleted := disk().Usage
	deleted.Claim.DeletionTimestamp = &metav1.Time{Time: time.Now()}
	stray := filled("Running")
	stray.Claim.OwnerReferences = nil
	cases := map[string]struct {
		reason string
		source v1alpha1.ExportSource
		usage  volume.Usage
		want   v1alpha1.Reason
	}{
		"Good":      {"A claim with a volume has a disk.", v1alpha1.ExportSource{}, disk().Usage, ""},
		"None":      {"A claim that is not there is waited for.", v1alpha1.ExportSource{}, volume.Usage{}, v1alpha1.ReasonClaimNotFound},
		"NoneOfVM":  {"So is that of a machine.", vm, volume.Usage{}, v1alpha1.ReasonClaimNotFound},
		"Deleted":   {"One that goes is not read.", v1alpha1.ExportSource{}, deleted, v1alpha1.ReasonClaimNotFound},
		"Unbound":   {"One without a volume holds nothing.", v1alpha1.ExportSource{}, volume.Usage{Claim: disk().Usage.Claim}, v1alpha1.ReasonClaimNotBound},
		"Filling":   {"Half a disk is none.", vm, filled("Running"), v1alpha1.ReasonSourceInUse},
		"Filled":    {"A whole one is.", vm, filled("Succeeded"), ""},
		"Blank":     {"One that nobody fills is as it is.", vm, filled(""), ""},
		"NotByCDI":  {"An annotation that was copied along says nothing.", vm, stray, ""},
		"NotFilled": {"Filling that failed leaves half a disk.", vm, filled("Failed"), v1alpha1.ReasonSourceInUse},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := &v1alpha1.DiskExport{}
			cr.Spec.ForProvider.Source = tc.source
			got := v1alpha1.Reason("")
			if f := problemOf(cr, "disk", tc.usage); f != nil {
				got = f.Reason
			}
			if got != tc.want {
				t.Errorf("%s\nproblemOf: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}
