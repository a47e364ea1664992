// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// exportJob is a job that exports a disk to a file.
func exportJob(from, to string, f transfer.ArtifactFormat, a transfer.Algorithm) *transfer.Job {
	return &transfer.Job{
		Version:   transfer.JobVersion,
		ID:        "test",
		Operation: transfer.OperationExport,
		Source:    transfer.Source{File: &transfer.FileSource{Path: from}},
		Artifact:  &transfer.Artifact{Format: f, Compression: transfer.Compression{Algorithm: a}, File: &transfer.FileTarget{Path: to}},
		Policy:    transfer.Policy{Unrestricted: true},
	}
}

// a kind is one way to write a disk.
type kind struct {
	name      string
	format    transfer.ArtifactFormat
	algorithm transfer.Algorithm
}

func kinds() []kind {
	return []kind{
		{"raw", transfer.ArtifactRaw, transfer.CompressionNone},
		{"raw.zst", transfer.ArtifactRaw, transfer.CompressionZstd},
		{"raw.gz", transfer.ArtifactRaw, transfer.CompressionGzip},
		{"zstd.qcow2", transfer.ArtifactQCOW2, transfer.CompressionZstd},
		{"zlib.qcow2", transfer.ArtifactQCOW2, transfer.CompressionZlib},
		{"plain.qcow2", transfer.ArtifactQCOW2, transfer.CompressionNone},
	}
}

