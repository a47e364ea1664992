// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestExportToFullServer uploads to a web server whose disk is full: it is told,
// nothing has the final name, and with more room the same upload succeeds, and once
// more over itself. It is the mover alone, as a Job's retries last for minutes.
func TestExportToFullServer(t *testing.T) {
	t.Parallel()
	installed(t)
	s := newShelf(t)
	folder := filepath.Join(s.folder, "full")
	if err := os.Mkdir(folder, 0o777); err != nil {
		t.Fatalf("cannot make folder: %v", err)
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", 0, "size=8m"); err != nil {
		t.Fatalf("cannot mount: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(folder, syscall.MNT_DETACH); err != nil {
			t.Errorf("cannot unmount: %v", err)
		}
	})
	raw, final := newDisk(t), filepath.Join(folder, "up.raw")
	job := transfer.Job{
		Version: transfer.JobVersion, ID: "full", Operation: transfer.OperationExport,
		Source: transfer.Source{File: &transfer.FileSource{Path: raw}},
		Artifact: &transfer.Artifact{Format: transfer.ArtifactRaw, HTTP: &transfer.HTTPUpload{
			HTTPSource: transfer.HTTPSource{URL: image{path: s.name + "/full/up.raw"}.under("put")},
		}},
		Limits: transfer.Limits{Retries: new(1)},
		Policy: transfer.Policy{AllowedNetworks: []string{"10.250.0.1/32"}},
	}
	r := move(t, job)
	if r.Reason != transfer.ReasonTargetUnavailable || !strings.Contains(r.Message, "500") {
		t.Errorf("the result of an upload to a full server is %s: %s", r.Reason, r.Message)
	}
	t.Log(r.Message)
	if _, err := os.Stat(final); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("there is something under the final name: %v", err)
	}
	if err := syscall.Mount("tmpfs", folder, "tmpfs", syscall.MS_REMOUNT, "size=128m"); err != nil {
		t.Fatalf("cannot make room: %v", err)
	}
	if r := move(t, job); !r.Succeeded() {
		t.Errorf("with more room it is %s: %s", r.Reason, r.Message)
	}
	run(t, "cmp", raw, final)
	r = move(t, job)
	if !r.Succeeded() || r.Artifact.Validator == "" {
		t.Errorf("over itself it is %s: %s, with entity tag %q", r.Reason, r.Message, r.Artifact.Validator)
	}
	run(t, "cmp", raw, final)
}

// move runs the mover on this machine.
func move(t *testing.T, job transfer.Job) transfer.Result {
	t.Helper()
	b, err := json.Marshal(job)
	if err != nil {
		t.Fatalf("cannot write job: %v", err)
	}
	cmd := exec.CommandContext(t.Context(), "../../_output/bin/mover", "run", "-")
	cmd.Stdin, cmd.Stderr = bytes.NewReader(b), os.Stderr
	out, err := cmd.Output()
	var last *transfer.Result
	for line := range bytes.Lines(out) {
		if r := transfer.ParseLine(line).Result; r != nil {
			last = r
		}
	}
	if last == nil {
		t.Fatalf("the mover says no result: %v\n%s", err, out)
	}
	return *last
}
