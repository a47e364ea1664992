// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// mount is where peek finds the volume: the folder of a file system, or the
// device itself.
const mount = "/disk"

// content opens what a machine would see on a claim: disk.img of a file
// system, or the block device. A pod of its own mounts the claim, as user 107,
// and the API server passes its content on.
func (n namespace) content(t *testing.T, claim string) io.ReadCloser {
	t.Helper()
	return n.stream(t, n.looked(t, claim), "/")
}

// looked starts a pod that shows what is on a claim.
func (n namespace) looked(t *testing.T, claim string) *corev1.Pod {
	t.Helper()
	pvc := n.claim(claim)
	holds(t.Context(), t, n, pvc, isBound)
	pod := n.peek(t, pvc)
	holds(t.Context(), t, n, pod, isReady)
	return pod
}

// stream asks such a pod for much.
func (n namespace) stream(t *testing.T, pod *corev1.Pod, path string) io.ReadCloser {
	t.Helper()
	body, err := n.core.CoreV1().Pods(n.name).ProxyGet("http", pod.Name, "8080", path, nil).Stream(t.Context())
	if err != nil {
		t.Fatalf("cannot ask pod %s for %s: %v", pod.Name, path, err)
	}
	t.Cleanup(func() { body.Close() })
	return body
}

// peek starts a pod that serves a claim's content.
func (n namespace) peek(t *testing.T, pvc *corev1.PersistentVolumeClaim) *corev1.Pod {
	t.Helper()
	user := int64(107)
	c := corev1.Container{
		Name:           "peek",
		Image:          setting(t, "WUKONG_PEEK_IMAGE"),
		ReadinessProbe: peekIsReady(),
	}
	if m := pvc.Spec.VolumeMode; m != nil && *m == corev1.PersistentVolumeBlock {
		c.Args = []string{mount}
		c.VolumeDevices = []corev1.VolumeDevice{{Name: "disk", DevicePath: mount}}
	} else {
		c.Args = []string{mount + "/disk.img"}
		c.VolumeMounts = []corev1.VolumeMount{{Name: "disk", MountPath: mount, ReadOnly: true}}
	}
	grace := int64(0)
	pod := &corev1.Pod{ObjectMeta: n.meta("peek-" + pvc.Name), Spec: corev1.PodSpec{
		Containers:                    []corev1.Container{c},
		SecurityContext:               &corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &user},
		TerminationGracePeriodSeconds: &grace,
		Volumes: []corev1.Volume{{Name: "disk", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: pvc.Name},
		}}},
	}}
	n.make(t, pod)
	return pod
}

// peekIsReady asks whether peek answers.
func peekIsReady() *corev1.Probe {
	return &corev1.Probe{
		PeriodSeconds: 1,
		ProbeHandler:  corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromInt32(8080)}},
	}
}

func isBound(c *corev1.PersistentVolumeClaim) error {
	if c.Status.Phase != corev1.ClaimBound {
		return fmt.Errorf("the claim is %s", c.Status.Phase)
	}
	return nil
}

func isReady(p *corev1.Pod) error {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("the pod is %s, not ready", p.Status.Phase)
}

// equals compares a claim's content with the oracle's, which is padded with
// zeros to the size that was asked for. Not a byte more may be there. The pod
// sums it up; only what is not the same comes through the API server, to see
// where.
func (n namespace) equals(t *testing.T, claim string, i image, size int64) {
	t.Helper()
	pod := n.looked(t, claim)
	got, h := n.ask(t, pod, "/sum"), sha256.New()
	if _, err := io.Copy(h, oracle(t, i, size)); err != nil {
		t.Fatalf("cannot read oracle: %v", err)
	}
	if got == fmt.Sprintf("%x %d", h.Sum(nil), size) {
		return
	}
	err := same(n.stream(t, pod, "/"), oracle(t, i, size))
	t.Errorf("claim %s is not %s as qemu-img sees it: %v", claim, i.path, err)
}

// oracle is what a claim of a size should hold.
func oracle(t *testing.T, i image, size int64) io.Reader {
	t.Helper()
	f, err := os.Open(i.raw)
	if err != nil {
		t.Fatalf("cannot open oracle: %v", err)
	}
	t.Cleanup(func() { f.Close() })
	return io.LimitReader(io.MultiReader(f, zeros{}), size)
}

// zeros is an endless reader of them.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// same returns where two streams differ.
func same(got, want io.Reader) error {
	g, w := bufio.NewReaderSize(got, 1<<20), bufio.NewReaderSize(want, 1<<20)
	for at := int64(0); ; at++ {
		a, errA := g.ReadByte()
		b, errB := w.ReadByte()
		switch {
		case errors.Is(errA, io.EOF) && errors.Is(errB, io.EOF):
			return nil
		case errors.Is(errA, io.EOF):
			return fmt.Errorf("it ends at %d, too early", at)
		case errors.Is(errB, io.EOF):
			return fmt.Errorf("it does not end at %d", at)
		case errA != nil || errB != nil:
			return fmt.Errorf("cannot read at %d: %w", at, errors.Join(errA, errB))
		case a != b:
			return fmt.Errorf("byte %d is %#02x, want %#02x", at, a, b)
		}
	}
}
