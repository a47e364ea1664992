// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const (
	// diskSize is what each disk of a Wukong is asked for, and so the size of its disk.img.
	diskSize = 64 << 20

	// perPod is how many claims one pod reads.
	perPod = 10

	// qemu is the user that owns disks, as in KubeVirt's launcher.
	qemu = 107
)

// claims reads the disks on all claims of the namespace, each in a container of
// the mover, and compares what they are with the image.
func (b *bench) claims(ctx context.Context, want int) error {
	expected, err := fsverity(ctx, b.images.disk)
	if err != nil {
		return err
	}
	all := &corev1.PersistentVolumeClaimList{}
	if err := b.List(ctx, all, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("cannot list claims: %w", err)
	}
	if len(all.Items) != want {
		return fmt.Errorf("there are %d claims, want %d", len(all.Items), want)
	}
	n := 0
	for some := range slices.Chunk(all.Items, perPod) {
		pod := b.reader(fmt.Sprintf("reader%d", n), some)
		if err := b.read(ctx, pod, expected); err != nil {
			return err
		}
		n += len(some)
		fmt.Fprintf(b.log, "%d of %d claims are read\n", n, want)
	}
	return nil
}

// reader is a pod with a container for each claim, which prints the digest of the
// disk on it.
func (b *bench) reader(name string, claims []corev1.PersistentVolumeClaim) *corev1.Pod {
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name}}
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	pod.Spec.SecurityContext = &corev1.PodSecurityContext{RunAsUser: new(int64(qemu)), RunAsGroup: new(int64(qemu)), FSGroup: new(int64(qemu))}
	for _, claim := range claims {
		pod.Spec.Volumes = append(pod.Spec.Volumes, corev1.Volume{Name: claim.Name, VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim.Name},
		}})
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{
			Name: claim.Name, Image: b.mover, Args: []string{"digest", "--json", "/disk/disk.img"},
			VolumeMounts: []corev1.VolumeMount{{Name: claim.Name, MountPath: "/disk", ReadOnly: true}},
		})
	}
	return pod
}

// read runs a reader to its end, and removes it.
func (b *bench) read(ctx context.Context, pod *corev1.Pod, expected string) error {
	if err := b.Create(ctx, pod); err != nil {
		return fmt.Errorf("cannot make pod: %w", err)
	}
	err := until(ctx, pause, func() (bool, error) {
		err := b.Get(ctx, client.ObjectKeyFromObject(pod), pod)
		if pod.Status.Phase == corev1.PodFailed {
			return false, fmt.Errorf("pod %s failed: %+v", pod.Name, pod.Status.ContainerStatuses)
		}
		return pod.Status.Phase == corev1.PodSucceeded, err
	})
	if err != nil {
		return err
	}
	for _, c := range pod.Spec.Containers {
		line, err := b.pods.GetLogs(pod.Name, &corev1.PodLogOptions{Container: c.Name}).DoRaw(ctx)
		if err != nil {
			return fmt.Errorf("cannot read log: %w", err)
		}
		var told struct{ ContentDigest string }
		if err := json.Unmarshal(line, &told); err != nil {
			return fmt.Errorf("cannot read what was told of claim %s: %w", c.Name, err)
		}
		if told.ContentDigest != expected {
			return fmt.Errorf("the disk on claim %s is %s, want %s", c.Name, told.ContentDigest, expected)
		}
	}
	if err := b.Delete(ctx, pod); err != nil {
		return fmt.Errorf("cannot remove pod: %w", err)
	}
	return nil
}

// fsverity is the digest of a disk that begins with some bytes, told by another
// program than the mover.
func fsverity(ctx context.Context, start []byte) (string, error) {
	dir, err := os.MkdirTemp("", "bench")
	if err != nil {
		return "", fmt.Errorf("cannot make folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	file := filepath.Join(dir, "disk.img")
	if err := os.WriteFile(file, start, 0o600); err != nil {
		return "", fmt.Errorf("cannot write disk: %w", err)
	}
	if err := os.Truncate(file, diskSize); err != nil {
		return "", fmt.Errorf("cannot write disk: %w", err)
	}
	out, err := exec.CommandContext(ctx, "fsverity", "digest", "--compact", file).Output()
	if err != nil {
		return "", fmt.Errorf("cannot run fsverity: %w", err)
	}
	return "fsverity:sha256:" + strings.TrimSpace(string(out)), nil
}
