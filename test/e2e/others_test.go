// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// TestOthersRead gives what we export to those whose formats it has: containerd
// runs the containerDisk, and CDI imports from each kind of place.
func TestOthersRead(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	if err := os.Chmod(s.folder, 0o777); err != nil {
		t.Fatalf("cannot open folder to the web server: %v", err)
	}
	bucket := n.bucket(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.done(t, n.diskImport(t, "disk", i.url()))

	up := image{path: s.name + "/up.raw.zst"}
	inRegion := n.storeInRegion(t)
	cases := map[string]struct {
		target diskv1alpha1.ExportTarget
		format exportEdit

		// source is where CDI finds it, image what containerd runs.
		source map[string]any
		image  string
	}{
		"zstd-layer": {toRegistry(n.image(t, "disk:zstd")), asFormat("OCI", "Zstd"),
			map[string]any{"registry": map[string]any{"url": "docker://" + n.image(t, "disk:zstd")}}, n.image(t, "disk:zstd")},
		"gzip-layer": {toRegistry(n.image(t, "disk:gzip")), asFormat("OCI", "Gzip"), nil, n.image(t, "disk:gzip")},
		"qcow2-s3": {in(bucket, "disk.qcow2"), asFormat("QCOW2", ""),
			map[string]any{"s3": map[string]any{"url": inRegion + "/" + bucket.Bucket + "/disk.qcow2", "secretRef": storeKeys}}, ""},
		"raw-zst-http": {diskv1alpha1.ExportTarget{HTTP: &diskv1alpha1.HTTPTarget{HTTPSource: diskv1alpha1.HTTPSource{URL: up.under("put")}}}, asFormat("Raw", "Zstd"),
			map[string]any{"http": map[string]any{"url": up.url()}}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n.exported(t, n.diskExport(t, name, "disk", tc.target, tc.format))
			if tc.image != "" {
				n.containerDisk(t, name, tc.image, i)
			}
			if tc.source != nil {
				n.dataVolume(t, "cdi-"+name, tc.source, i)
			}
		})
	}
}

// storeInRegion makes a name for the store that CDI takes a region from, which is
// the first label, and returns the store's URL under it.
func (n namespace) storeInRegion(t *testing.T) string {
	t.Helper()
	const region, port = "us-east-1", int32(80)
	u, err := url.Parse(setting(t, "WUKONG_S3"))
	if err != nil {
		t.Fatalf("cannot read URL of the store: %v", err)
	}
	at, err := strconv.ParseInt(u.Port(), 10, 32)
	if err != nil {
		t.Fatalf("cannot read port of the store: %v", err)
	}
	behind := int32(at)
	n.make(t, &corev1.Service{ObjectMeta: n.meta(region), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: port}}}})
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  n.meta(region),
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints:   []discoveryv1.Endpoint{{Addresses: []string{u.Hostname()}}},
		Ports:       []discoveryv1.EndpointPort{{Port: &behind}},
	}
	slice.Labels = map[string]string{discoveryv1.LabelServiceName: region}
	n.make(t, slice)
	return "http://" + region + "." + n.name + ".svc.cluster.local"
}

// dataVolume lets CDI import a disk, and compares. CDI reckons with 1 GiB at
// least: the disk has zeros behind it.
func (n namespace) dataVolume(t *testing.T, name string, source map[string]any, i image) {
	t.Helper()
	dv := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{
		"source":  source,
		"storage": map[string]any{"resources": map[string]any{"requests": map[string]any{"storage": "1Gi"}}},
	}}}
	dv.SetGroupVersionKind(schema.GroupVersionKind{Group: "cdi.kubevirt.io", Version: "v1beta1", Kind: "DataVolume"})
	dv.SetNamespace(n.name)
	dv.SetName(name)
	dv.SetAnnotations(map[string]string{"cdi.kubevirt.io/storage.bind.immediate.requested": "true"})
	n.make(t, dv)
	holds(t.Context(), t, n, dv, func(dv *unstructured.Unstructured) error {
		if phase, _, _ := unstructured.NestedString(dv.Object, "status", "phase"); phase != "Succeeded" {
			return fmt.Errorf("it is %v", dv.Object["status"])
		}
		return nil
	})
	pvc := n.claim(name)
	holds(t.Context(), t, n, pvc, isBound)
	pod := n.peek(t, pvc)
	holds(t.Context(), t, n, pod, isReady)
	if got, want := n.ask(t, pod, "/digest"), digestOf(t, i); got != want {
		t.Errorf("CDI imports another disk: its digest is %s, want %s", got, want)
	}
}

// digestOf is the SHA-256 of a disk up to its last byte that is not zero.
func digestOf(t *testing.T, i image) string {
	t.Helper()
	b, err := os.ReadFile(i.raw)
	if err != nil {
		t.Fatalf("cannot read oracle: %v", err)
	}
	sum := sha256.Sum256(bytes.TrimRight(b, "\x00"))
	return hex.EncodeToString(sum[:])
}

// containerDisk runs an image as KubeVirt does: containerd pulls it, and a
// program that is put beside the disk serves it, as the user of machines.
func (n namespace) containerDisk(t *testing.T, name, ref string, i image) {
	t.Helper()
	user, grace := int64(107), int64(0)
	program := corev1.VolumeMount{Name: "program", MountPath: "/program"}
	pod := &corev1.Pod{ObjectMeta: n.meta("run-" + name), Spec: corev1.PodSpec{
		InitContainers: []corev1.Container{{
			Name: "program", Image: setting(t, "WUKONG_PEEK_IMAGE"), Args: []string{"copy", "/program/peek"}, VolumeMounts: []corev1.VolumeMount{program},
		}},
		Containers: []corev1.Container{{
			Name: "disk", Image: ref, ImagePullPolicy: corev1.PullAlways,
			Command: []string{"/program/peek", "/disk/disk.qcow2"}, VolumeMounts: []corev1.VolumeMount{program},
			ReadinessProbe: peekIsReady(),
		}},
		SecurityContext:               &corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &user},
		TerminationGracePeriodSeconds: &grace,
		Volumes:                       []corev1.Volume{{Name: "program", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
	}}
	n.make(t, pod)
	holds(t.Context(), t, n, pod, isReady)
	if got := n.ask(t, pod, "/owner"); got != "107:107" {
		t.Errorf("the disk in the image belongs to %s, want 107:107", got)
	}
	body, err := n.core.CoreV1().Pods(n.name).ProxyGet("http", pod.Name, "8080", "/", nil).Stream(t.Context())
	if err != nil {
		t.Fatalf("cannot read the image's disk: %v", err)
	}
	defer body.Close()
	file, err := os.Create(filepath.Join(t.TempDir(), "disk.qcow2"))
	if err != nil {
		t.Fatalf("cannot make file: %v", err)
	}
	defer file.Close()
	if _, err := io.Copy(file, body); err != nil {
		t.Fatalf("cannot read the image's disk: %v", err)
	}
	run(t, "qemu-img", "check", "-q", "-f", "qcow2", file.Name())
	run(t, "qemu-img", "compare", "-q", "-f", "qcow2", "-F", "raw", file.Name(), i.raw)
}

// ask returns what a pod of peek says.
func (n namespace) ask(t *testing.T, pod *corev1.Pod, path string) string {
	t.Helper()
	b, err := n.core.CoreV1().Pods(n.name).ProxyGet("http", pod.Name, "8080", path, nil).DoRaw(t.Context())
	if err != nil {
		t.Fatalf("cannot ask pod %s for %s: %v", pod.Name, path, err)
	}
	return string(b)
}
