// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// An artifact is where a disk goes: an image in the registry, or an object.
type artifact struct{ image, bucket, key string }

func bytesOf(d vmv1alpha1.Disk) int64 {
	q := resource.MustParse(string(d.Size))
	return q.Value()
}

// holdsDisk compares a claim with what a disk was to be filled with, without
// reading its holes.
func (n namespace) holdsDisk(t *testing.T, claim string, i image, d vmv1alpha1.Disk, cloned bool) {
	t.Helper()
	pod := n.looked(t, claim)
	if got, want := n.ask(t, pod, "/digest"), digestOf(t, i); got != want {
		t.Errorf("claim %s is not %s: its digest is %s, want %s", claim, i.path, got, want)
	}
	if got, want := n.ask(t, pod, "/size"), strconv.FormatInt(bytesOf(d), 10); !cloned && got != want {
		t.Errorf("the disk on claim %s has %s bytes, want %s", claim, got, want)
	}
	pvc := n.claim(claim)
	holds(t.Context(), t, n, pvc, func(c *corev1.PersistentVolumeClaim) error {
		if room := c.Status.Capacity[corev1.ResourceStorage]; room.Value() < bytesOf(d) {
			return fmt.Errorf("it has room for %s, and the disk is to have %s", room.String(), d.Size)
		}
		return nil
	})
	if class := pvc.Spec.StorageClassName; d.StorageClassName != "" && (class == nil || *class != string(d.StorageClassName)) {
		t.Errorf("claim %s is of class %v, want %s", claim, class, d.StorageClassName)
	}
}

// used is what becomes of an empty disk with a target: there is nothing to
// export, which is said, until its machine starts for the first time. No machine
// runs here, so a pod does what KubeVirt does then. It returns what is on the
// disk now.
func (n namespace) used(t *testing.T, w *vmv1alpha1.Wukong, d vmv1alpha1.Disk) image {
	t.Helper()
	n.takenUp(t, w.Name)
	n.hasNothingToSend(t, w)
	claim, user, grace := w.Name+"-"+d.Name, int64(107), int64(0)
	pvc := n.claim(claim)
	holds(t.Context(), t, n, pvc, isBound)
	pod := &corev1.Pod{ObjectMeta: n.meta("machine"), Spec: corev1.PodSpec{
		Containers: []corev1.Container{{
			Name: "disk", Image: setting(t, "WUKONG_PEEK_IMAGE"),
			Args:           []string{"make", strconv.FormatInt(bytesOf(d), 10), mount + "/disk.img"},
			VolumeMounts:   []corev1.VolumeMount{{Name: "disk", MountPath: mount}},
			ReadinessProbe: peekIsReady(),
		}},
		SecurityContext:               &corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &user, FSGroup: &user},
		TerminationGracePeriodSeconds: &grace,
		Volumes: []corev1.Volume{{Name: "disk", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}}},
	}}
	n.make(t, pod)
	holds(t.Context(), t, n, pod, isReady)
	return n.copied(t, pod)
}

// hasNothingToSend waits until a Wukong says that its one disk cannot be exported
// as there is none yet.
func (n namespace) hasNothingToSend(t *testing.T, w *vmv1alpha1.Wukong) {
	t.Helper()
	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		e := w.Status.Volumes[0].ExportStatus
		if e == nil || e.Phase != vmv1alpha1.ExportFailed || !strings.Contains(e.Message, "no file disk.img") || !strings.Contains(w.Status.Message, `disk "system"`) {
			return fmt.Errorf("it says %+v: %s", e, w.Status.Message)
		}
		return nil
	})
}

// copied is what a pod of peek shows, as an image to compare with: a raw file
// with the first MiB of it, behind which there is nothing.
func (n namespace) copied(t *testing.T, pod *corev1.Pod) image {
	t.Helper()
	i := image{path: "what is on the disk", raw: filepath.Join(t.TempDir(), "disk.raw")}
	f, err := os.Create(i.raw)
	if err != nil {
		t.Fatalf("cannot make file: %v", err)
	}
	defer f.Close()
	if _, err := io.CopyN(f, n.stream(t, pod, "/"), 1<<20); err != nil {
		t.Fatalf("cannot read disk: %v", err)
	}
	if got, want := n.ask(t, pod, "/digest"), digestOf(t, i); got != want {
		t.Errorf("there is more on the disk than its first MiB: its digest is %s, want %s", got, want)
	}
	return i
}

// isSent waits until the status says that a disk is where it is to go, and reads
// what is there.
func (n namespace) isSent(t *testing.T, w *vmv1alpha1.Wukong, d vmv1alpha1.Disk, to artifact, i image) {
	t.Helper()
	within(t.Context(), t, fullDisk, "disk "+d.Name+" is sent", func() error {
		if err := n.Get(t.Context(), client.ObjectKeyFromObject(w), w); err != nil {
			return err
		}
		for _, v := range w.Status.Volumes {
			if e := v.ExportStatus; v.Name == d.Name && e != nil && e.Phase == vmv1alpha1.ExportSucceeded && e.Progress == "100%" {
				return nil
			}
		}
		return fmt.Errorf("its volumes are %+v: %s", w.Status.Volumes, sentences(w))
	})
	if to.image != "" {
		n.containerDisk(t, d.Name, setting(t, "WUKONG_REGISTRY")+"/"+to.image, i)
		return
	}
	object, err := store(t).GetObject(t.Context(), &s3.GetObjectInput{Bucket: &to.bucket, Key: &to.key})
	if err != nil {
		t.Fatalf("cannot get object %s of bucket %s: %v", to.key, to.bucket, err)
	}
	defer object.Body.Close()
	path := filepath.Join(t.TempDir(), "object")
	f, err := os.Create(path)
	if err != nil {
		t.Fatalf("cannot make file: %v", err)
	}
	defer f.Close()
	if _, err := io.Copy(f, object.Body); err != nil {
		t.Fatalf("cannot read object: %v", err)
	}
	if got := infoOf(t, path); got.Format != "qcow2" || got.VirtualSize != bytesOf(d) {
		t.Errorf("object %s is %+v, want qcow2 of %s", to.key, got, d.Size)
	}
	run(t, "qemu-img", "check", "-q", "-f", "qcow2", path)
	run(t, "qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", path, i.raw)
}
