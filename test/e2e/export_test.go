// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// TestRoundTrip exports a disk to every kind of place and imports what is there:
// the disk must come back byte for byte.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	bucket := n.bucket(t)
	for _, mode := range []corev1.PersistentVolumeMode{corev1.PersistentVolumeFilesystem, corev1.PersistentVolumeBlock} {
		n.done(t, n.diskImport(t, strings.ToLower(string(mode)), i.url(), inMode(mode)))
	}
	if err := os.Chmod(s.folder, 0o777); err != nil {
		t.Fatalf("cannot open folder to the web server: %v", err)
	}

	cases := map[string]struct {
		reason string
		source string
		target diskv1alpha1.ExportTarget
		format exportEdit
		back   edit
	}{
		"s3-qcow2":       {"qcow2 with zstd clusters in a bucket", "filesystem", in(bucket, "a/disk.qcow2"), asFormat("", ""), fromS3(bucket, "a/disk.qcow2")},
		"s3-qcow2-block": {"the same from a device, with zlib", "block", in(bucket, "disk.qcow2"), asFormat("QCOW2", "Zlib"), fromS3(bucket, "disk.qcow2")},
		"s3-raw-zst":     {"raw under zstd in a bucket", "filesystem", in(bucket, "disk.raw.zst"), asFormat("Raw", "Zstd"), fromS3(bucket, "disk.raw.zst")},
		"registry":       {"a containerDisk in a registry", "filesystem", toRegistry(n.image(t, "disk:v1")), asFormat("", ""), fromRegistry(n.image(t, "disk:v1"))},
		"registry-block": {"the same from a device, with gzip", "block", toRegistry(n.image(t, "device:v1")), asFormat("OCI", "Gzip"), fromRegistry(n.image(t, "device:v1"))},
		"http":           {"an upload to a web server", "filesystem", diskv1alpha1.ExportTarget{HTTP: &diskv1alpha1.HTTPTarget{HTTPSource: diskv1alpha1.HTTPSource{URL: image{path: s.name + "/up.raw"}.under("put")}}}, asFormat("Raw", ""), nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := n.diskExport(t, name, tc.source, tc.target, tc.format)
			n.exported(t, d)
			at := d.Status.AtProvider
			if at.Artifact == nil || at.Artifact.URI == "" || at.Artifact.Size == 0 || at.Consistency != diskv1alpha1.ConsistencyOffline || len(at.History) != 1 {
				t.Errorf("%s: the status is %+v", tc.reason, at)
			}
			back := tc.back
			if back == nil {
				back = func(d *diskv1alpha1.DiskImport) {
					d.Spec.ForProvider.Source.HTTP = &diskv1alpha1.HTTPSource{URL: image{path: s.name + "/up.raw"}.url()}
				}
			}
			n.done(t, n.diskImport(t, "back-"+name, "", back, withDigestOf(t, at.Artifact)))
			n.equals(t, "back-"+name, i, diskSize)
			n.nothingLeft(t, d)
		})
	}
}

// withDigestOf hands on what an export says of its artifact. An image is compared
// with its digest in any case.
func withDigestOf(t *testing.T, a *diskv1alpha1.ArtifactObservation) edit {
	t.Helper()
	switch {
	case a == nil || a.Digest == "":
		t.Errorf("the artifact has no digest: %+v", a)
		return func(*diskv1alpha1.DiskImport) {}
	case a.Format == "OCI":
		return func(*diskv1alpha1.DiskImport) {}
	}
	return withChecksum(a.Digest)
}

// nothingLeft waits until nothing is left of an export's run.
func (n namespace) nothingLeft(t *testing.T, d *diskv1alpha1.DiskExport) {
	t.Helper()
	eventually(t.Context(), t, "nothing is left of the run of "+d.Name, func() error {
		for _, l := range []client.ObjectList{&batchv1.JobList{}, &corev1.SecretList{}, &corev1.PersistentVolumeClaimList{}} {
			if err := n.List(t.Context(), l, client.InNamespace(n.name), client.MatchingLabels{"wukong.m.novasphere.dev/owner-uid": string(d.UID)}); err != nil {
				return err
			}
			if size := lengthOf(l); size > 0 {
				return fmt.Errorf("there are %d of %T", size, l)
			}
		}
		return nil
	})
}

func lengthOf(l client.ObjectList) int {
	switch l := l.(type) {
	case *batchv1.JobList:
		return len(l.Items)
	case *corev1.SecretList:
		return len(l.Items)
	case *corev1.PersistentVolumeClaimList:
		return len(l.Items)
	}
	return 0
}

