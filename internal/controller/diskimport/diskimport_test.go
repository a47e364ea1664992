// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
)

const uid = types.UID("0123456789abcdef")

// now is the time of all tests.
func now() time.Time { return time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC) }

type edit func(*v1alpha1.DiskImport)

func diskImport(edits ...edit) *v1alpha1.DiskImport {
	cr := &v1alpha1.DiskImport{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "ubuntu", UID: uid},
		Spec: v1alpha1.DiskImportSpec{ForProvider: v1alpha1.DiskImportParameters{
			Source: v1alpha1.ImportSource{HTTP: &v1alpha1.HTTPSource{URL: "https://images.example.com/ubuntu.img"}},
			Format: v1alpha1.FormatAuto,
			Target: v1alpha1.Target{Size: resource.MustParse("20Gi")},
		}},
	}
	for _, e := range edits {
		e(cr)
	}
	return cr
}

func someInputs() inputs {
	return inputs{
		files: credentials.Files{},
		profile: volume.Profile{
			Class: "fast", AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			VolumeMode: corev1.PersistentVolumeFilesystem, Overhead: 0.06,
		},
		networks: []string{"10.96.0.0/12"},
		image:    "registry.example.com/mover-wukong:v1",
	}
}

func jobWith(conditions ...batchv1.JobCondition) *batchv1.Job {
	return &batchv1.Job{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "ubuntu-01234567", CreationTimestamp: metav1.NewTime(now())},
		Status:     batchv1.JobStatus{Conditions: conditions},
	}
}

func is(t batchv1.JobConditionType) batchv1.JobCondition {
	return batchv1.JobCondition{Type: t, Status: corev1.ConditionTrue}
}

func podWith(s corev1.ContainerState) corev1.Pod {
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: "ubuntu-01234567-abcde"},
		Status:     corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{{Name: "mover", State: s}}},
	}
}

func claimWith(name string, phase corev1.PersistentVolumeClaimPhase, owner types.UID) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: "vms", Name: name, Labels: map[string]string{volume.LabelOwner: string(owner)}},
		Status:     corev1.PersistentVolumeClaimStatus{Phase: phase},
	}
}
