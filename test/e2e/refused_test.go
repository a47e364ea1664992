// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// failed is the property of an import that ended in Failed, for a reason and
// with a message that matches a pattern.
func failed(reason, message string) func(*diskv1alpha1.DiskImport) error {
	return stands(diskv1alpha1.PhaseFailed, reason, message)
}

// stands is the property of an import in a phase, that is not ready for a
// reason and with a message that matches a pattern.
func stands(phase diskv1alpha1.Phase, reason, message string) func(*diskv1alpha1.DiskImport) error {
	return func(d *diskv1alpha1.DiskImport) error {
		at, ready := d.Status.AtProvider, d.Status.GetCondition(xpv2.TypeReady)
		ok, err := regexp.MatchString(message, at.Message)
		if err != nil {
			return err
		}
		if at.Phase != phase || ready.Status != corev1.ConditionFalse || string(ready.Reason) != reason || !ok {
			return fmt.Errorf("it is %q, ready %s (%s): %s", at.Phase, ready.Status, ready.Reason, at.Message)
		}
		return nil
	}
}

// TestRefusedByMover imports what no attempt can import: each import ends in
// Failed with its reason and a sentence, and no claim is there.
func TestRefusedByMover(t *testing.T) {
	t.Parallel()
	n, s, disk := space(t), newShelf(t), newDisk(t)
	good := s.qcow2(t, disk, "good.qcow2", "-c")
	n.authority(t, "stranger", otherAuthority(t))
	n.secret(t, "wrong", map[string]string{"username": "wukong", "password": "guessed"})

	cases := map[string]struct {
		why     string
		url     string
		edit    edit
		reason  string
		message string
	}{
		"checksum": {
			"the publisher's sum is another one", good.url(),
			withChecksum("sha256:" + strings.Repeat("0", 64)), "ChecksumMismatch", s.digest(t, good)[len("sha256:"):][:12],
		},
		"not-found":      {"the server has nothing there", good.url() + ".gone", asItIs, "SourceNotFound", "404"},
		"web-page":       {"the server answers with a page", s.put(t, "page.html", "<!doctype html><html><body>Sign in</body></html>").url(), asItIs, "FormatRefused", "(?i)html|web page"},
		"backing-file":   {"the image is a layer above a file of the server's", s.backed(t, disk).url(), asItIs, "FormatRefused", "backing file"},
		"outside-table":  {"the image's L1 table lies outside the file", s.hostile(t, disk).url(), asItIs, "ImageCorrupt", "L1"},
		"stranger":       {"the server's authority is not the one that was named", good.secure(), withAuthority("stranger"), "CertificateUntrusted", "(?i)certificate"},
		"too-small":      {"the disk does not fit", good.url(), ofSize(8 << 20), "TargetTooSmall", "(?i)larger|at least|size"},
		"no-credentials": {"the server wants credentials", good.under("auth"), asItIs, "Unauthorized", "401"},
		"wrong-password": {"the server refuses the credentials", good.under("auth"), withSecret("wrong"), "Unauthorized", "401"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := n.diskImport(t, name, tc.url, tc.edit)
			holds(t.Context(), t, n, d, failed(tc.reason, tc.message))
			if err := absent(t.Context(), n, n.claim(name)); err != nil {
				t.Errorf("%s, and yet there is a claim: %v", tc.why, err)
			}
			t.Logf("%s: %s", tc.why, d.Status.AtProvider.Message)
		})
	}
}

func asItIs(*diskv1alpha1.DiskImport) {}

// backed makes a qcow2 image with a backing file: the way to read a server's
// files through its importer.
func (s shelf) backed(t *testing.T, raw string) image {
	t.Helper()
	return s.convert(t, raw, "backed.qcow2", "qemu-img", "create", "-q", "-f", "qcow2", "-b", raw, "-F", "raw")
}

// hostile makes a qcow2 image whose header puts the L1 table beyond the end of
// the file (qcow2.txt, header, bytes 40 to 47).
func (s shelf) hostile(t *testing.T, raw string) image {
	t.Helper()
	i := s.qcow2(t, raw, "hostile.qcow2")
	f, err := os.OpenFile(filepath.Join(s.folder, "hostile.qcow2"), os.O_RDWR, 0)
	if err != nil {
		t.Fatalf("cannot open image: %v", err)
	}
	defer f.Close()
	if _, err := f.WriteAt(binary.BigEndian.AppendUint64(nil, 1<<40), 40); err != nil {
		t.Fatalf("cannot write image: %v", err)
	}
	return i
}

// otherAuthority makes a certificate authority that signed nothing.
func otherAuthority(t *testing.T) []byte {
	t.Helper()
	folder := t.TempDir()
	ca := filepath.Join(folder, "ca.crt")
	run(t, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "1",
		"-subj", "/CN=stranger", "-keyout", filepath.Join(folder, "ca.key"), "-out", ca)
	pem, err := os.ReadFile(ca)
	if err != nil {
		t.Fatalf("cannot read authority: %v", err)
	}
	return pem
}