// disks are what is exported.
func disks(t *testing.T) map[string]string {
	t.Helper()
	folder := t.TempDir()
	mixed := bytes.Repeat([]byte("a line of text that repeats itself\n"), 9*mib/35)
	copy(mixed, endpointtest.Content(6, 4096)) // What begins as a text is no disk.
	copy(mixed[mib:], endpointtest.Content(7, 2*mib))
	clear(mixed[4*mib : 5*mib])
	contents := map[string][]byte{
		"empty":  {},
		"byte":   {7},
		"odd":    append(endpointtest.Content(3, 3*mib+777), 1),
		"zeros":  make([]byte, 9*mib),
		"random": endpointtest.Content(4, 10*mib),
		"mixed":  mixed,
	}
	paths := map[string]string{}
	for name, content := range contents {
		paths[name] = filepath.Join(folder, name)
		if err := os.WriteFile(paths[name], content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	// One that is larger than a table speaks of.
	paths["sparse"] = filepath.Join(folder, "sparse")
	f, err := os.Create(paths["sparse"])
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, off := range []int64{0, 511 * mib, 600 * mib} {
		if _, err := f.WriteAt(endpointtest.Content(uint64(off), 3*mib+5000), off); err != nil {
			t.Fatal(err)
		}
	}
	return paths
}

// TestExport writes every disk in every format, has those who know the formats
// look at it, and reads it back.
func TestExport(t *testing.T) {
	for name, from := range disks(t) {
		if testing.Short() && name != "mixed" {
			continue // See `make unit`.
		}
		for _, k := range kinds() {
			t.Run(name+"/"+k.name, func(t *testing.T) {
				to := filepath.Join(t.TempDir(), "disk."+k.name)
				j := exportJob(from, to, k.format, k.algorithm)
				j.Artifact.ReadBack = true
				r := run(t, j)
				if !r.Succeeded() {
					t.Fatalf("%s: %s", r.Reason, r.Message)
				}
				if got, want := r.Artifact.Digest, fileDigest(t, to); got != want {
					t.Errorf("digest: got %s, want %s", got, want)
				}
				if got, want := r.Artifact.ContentDigest, contentDigest(t, from); got != want {
					t.Errorf("content digest: got %s, want %s", got, want)
				}
				readable(t, k, from, to)
				if size(t, from) >= 512 { // What is less than a sector is no disk.
					importBack(t, from, to)
				}
			})
		}
	}
}

// readable compares an artifact with its disk by other people's programs.
func readable(t *testing.T, k kind, from, to string) {
	t.Helper()
	switch {
	case k.format == transfer.ArtifactQCOW2:
		command(t, "qemu-img", "check", "-q", "-f", "qcow2", to)
		command(t, "qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", from, to)
	case k.algorithm == transfer.CompressionZstd:
		command(t, "sh", "-c", fmt.Sprintf("zstd -q -t %s && zstd -q -d -c %s | cmp - %s", to, to, from))
	case k.algorithm == transfer.CompressionGzip:
		command(t, "sh", "-c", fmt.Sprintf("gzip -t %s && gzip -d -c %s | cmp - %s", to, to, from))
	default:
		command(t, "cmp", from, to)
	}
}

// importBack imports an artifact and compares with the disk that it was made of.
// Disks that are no whole sectors have grown to the next.
func importBack(t *testing.T, from, artifact string) {
	t.Helper()
	to := filepath.Join(t.TempDir(), "back")
	if r := run(t, importJob(artifact, to)); !r.Succeeded() {
		t.Fatalf("import: %s: %s", r.Reason, r.Message)
	}
	n := size(t, from)
	command(t, "cmp", "-n", fmt.Sprint(n), from, to)
	if got := size(t, to); got < n || got >= n+512 {
		t.Errorf("import: got %d bytes, the disk has %d", got, n)
	}
}

func size(t *testing.T, path string) int64 {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// contentDigest is what fsverity-utils say of a disk.
func contentDigest(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "fsverity", "digest", "--compact", path).Output()
	if err != nil {
		t.Fatalf("fsverity digest: %v", err)
	}
	return "fsverity:sha256:" + strings.TrimSpace(string(out))
}

func fileDigest(t *testing.T, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("sha256:%x", h.Sum(nil))
}

// TestExportDevice exports a block device.
func TestExportDevice(t *testing.T) {
	device := loop(t, 12*mib)
	content := append(endpointtest.Content(9, 5*mib), make([]byte, 7*mib)...)
	if err := os.WriteFile(device, content, 0); err != nil {
		t.Fatal(err)
	}
	for _, k := range kinds() {
		to := filepath.Join(t.TempDir(), "disk."+k.name)
		if r := run(t, exportJob(device, to, k.format, k.algorithm)); !r.Succeeded() {
			t.Fatalf("%s: %s: %s", k.name, r.Reason, r.Message)
		}
		readable(t, k, device, to)
		if k.format == transfer.ArtifactQCOW2 && size(t, to) > 7*mib {
			t.Errorf("%s: got %d bytes: zeros were stored", k.name, size(t, to))
		}
	}
}

// TestExportSparse leaves the holes of a raw disk holes.
func TestExportSparse(t *testing.T) {
	from, to := disks(t)["sparse"], filepath.Join(t.TempDir(), "disk.raw")
	if r := run(t, exportJob(from, to, transfer.ArtifactRaw, "")); !r.Succeeded() {
		t.Fatalf("%s: %s", r.Reason, r.Message)
	}
	out, err := exec.CommandContext(t.Context(), "du", "-m", to).Output()
	if err != nil {
		t.Fatal(err)
	}
	var used int
	if _, err := fmt.Sscan(string(out), &used); err != nil || used > 12 {
		t.Errorf("got %d MiB on the disk, want about 9 (%v)", used, err)
	}
}

// TestExportResumes finds what an attempt before has left behind.
func TestExportResumes(t *testing.T) {
	for i, k := range kinds() {
		if testing.Short() && i%2 == 0 {
			continue // See `make unit`.
		}
		t.Run(k.name, func(t *testing.T) {
			folder := t.TempDir()
			from, to := filepath.Join(folder, "from"), filepath.Join(folder, "disk")
			if err := os.WriteFile(from, endpointtest.Content(5, 30*mib), 0o600); err != nil {
				t.Fatal(err)
			}
			if r := run(t, exportJob(from, to, k.format, k.algorithm)); !r.Succeeded() {
				t.Fatalf("%s: %s", r.Reason, r.Message)
			}
			whole, err := os.ReadFile(to)
			if err != nil {
				t.Fatal(err)
			}
			// Half of it, and in what is there one byte that is not right.
			half := bytes.Clone(whole[:16*mib])
			half[5*mib] ^= 1
			if err := os.WriteFile(filepath.Join(folder, ".disk.partial"), half, 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Remove(to); err != nil {
				t.Fatal(err)
			}
			r := run(t, exportJob(from, to, k.format, k.algorithm))
			if !r.Succeeded() {
				t.Fatalf("%s: %s", r.Reason, r.Message)
			}
			if r.ReusedBytes < 8*mib || r.ReusedBytes > 12*mib {
				t.Errorf("reused: got %d bytes, want 12 MiB, or less where the last ones are a part's begin", r.ReusedBytes)
			}
			again, err := os.ReadFile(to)
			if err != nil || !bytes.Equal(again, whole) {
				t.Errorf("the artifact is another one than that which was written at once (%v)", err)
			}
		})
	}
}

// TestExportFailures leaves nothing under the final name.
func TestExportFailures(t *testing.T) {
	cases := map[string]struct {
		reason  string
		prepare func(t *testing.T, j *transfer.Job)
		want    transfer.Reason
		message string
	}{
		"NoDisk": {"there is nothing to export", func(_ *testing.T, j *transfer.Job) {
			j.Source.File.Path += "-not"
		}, transfer.ReasonSourceNotFound, "no such file"},
		"Folder": {"a folder is no disk", func(t *testing.T, j *transfer.Job) {
			j.Source.File.Path = t.TempDir()
		}, transfer.ReasonSourceRefused, "regular file"},
		"Exists": {"a file that exists is not replaced by itself", func(t *testing.T, j *transfer.Job) {
			if err := os.WriteFile(j.Artifact.File.Path, []byte("precious"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, transfer.ReasonTargetUnusable, "--force"},
		"NoFolder": {"where the target's folder should be is a file", func(_ *testing.T, j *transfer.Job) {
			j.Artifact.File.Path = filepath.Join(j.Source.File.Path, "folder", "disk")
		}, transfer.ReasonTargetUnusable, "not a directory"},
		"TooLarge": {"the policy has a limit", func(_ *testing.T, j *transfer.Job) {
			j.Policy.MaxVirtualSize = mib
		}, transfer.ReasonPolicyDenied, "permits 1 MiB"},
		"Deadline": {"the deadline passes", func(_ *testing.T, j *transfer.Job) {
			j.Limits.Deadline, j.Limits.BytesPerSecond = transfer.Duration(200*time.Millisecond), mib
		}, transfer.ReasonDeadlineExceeded, "deadline of 200ms"},
	}
	from := disks(t)["random"]
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			to := filepath.Join(t.TempDir(), "disk")
			j := exportJob(from, to, transfer.ArtifactQCOW2, "")
			tc.prepare(t, j)
			r := run(t, j)
			if r.Reason != tc.want || !strings.Contains(r.Message, tc.message) {
				t.Errorf("%s: got %s: %s; want %s with %q", tc.reason, r.Reason, r.Message, tc.want, tc.message)
			}
			if content, err := os.ReadFile(to); err == nil && string(content) != "precious" {
				t.Errorf("%s: there is a file of %d bytes", tc.reason, len(content))
			}
		})
	}
}

// TestExportRemove removes what was made, and nothing else.
func TestExportRemove(t *testing.T) {
	from, to := disks(t)["odd"], filepath.Join(t.TempDir(), "disk")
	made := run(t, exportJob(from, to, transfer.ArtifactQCOW2, "")).Artifact
	j := exportJob(from, to, transfer.ArtifactQCOW2, "")
	j.Operation, j.Source, j.Made = transfer.OperationRemove, transfer.Source{}, &made

	if err := os.WriteFile(to, []byte("another's"), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t, j); !r.Succeeded() || !strings.Contains(r.Note, "Another writer has replaced") {
		t.Fatalf("%s: %s %s", r.Reason, r.Message, r.Note)
	}
	if _, err := os.Stat(to); err != nil {
		t.Fatalf("another's file is gone: %v", err)
	}
	again := exportJob(from, to, transfer.ArtifactQCOW2, "")
	r := mover.Run(t.Context(), again, mover.Options{Overwrite: true})
	if !r.Succeeded() {
		t.Fatalf("%s: %s", r.Reason, r.Message)
	}
	j.Made = &r.Artifact
	for range 2 { // The second time it is gone.
		if r := run(t, j); !r.Succeeded() || r.Note != "" {
			t.Fatalf("%s: %s %s", r.Reason, r.Message, r.Note)
		}
	}
	if _, err := os.Stat(to); err == nil {
		t.Error("the artifact is still there")
	}
}
