// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestDigest tells what an export tells, and what fsverity-utils tell.
func TestDigest(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "disk.img")
	if err := os.WriteFile(path, noise(9*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, 40*mib+5); err != nil {
		t.Fatal(err)
	}
	theirs, err := exec.CommandContext(t.Context(), "fsverity", "digest", "--compact", path).Output()
	if err != nil {
		t.Fatalf("fsverity digest: %v", err)
	}
	want := mover.Summary{Size: 40*mib + 5, ContentDigest: "fsverity:sha256:" + strings.TrimSpace(string(theirs))}

	exported := call(t, "export", path, filepath.Join(folder, "disk.qcow2")).result(t)
	if got := exported.Artifact.ContentDigest; got != want.ContentDigest {
		t.Errorf("export: got %s, want %s", got, want.ContentDigest)
	}
	e := call(t, "digest", path)
	if got := strings.TrimSpace(e.stdout); e.code != transfer.ExitDone || got != want.ContentDigest+"  "+path {
		t.Errorf("got %d, %q", e.code, got)
	}
	var got mover.Summary
	e = call(t, "digest", "--json", path)
	if err := json.Unmarshal([]byte(e.stdout), &got); err != nil || got != want {
		t.Errorf("as JSON: got %q: %v", e.stdout, err)
	}
	e = call(t, "digest", filepath.Join(folder, "none"))
	if e.code != transfer.ReasonSourceNotFound.ExitCode() || !strings.Contains(e.stderr, "SourceNotFound") {
		t.Errorf("of nothing: got %d, %q", e.code, e.stderr)
	}
}

// TestSummaryNotes tells people what was unusual.
func TestSummaryNotes(t *testing.T) {
	r := transfer.Result{Note: "Beside disk.img there is more."}
	for _, uri := range []string{"", "s3://bucket/key"} {
		r.Artifact.URI = uri
		if got := summary(r); !strings.HasSuffix(got, "\n"+r.Note) {
			t.Errorf("got %q, want the note at its end", got)
		}
	}
}
