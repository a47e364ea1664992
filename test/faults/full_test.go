// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// fullFileSystem mounts one in which a file leaves 40 MiB of room, and returns a
// folder in it, and what removes that file.
func fullFileSystem(t *testing.T) (folder string, makeRoom func()) {
	t.Helper()
	mount, image := t.TempDir(), filepath.Join(t.TempDir(), "fs")
	for _, args := range [][]string{
		{"truncate", "--size=256M", image},
		{"mkfs.ext4", "-q", "-m", "0", image},
		{"mount", "-o", "loop", image, mount},
	} {
		if out, err := exec.CommandContext(t.Context(), args[0], args[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("cannot %s: %v: %s", args, err, out)
		}
	}
	t.Cleanup(func() { _ = exec.Command("umount", "--lazy", mount).Run() })
	var st unix.Statfs_t
	if err := unix.Statfs(mount, &st); err != nil {
		t.Fatal(err)
	}
	file, err := os.Create(filepath.Join(mount, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	if err := unix.Fallocate(int(file.Fd()), 0, 0, int64(st.Bavail)*st.Bsize-40*mib); err != nil {
		t.Fatal(err)
	}
	folder = filepath.Join(mount, "content")
	if err := os.Mkdir(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	return folder, func() {
		if err := os.Remove(file.Name()); err != nil {
			t.Fatal(err)
		}
	}
}

// TestExportToS3IsFull fills the file system of the store. With room the same
// export succeeds.
func TestExportToS3IsFull(t *testing.T) {
	path, content := aDisk(t)
	folder, makeRoom := fullFileSystem(t)
	s := newStoreIn(t, folder)
	o := s.export(t.Context(), t, path)
	if o.result.Reason != transfer.ReasonOutOfSpace || o.exit != transfer.ReasonOutOfSpace.ExitCode() {
		t.Errorf("exit %d, reason %q: %s", o.exit, o.result.Reason, o.result.Message)
	}
	s.holds(t, nil)
	if n := s.uploads(t); n != 0 {
		t.Errorf("%d uploads are left, and the space that they take", n)
	}
	makeRoom()
	s.exported(t, s.export(t.Context(), t, path), content)
}

// TestExportToRegistryIsFull fills the file system of a registry, which answers
// 500 and says why in its own words alone: the export may be tried again, and
// with room it goes on.
func TestExportToRegistryIsFull(t *testing.T) {
	path, content := aDisk(t)
	folder, makeRoom := fullFileSystem(t)
	h := newHubIn(t, "", folder)
	job := h.job(path)
	job.Limits.Retries = new(1)
	a := h.attempt(t.Context(), t, job)
	r := a.result
	if r.Reason != transfer.ReasonTargetUnavailable || !strings.Contains(r.Message, "no space left on device") {
		t.Errorf("reason %q: %s", r.Reason, r.Message)
	}
	if h.Manifest(t, repository, tag) != nil {
		t.Error("the tag names something")
	}
	makeRoom()
	a = h.attempt(t.Context(), t, job)
	h.pushed(t, a.result, a.err, content)
	if n := h.Uploads(t, repository); n > 0 {
		t.Errorf("%d uploads are left", n)
	}
}