// TestExportToClaim makes a file on another claim, which goes again with the
// DiskExport.
func TestExportToClaim(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.done(t, n.diskImport(t, "disk", i.url()))
	backups := n.claim("backups")
	backups.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	backups.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("128Mi")}
	n.make(t, backups)

	d := n.diskExport(t, "copy", "disk", diskv1alpha1.ExportTarget{PVC: &diskv1alpha1.ClaimTarget{Name: "backups", Path: "disk.img"}}, asFormat("Raw", ""),
		func(d *diskv1alpha1.DiskExport) { d.Spec.ForProvider.Retention = diskv1alpha1.RetentionDelete })
	n.exported(t, d)
	n.equals(t, "backups", i, diskSize)
	n.remove(t.Context(), t, d)
}

// TestExportInUse exports a volume while a pod writes to it: the content is of
// one moment, as the row of numbers shows that the pod writes.
func TestExportInUse(t *testing.T) {
	t.Parallel()
	for _, mode := range []corev1.PersistentVolumeMode{corev1.PersistentVolumeFilesystem, corev1.PersistentVolumeBlock} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			n, s := space(t), newShelf(t)
			bucket := n.bucket(t)
			i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
			n.done(t, n.diskImport(t, "disk", i.url(), inMode(mode)))
			n.writer(t, "disk", mode)

			d := n.diskExport(t, "live", "disk", in(bucket, "live.qcow2"))
			n.exported(t, d)
			if got := d.Status.AtProvider.Consistency; got != diskv1alpha1.ConsistencySnapshot {
				t.Errorf("the volume was read %s, want of a snapshot", got)
			}
			n.nothingLeft(t, d)
			n.done(t, n.diskImport(t, "back", "", fromS3(bucket, "live.qcow2")))
			last, err := oneMoment(n.content(t, "back"))
			if err != nil {
				t.Errorf("the content is not of one moment: %v", err)
			}
			t.Logf("the last number of the snapshot is %d", last)
		})
	}
}

// writer starts a pod that writes numbers to a claim, and waits until it does.
func (n namespace) writer(t *testing.T, claim string, mode corev1.PersistentVolumeMode) {
	t.Helper()
	user, grace := int64(107), int64(0)
	c := corev1.Container{Name: "writer", Image: setting(t, "WUKONG_PEEK_IMAGE"), Args: []string{"write", mount}}
	if mode == corev1.PersistentVolumeBlock {
		c.VolumeDevices = []corev1.VolumeDevice{{Name: "disk", DevicePath: mount}}
	} else {
		c.Args[1] = mount + "/disk.img"
		c.VolumeMounts = []corev1.VolumeMount{{Name: "disk", MountPath: mount}}
	}
	pod := &corev1.Pod{ObjectMeta: n.meta("writer"), Spec: corev1.PodSpec{
		Containers:                    []corev1.Container{c},
		SecurityContext:               &corev1.PodSecurityContext{RunAsUser: &user, RunAsGroup: &user},
		TerminationGracePeriodSeconds: &grace,
		Volumes: []corev1.Volume{{Name: "disk", VolumeSource: corev1.VolumeSource{
			PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim},
		}}},
	}}
	n.make(t, pod)
	holds(t.Context(), t, n, pod, isReady)
}

// oneMoment checks that a ring of numbers, written one after the other, is of
// one moment, and returns the last of them: there is one greatest number, and
// each of the others stands where it was written last before that one.
func oneMoment(disk io.Reader) (uint64, error) {
	const blockSize, blocks, mark = 4096, 64, "peek was here: "
	r := bufio.NewReaderSize(disk, 1<<20)
	ring, last := make([]uint64, blocks), uint64(0)
	for i := range ring {
		b := make([]byte, blockSize)
		if _, err := io.ReadFull(r, b); err != nil {
			return 0, err
		}
		if number, ok := bytes.CutPrefix(b, []byte(mark)); ok {
			ring[i] = binary.BigEndian.Uint64(number)
			last = max(last, ring[i])
		}
	}
	if last == 0 {
		return 0, fmt.Errorf("there are no numbers: the writer had not begun")
	}
	for back := range min(blocks, last) {
		n := last - back
		if got := ring[n%blocks]; got != n {
			return last, fmt.Errorf("block %d holds %d, want %d: the last is %d", n%blocks, got, n, last)
		}
	}
	_, err := io.Copy(io.Discard, r)
	return last, err
}

