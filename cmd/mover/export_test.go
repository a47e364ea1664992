// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestExport makes artifacts as their names say, and brings them back.
func TestExport(t *testing.T) {
	folder := t.TempDir()
	from := filepath.Join(folder, "from.img")
	if err := os.WriteFile(from, noise(9*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		args   []string
		format transfer.ArtifactFormat
		begin  string
	}{
		"disk.raw":     {nil, transfer.ArtifactRaw, string(noise(4))},
		"disk.img.zst": {nil, transfer.ArtifactRaw, "\x28\xb5\x2f\xfd"},
		"disk.img.gz":  {nil, transfer.ArtifactRaw, "\x1f\x8b"},
		"disk.qcow2":   {nil, transfer.ArtifactQCOW2, "QFI\xfb"},
		"disk":         {[]string{"--compression", "zlib:6", "--verify", "full"}, transfer.ArtifactQCOW2, "QFI\xfb"},
		"other.raw":    {[]string{"--format", "qcow2", "--compression", "none", "--limit", "100M"}, transfer.ArtifactQCOW2, "QFI\xfb"},
		"third.raw":    {[]string{"--compression", "zstd:9"}, transfer.ArtifactRaw, "\x28\xb5\x2f\xfd"},
	}
	for name, tc := range cases {
		to := filepath.Join(folder, name)
		e := call(t, append([]string{"export", from, to}, tc.args...)...)
		r := e.result(t)
		if e.code != transfer.ExitDone || r.Artifact.Format != tc.format || r.Artifact.URI != to {
			t.Errorf("%s: got %d %s: %s; %+v", name, e.code, r.Reason, r.Message, r.Artifact)
			continue
		}
		first := e.lines[0].Progress
		if first == nil || first.TotalBytes != 0 && first.TotalBytes%(9*mib) != 0 {
			t.Errorf("%s: the first line is %+v", name, first)
		}
		if b, err := os.ReadFile(to); err != nil || !strings.HasPrefix(string(b), tc.begin) {
			t.Errorf("%s: begins otherwise (%v)", name, err)
		}
		back := filepath.Join(folder, "back")
		if e := call(t, "import", "--force", to, back); e.code != transfer.ExitDone {
			t.Errorf("%s: import: %s", name, e.result(t).Message)
		}
		if out, err := exec.CommandContext(t.Context(), "cmp", from, back).CombinedOutput(); err != nil {
			t.Errorf("%s: came back as another: %s", name, out)
		}
	}
}

// TestExportUsage tells what is wrong with the arguments.
func TestExportUsage(t *testing.T) {
	cases := map[string]struct {
		args []string
		code int
		want string
	}{
		"NoSource":      {[]string{"export"}, transfer.ExitUsage, "required"},
		"RemoteSource":  {[]string{"export", "http://example.com/a", "b"}, transfer.ExitUsage, "a source"},
		"Scheme":        {[]string{"export", "a", "ftp://example.com/b"}, transfer.ExitUsage, "ftp://"},
		"NoKey":         {[]string{"export", "a", "s3://bucket"}, transfer.ExitUsage, "s3://bucket/key"},
		"Compression":   {[]string{"export", "a", "b", "--compression", "lzma"}, transfer.ExitUsage, "lzma"},
		"Level":         {[]string{"export", "a", "b", "--compression", "zstd:x"}, transfer.ExitUsage, "level"},
		"LevelTooHigh":  {[]string{"export", "a", "b", "--compression", "zlib:10"}, 10, "level"},
		"WrongForRaw":   {[]string{"export", "a", "b.raw", "--compression", "zlib"}, 10, "Raw can be one of"},
		"OCIToAFile":    {[]string{"export", "a", "b", "--format", "oci"}, 10, "registry only"},
		"Header":        {[]string{"export", "a", "b", "--header", "A: b"}, transfer.ExitUsage, "--header"},
		"Force":         {[]string{"export", "a", "http://example.com/b", "--force"}, transfer.ExitUsage, "--force"},
		"SourceMissing": {[]string{"export", "/not/there", "b"}, 11, "no such file"},
	}
	for name, tc := range cases {
		e := call(t, tc.args...)
		if e.code != tc.code || !strings.Contains(e.stdout+e.stderr, tc.want) {
			t.Errorf("%s: got %d: %s%s; want %d with %q", name, e.code, e.stdout, e.stderr, tc.code, tc.want)
		}
	}
}
