// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"encoding/json"
	"testing"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diskexport/origin"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

const uid = types.UID("0123456789abcdef")

// now is the time of all tests.
func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

type edit func(*v1alpha1.DiskExport)

func diskExport(edits ...edit) *v1alpha1.DiskExport {
	cr := &v1alpha1.DiskExport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "backup", UID: uid},
		Spec: v1alpha1.DiskExportSpec{ForProvider: v1alpha1.DiskExportParameters{
			Source:      v1alpha1.ExportSource{PVC: &v1alpha1.ObjectSource{Name: "disk"}},
			Consistency: v1alpha1.ConsistencyAuto,
			Target: v1alpha1.ExportTarget{S3: &v1alpha1.S3Object{
				Endpoint: "https://s3.example.com", Bucket: "backups", Key: "vm.qcow2", SecretRef: &v1alpha1.SecretReference{Name: "keys"},
			}},
		}},
	}
	for _, e := range edits {
		e(cr)
	}
	return cr
}

func someInputs() inputs {
	return inputs{
		files:    credentials.Files{"accessKeyId": []byte("id"), "secretAccessKey": []byte("hunter2")},
		networks: []string{"10.96.0.0/12"},
		image:    "registry.example.com/mover-wukong:v1",
	}
}

// disk is a bound claim of a CSI driver.
func disk(edits ...func(*origin.Disk)) origin.Disk {
	o := origin.Disk{
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
func written(o *origin.Disk) {
	o.Usage.Writers = []volume.Writer{{Pod: "virt-launcher", Since: now().Add(-time.Minute)}}
	o.Usage.Nodes = []string{"node-1"}
}

// taken is a snapshot of the disk that is ready.
func taken() *snapshot.Snapshot {
	return &snapshot.Snapshot{Name: "backup-01234567", Ours: true, Ready: true, Claim: "disk"}
}

func restored() *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "backup-01234567"}}
}

func jobWith(c v1alpha1.Consistency, conditions ...batchv1.JobCondition) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "vms", Name: "backup-01234567", CreationTimestamp: metav1.NewTime(now()),
			Annotations: map[string]string{annotationConsistency: string(c)},
		},
		Status: batchv1.JobStatus{Conditions: conditions},
	}
}

func is(t batchv1.JobConditionType) batchv1.JobCondition {
	return batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue}
}

func podWith(s corev1.ContainerState) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "backup-01234567-abcde"},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "mover", State: s}}},
	}
}

func secretWith(t *testing.T, f workload.Fingerprint) *corev1.Secret {
	t.Helper()
	b, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	return &corev1.Secret{Data: map[string][]byte{workload.KeyFingerprint: b}}
}