// TestExportRefused asks for exports that cannot be made as they are written:
// the status says why, and nothing is left.
func TestExportRefused(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	bucket := n.bucket(t)
	n.done(t, n.diskImport(t, "disk", i.url()))
	n.done(t, n.diskImport(t, "folder", i.url(), onClass("local-path")))
	n.secret(t, "wrong", map[string]string{"accessKeyId": setting(t, "WUKONG_S3_ACCESS_KEY"), "secretAccessKey": "nothing"})
	n.writer(t, "folder", corev1.PersistentVolumeFilesystem)
	empty := n.claim("empty")
	empty.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	empty.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("64Mi")}
	n.make(t, empty)

	cases := map[string]struct {
		claim  string
		target diskv1alpha1.ExportTarget
		edit   exportEdit
		phase  diskv1alpha1.ExportPhase
		reason string
		says   string
	}{
		"no-bucket":    {"disk", in(diskv1alpha1.S3Object{Endpoint: bucket.Endpoint, Bucket: "there-is-none", SecretRef: bucket.SecretRef}, "a"), asFormat("", ""), "Failed", "", "there-is-none"},
		"wrong-key":    {"disk", in(diskv1alpha1.S3Object{Endpoint: bucket.Endpoint, Bucket: bucket.Bucket, SecretRef: &diskv1alpha1.SecretReference{Name: "wrong"}}, "a"), asFormat("", ""), "Failed", "Unauthorized", ""},
		"no-snapshots": {"folder", in(bucket, "a"), asFormat("", ""), "Failed", "SnapshotsUnsupported", "writer"},
		"no-disk":      {"empty", in(bucket, "a"), asFormat("", ""), "Failed", "SourceNotFound", "disk.img"},
		"no-claim":     {"nowhere", in(bucket, "a"), asFormat("", ""), "Pending", "ClaimNotFound", "nowhere"},
		"no-machine":   {"disk", in(bucket, "a"), ofMachine("nobody", "system"), "Pending", "VirtualMachineNotFound", "nobody"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := n.diskExport(t, name, tc.claim, tc.target, tc.edit)
			holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskExport) error {
				at, ready := d.Status.AtProvider, d.Status.GetCondition("Ready")
				if at.Phase != tc.phase || tc.reason != "" && string(ready.Reason) != tc.reason || !strings.Contains(at.Message, tc.says) {
					return fmt.Errorf("it is %s (%s): %s", at.Phase, ready.Reason, at.Message)
				}
				return nil
			})
			t.Log(d.Status.AtProvider.Message)
			n.remove(t.Context(), t, d)
		})
	}
}

// TestExportMoverKilled kills the mover in the middle of an export: another one
// takes over, and the artifact is whole.
func TestExportMoverKilled(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	bucket := n.bucket(t)
	raw := newSlowDisk(t)
	i := s.convert(t, raw, "disk.raw", "cp", raw)
	n.done(t, n.diskImport(t, "disk", i.url(), ofSize(64<<20)))

	// One part after the other: several at once would all be there before any
	// of them counts for the limit, and nothing would be left to send.
	d := n.diskExport(t, "recovers", "disk", in(bucket, "disk.raw"), asFormat("Raw", ""), partByPart)
	holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskExport) error {
		if p := d.Status.AtProvider.Progress; p == nil || p.WrittenBytes == 0 {
			return fmt.Errorf("it is %s: %s", d.Status.AtProvider.Phase, d.Status.AtProvider.Message)
		}
		return nil
	})
	kill9(t, n.onlyMover(t))
	n.exported(t, d)
	p := d.Status.AtProvider.Progress
	if p.Attempt < 2 {
		t.Errorf("status says attempt %d, want at least 2", p.Attempt)
	}
	t.Logf("%d bytes were not sent again, %d were", p.ReusedBytes, p.WrittenBytes)
	if p.ReusedBytes == 0 || p.WrittenBytes == 0 || p.ReusedBytes+p.WrittenBytes != d.Status.AtProvider.Artifact.Size {
		t.Errorf("%d bytes were not sent again and %d were, want some of each, and %d of both", p.ReusedBytes, p.WrittenBytes, d.Status.AtProvider.Artifact.Size)
	}
	n.done(t, n.diskImport(t, "back", "", fromS3(bucket, "disk.raw"), ofSize(64<<20)))
	n.equals(t, "back", i, 64<<20)
}

// examples apply as they stand.
func TestExampleExports(t *testing.T) {
	t.Parallel()
	n := space(t)
	files, err := filepath.Glob("../../examples/disk/*.yaml")
	if err != nil || len(files) < 8 {
		t.Fatalf("found %d manifests: %v", len(files), err)
	}
	for _, f := range files {
		for _, o := range documents(t, f) {
			o.SetNamespace(n.name)
			if err := n.Create(t.Context(), o, client.DryRunAll); err != nil {
				t.Errorf("%s: %v", f, err)
			}
		}
	}
}
