// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// exportJob writes the document of an export of the disk at from.
func exportJob(t *testing.T, from string, a transfer.Artifact) string {
	t.Helper()
	document, err := json.Marshal(transfer.Job{
		Version:   transfer.JobVersion,
		ID:        "faults",
		Operation: transfer.OperationExport,
		Source:    transfer.Source{File: &transfer.FileSource{Path: from}},
		Artifact:  &a,
		Policy:    transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func fileArtifact(to string, f transfer.ArtifactFormat, a transfer.Algorithm) transfer.Artifact {
	return transfer.Artifact{Format: f, Compression: transfer.Compression{Algorithm: a}, File: &transfer.FileTarget{Path: to}}
}

// export runs an export until it ends, or ctx kills it.
func export(ctx context.Context, t *testing.T, document string) (transfer.Result, error) {
	t.Helper()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, mover, "run", "--json", "--result-file", "", document)
	cmd.Stdout = &out
	err := cmd.Run()
	lines := bytes.Split(bytes.TrimSpace(out.Bytes()), []byte("\n"))
	if l := transfer.ParseLine(lines[len(lines)-1]); l.Result != nil {
		return *l.Result, err
	}
	return transfer.Result{}, err
}

// exported is a disk that takes a while.
func exported(t *testing.T) (path string, content []byte) {
	t.Helper()
	content = append(sample(), endpointtest.Content(53, 100*mib)...)
	path = filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// TestExportKilled kills exports at any moment, again and again, until one gets
// through. Nothing is there before, and what is there then is whole.
func TestExportKilled(t *testing.T) {
	from, _ := exported(t)
	for _, a := range []transfer.Algorithm{transfer.CompressionZstd, transfer.CompressionZlib, transfer.CompressionNone} {
		t.Run(string(a), func(t *testing.T) {
			folder := t.TempDir()
			to := filepath.Join(folder, "disk.qcow2")
			once := filepath.Join(folder, "once.qcow2")
			begin := time.Now()
			if r, err := export(t.Context(), t, exportJob(t, from, fileArtifact(once, transfer.ArtifactQCOW2, a))); err != nil {
				t.Fatalf("%v: %s", err, r.Message)
			}
			took := time.Since(begin)
			document := exportJob(t, from, fileArtifact(to, transfer.ArtifactQCOW2, a))
			for range 10 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rand.Int64N(int64(took))))
				_, err := export(ctx, t, document)
				cancel()
				if _, there := os.Stat(to); there == nil && err != nil {
					break // It was killed behind the rename: what is there is compared below.
				}
				if err == nil {
					break
				}
			}
			if _, err := os.Stat(to); err != nil {
				r, err := export(t.Context(), t, document)
				if err != nil {
					t.Fatalf("%v: %s", err, r.Message)
				}
				t.Logf("reused %d of %d bytes", r.ReusedBytes, r.Artifact.Size)
			}
			want, err := os.ReadFile(once)
			if err != nil {
				t.Fatal(err)
			}
			got, err := os.ReadFile(to)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("another artifact than that of an undisturbed export (%v)", err)
			}
			if out, err := exec.CommandContext(t.Context(), "qemu-img", "compare", "-f", "raw", "-F", "qcow2", from, to).CombinedOutput(); err != nil {
				t.Errorf("qemu-img compare: %v: %s", err, out)
			}
		})
	}
}

// TestExportSourceChanges has somebody write to the disk meanwhile, or cut it.
func TestExportSourceChanges(t *testing.T) {
	cases := map[string]func(f *os.File) error{
		"Written":  func(f *os.File) error { _, err := f.WriteAt([]byte("new"), 5); return err },
		"Cut":      func(f *os.File) error { return f.Truncate(10 * mib) },
		"Extended": func(f *os.File) error { return f.Truncate(500 * mib) },
	}
	for name, change := range cases {
		for where, newPlace := range places {
			t.Run(name+"/"+where, func(t *testing.T) {
				from, _ := exported(t)
				f, err := os.OpenFile(from, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				p := newPlace(t)
				changed := make(chan error, 1)
				p.begun(func() { changed <- change(f) })
				r, _ := export(t.Context(), t, exportJob(t, from, p.artifact))
				if err := <-changed; err != nil {
					t.Fatal(err)
				}
				if r.Reason != transfer.ReasonSourceChanged {
					t.Errorf("got %s: %s; want %s", r.Reason, r.Message, transfer.ReasonSourceChanged)
				}
				if p.left(t) {
					t.Error("something is left")
				}
			})
		}
	}
}

// TestExportNoSpace fills a file system.
func TestExportNoSpace(t *testing.T) {
	from, _ := exported(t)
	folder := t.TempDir()
	if out, err := exec.CommandContext(t.Context(), "mount", "-t", "tmpfs", "-o", "size=30m", "tmpfs", folder).CombinedOutput(); err != nil {
		t.Fatalf("cannot mount: %v: %s", err, out)
	}
	t.Cleanup(func() { _ = exec.Command("umount", folder).Run() })
	r, _ := export(t.Context(), t, exportJob(t, from, fileArtifact(filepath.Join(folder, "disk"), transfer.ArtifactQCOW2, "")))
	if r.Reason != transfer.ReasonOutOfSpace {
		t.Errorf("got %s: %s", r.Reason, r.Message)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) > 0 {
		t.Errorf("what is left: %v, %v", left, err)
	}
}

// TestExportReadError has a device that cannot be read at one place.
func TestExportReadError(t *testing.T) {
	for where, newPlace := range places {
		t.Run(where, func(t *testing.T) {
			from, _ := exported(t)
			device := faultyDevice(t, from)
			p := newPlace(t)
			r, _ := export(t.Context(), t, exportJob(t, device, p.artifact))
			if r.Reason != transfer.ReasonSourceUnavailable || !strings.Contains(r.Message, device) {
				t.Errorf("got %s: %s", r.Reason, r.Message)
			}
			if p.named(t) {
				t.Error("there is an artifact of a disk that cannot be read")
			}
		})
	}
}

// faultyDevice is a device whose second half cannot be read: the file behind it
// has lost it.
func faultyDevice(t *testing.T, path string) string {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "losetup", "--find", "--show", path).Output()
	if err != nil {
		t.Fatalf("cannot make a loop device: %v", err)
	}
	device := string(bytes.TrimSpace(out))
	t.Cleanup(func() { _ = exec.Command("losetup", "--detach", device).Run() })
	if err := os.Truncate(path, 62*mib); err != nil {
		t.Fatal(err)
	}
	return device
}
