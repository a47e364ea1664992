// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os"
	"testing"

	corev1 "k8s.io/api/core/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// TestFormats imports every format into both kinds of volume: the claim must
// hold, byte for byte, what qemu-img makes of the image.
func TestFormats(t *testing.T) {
	t.Parallel()
	n, s, disk := space(t), newShelf(t), newDisk(t)

	iso := newISO(t)
	cases := map[string]struct {
		reason string
		image  image
		format string
		packed string
	}{
		"plain":  {"qcow2 with plain clusters", s.qcow2(t, disk, "plain.qcow2"), "QCOW2", ""},
		"zlib":   {"qcow2 with zlib clusters", s.qcow2(t, disk, "zlib.qcow2", "-c"), "QCOW2", ""},
		"zstd":   {"qcow2 with zstd clusters", s.qcow2(t, disk, "zstd.qcow2", "-c", "-o", "compression_type=zstd"), "QCOW2", ""},
		"raw-gz": {"a raw image under gzip", s.convert(t, disk, "disk.raw.gz", "sh", "-c", `gzip -1 <"$0" >"$1"`, disk), "Raw", "gzip"},
		"iso":    {"an installer's ISO", s.convert(t, iso, "disk.iso", "cp", iso), "ISO", ""},
	}
	for name, tc := range cases {
		for _, mode := range []corev1.PersistentVolumeMode{corev1.PersistentVolumeFilesystem, corev1.PersistentVolumeBlock} {
			t.Run(name+"/"+string(mode), func(t *testing.T) {
				t.Parallel()
				claim := name + map[corev1.PersistentVolumeMode]string{"Block": "-block", "Filesystem": "-fs"}[mode]
				d := n.diskImport(t, claim, tc.image.url(), inMode(mode), withChecksum(s.digest(t, tc.image)))
				n.done(t, d)
				n.equals(t, claim, tc.image, diskSize)

				at := d.Status.AtProvider
				if at.Source == nil || at.Source.Format != tc.format || at.Source.Compression != tc.packed || at.Source.Digest != s.digest(t, tc.image) {
					t.Errorf("%s: status.atProvider.source is %+v, want format %s, compression %q, digest %s", tc.reason, at.Source, tc.format, tc.packed, s.digest(t, tc.image))
				}
				if at.Progress == nil || at.Progress.Percent != 100 || at.ClaimName != claim {
					t.Errorf("%s: progress %+v of claim %q, want 100 %% of %q", tc.reason, at.Progress, at.ClaimName, claim)
				}
			})
		}
	}
}

// newISO makes an ISO 9660 image.
func newISO(t *testing.T) string {
	t.Helper()
	files, iso := t.TempDir(), t.TempDir()+"/disk.iso"
	if err := os.WriteFile(files+"/readme", []byte("An installer would be here."), 0o600); err != nil {
		t.Fatalf("cannot write file: %v", err)
	}
	run(t, "genisoimage", "-quiet", "-V", "WUKONG", "-R", "-o", iso, files)
	return iso
}

// TestStorage imports onto provisioners that differ in what they know: volume
// handover needs nothing of them.
func TestStorage(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")

	cases := map[string]struct {
		reason string
		class  string
		mode   corev1.PersistentVolumeMode
	}{
		"csi":           {"a CSI driver that binds at once", "hostpath", corev1.PersistentVolumeFilesystem},
		"csi-wait":      {"a CSI driver that waits for a consumer", "hostpath-wffc", corev1.PersistentVolumeFilesystem},
		"csi-wait-dev":  {"the same with a block volume", "hostpath-wffc", corev1.PersistentVolumeBlock},
		"no-populators": {"a provisioner that waits for a consumer and ignores data sources", "local-path", corev1.PersistentVolumeFilesystem},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n.done(t, n.diskImport(t, name, i.url(), onClass(tc.class), inMode(tc.mode)))
			n.equals(t, name, i, diskSize)

			pvc := n.claim(name)
			holds(t.Context(), t, n, pvc, isBound)
			if got := pvc.Spec.StorageClassName; got == nil || *got != tc.class {
				t.Errorf("%s: the claim is of class %v, want %s", tc.reason, got, tc.class)
			}
			v := &corev1.PersistentVolume{}
			v.Name = pvc.Spec.VolumeName
			holds(t.Context(), t, n, v, func(v *corev1.PersistentVolume) error { return nil })
			if got := v.Spec.PersistentVolumeReclaimPolicy; got != corev1.PersistentVolumeReclaimDelete {
				t.Errorf("%s: the volume's policy is %s after the handover, want the class's own, Delete", tc.reason, got)
			}
		})
	}
}

// TestTrustAndCredentials imports over https with an authority of one's own,
// and with basic authentication.
func TestTrustAndCredentials(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	ca, err := os.ReadFile(setting(t, "WUKONG_IMAGES_CA"))
	if err != nil {
		t.Fatalf("cannot read authority: %v", err)
	}
	n.authority(t, "authority", ca)
	n.secret(t, "account", map[string]string{"username": "wukong", "password": "secret"})

	n.diskImport(t, "trusted", i.secure(), withAuthority("authority"))
	n.diskImport(t, "private", i.under("auth"), withSecret("account"))
	for _, name := range []string{"trusted", "private"} {
		n.done(t, &diskv1alpha1.DiskImport{ObjectMeta: n.meta(name)})
		n.equals(t, name, i, diskSize)
	}
}
