// SPDX-License-Identifier: Apache-2.0

package images

import (
	"archive/tar"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestLddPaths(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		output string
		want   []string
	}{
		"Linked": {
			reason: "libraries and the loader should be found, the kernel's own not",
			output: "\tlinux-vdso.so.1 (0x00007ffd)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f01)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f02)\n",
			want:   []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"},
		},
		"Static": {reason: "a static program should need nothing", output: "\tnot a dynamic executable\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, lddPaths(tc.output)); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestMerged(t *testing.T) {
	for path, want := range map[string]string{
		"/bin/sh":              "/usr/bin/sh",
		"/lib64/ld-linux.so.2": "/usr/lib64/ld-linux.so.2",
		"/usr/bin/qemu-img":    "/usr/bin/qemu-img",
		"/libexec/x":           "/libexec/x",
	} {
		if got := merged(path); got != want {
			t.Errorf("merged(%q) = %q, want %q", path, got, want)
		}
	}
}

func TestWriteMakesFoldersFirst(t *testing.T) {
	dir := t.TempDir()
	source := filepath.Join(dir, "program")
	if err := os.WriteFile(source, []byte("content"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "rootfs.tar")
	if err := (rootfs{"/usr/lib/deep/program": source}).write(file); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	seen := map[string]bool{"./": true}
	for r := tar.NewReader(f); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if parent := filepath.Dir(filepath.Clean(h.Name)) + "/"; !seen[parent] {
			t.Errorf("%s comes before its folder", h.Name)
		}
		seen[filepath.Clean(h.Name)+"/"] = true
	}
	if !seen["usr/lib/deep/program/"] {
		t.Error("the program is not in the tar")
	}
}
