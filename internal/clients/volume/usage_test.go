// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestCount(t *testing.T) {
	pod := func(edit func(*corev1.Pod)) *corev1.Pod {
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "pod"}, Spec: corev1.PodSpec{
			NodeName:   "node",
			Containers: []corev1.Container{{VolumeMounts: []corev1.VolumeMount{{Name: "v"}}}},
			Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
				PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "pod-v"},
			}}},
		}}
		edit(p)
		return p
	}
	cases := map[string]struct {
		reason         string
		pod            *corev1.Pod
		writers, nodes int
	}{
		"Writes":        {"A pod that mounts a volume can write.", pod(func(*corev1.Pod) {}), 1, 1},
		"Pending":       {"One without a node will.", pod(func(p *corev1.Pod) { p.Spec.NodeName = "" }), 1, 0},
		"Ended":         {"One that has ended does not.", pod(func(p *corev1.Pod) { p.Status.Phase = corev1.PodSucceeded }), 0, 0},
		"Other":         {"Another claim is none of ours.", pod(func(p *corev1.Pod) { p.Spec.Volumes[0].PersistentVolumeClaim.ClaimName = "x" }), 0, 0},
		"ReadOnlyClaim": {"A claim mounted read-only is not written.", pod(func(p *corev1.Pod) { p.Spec.Volumes[0].PersistentVolumeClaim.ReadOnly = true }), 0, 1},
		"ReadOnlyMount": {"Nor is one that all containers mount so.", pod(func(p *corev1.Pod) { p.Spec.Containers[0].VolumeMounts[0].ReadOnly = true }), 0, 1},
		"Init": {"An init container writes too.", pod(func(p *corev1.Pod) {
			p.Spec.InitContainers, p.Spec.Containers = p.Spec.Containers, nil
		}), 1, 1},
		"Device": {"A device can be written.", pod(func(p *corev1.Pod) {
			p.Spec.Containers[0] = corev1.Container{VolumeDevices: []corev1.VolumeDevice{{Name: "v"}}}
		}), 1, 1},
		"Ephemeral": {"A pod's own claim is named after it.", pod(func(p *corev1.Pod) {
			p.Spec.Volumes[0].VolumeSource = corev1.VolumeSource{Ephemeral: &corev1.EphemeralVolumeSource{}}
		}), 1, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u := Usage{Claim: &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Name: "pod-v"}}}
			u.count(tc.pod)
			if diff := cmp.Diff([]int{tc.writers, tc.nodes}, []int{len(u.Writers), len(u.Nodes)}); diff != "" {
				t.Errorf("%s\nwriters and nodes, -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestBegan(t *testing.T) {
	first := metav1.Unix(1_800_000_000, 0)
	running := func(at metav1.Time) corev1.ContainerStatus {
		return corev1.ContainerStatus{State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: at}}}
	}
	waiting := corev1.ContainerStatus{State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{}}}
	p := &corev1.Pod{}
	p.Status.ContainerStatuses = []corev1.ContainerStatus{waiting}
	if got := began(p); !got.IsZero() {
		t.Errorf("a pod that waits has begun at %s", got)
	}
	p.Status.ContainerStatuses = append(p.Status.ContainerStatuses, running(metav1.Unix(1_800_000_005, 0)), running(first))
	if got := began(p); !got.Equal(first.Time) {
		t.Errorf("a pod has begun at %s, want when its first container did, at %s", got, first)
	}
}
