// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestExportBeside says what stands on a claim beside the disk, or in its place.
func TestExportBeside(t *testing.T) {
	long := strings.Repeat("x", 200)
	cases := map[string]struct {
		reason string
		disk   string   // the name that is asked for
		files  []string // what the folder has
		want   transfer.Reason
		says   []string // parts of the note; none: there is no note
	}{
		"Alone":    {"a claim with its disk alone", "disk.img", []string{"disk.img", "lost+found/", ".hidden"}, "", nil},
		"Others":   {"what is no part of the disk", "disk.img", []string{"disk.img", "b.iso", "a.qcow2", "lost+found/", ".hidden"}, "", []string{`there is also "a.qcow2" and "b.iso"`, "not exported"}},
		"Folder":   {"a folder is told as one", "disk.img", []string{"disk.img", "old/"}, "", []string{`"old/"`}},
		"Many":     {"not all of many", "disk.img", []string{"disk.img", "1", "2", "3", "4", "5", "6", "7"}, "", []string{`"1", "2", "3", "4", "5" and 2 more`}},
		"Long":     {"nor all of a long name", "disk.img", []string{"disk.img", long}, "", []string{strings.Repeat("x", 64) + `…"`}},
		"Missing":  {"one of the others may be the disk", "disk.img", []string{"b.raw", "a.qcow2", "lost+found/"}, transfer.ReasonSourceNotFound, []string{`What is there is "a.qcow2" and "b.raw"`, "qemu-img convert"}},
		"Empty":    {"an empty claim has no disk", "disk.img", []string{"lost+found/"}, transfer.ReasonSourceNotFound, nil},
		"Personal": {"who names a file knows the others", "vm.raw", []string{"vm.raw", "a.qcow2"}, "", nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			for _, f := range tc.files {
				fill(t, filepath.Join(folder, f), strings.HasSuffix(f, "/"))
			}
			r := run(t, exportJob(filepath.Join(folder, tc.disk), filepath.Join(t.TempDir(), "to"), transfer.ArtifactRaw, ""))
			if r.Reason != tc.want || (r.Note == "") != (tc.says == nil) {
				t.Errorf("%s: got %q: %s; the note is %q", tc.reason, r.Reason, r.Message, r.Note)
			}
			for _, part := range tc.says {
				if !strings.Contains(r.Note, part) {
					t.Errorf("%s: the note is %q, want %s in it", tc.reason, r.Note, part)
				}
			}
		})
	}
}

func fill(t *testing.T, path string, folder bool) {
	t.Helper()
	var err error
	if folder {
		err = os.Mkdir(path, 0o700)
	} else {
		err = os.WriteFile(path, endpointtest.Content(1, 4096), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestExportNote has a note in the result of an export, which fits into a
// container's termination message however long it is.
func TestExportNote(t *testing.T) {
	folder := t.TempDir()
	from, to := filepath.Join(folder, "disk.img"), filepath.Join(folder, "to")
	if err := os.WriteFile(from, endpointtest.Content(1, 9*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, ".to.partial"), endpointtest.Content(2, 9*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		if err := os.WriteFile(filepath.Join(folder, strings.Repeat("\x01"+name, 100)), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	r := run(t, exportJob(from, to, transfer.ArtifactRaw, ""))
	if !r.Succeeded() || !strings.Contains(r.Note, "Beside disk.img") {
		t.Errorf("%s: %s; the note is %q", r.Reason, r.Message, r.Note)
	}
	if b, err := json.Marshal(r); err != nil || len(b) > transfer.MaxResultBytes {
		t.Errorf("the result has %d bytes, %v", len(b), err)
	}
	for _, name := range []string{"1", "2", "3", "4", "5"} {
		if err := os.Remove(filepath.Join(folder, strings.Repeat("\x01"+name, 100))); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Rename(to, filepath.Join(folder, ".to.partial")); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(from, endpointtest.Content(3, 9*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	if r := run(t, exportJob(from, to, transfer.ArtifactRaw, "")); strings.Count(r.Note, "An attempt before has sent other bytes") != 1 {
		t.Errorf("the note is %q", r.Note)
	}
}

// TestExportRemoveS3 leaves an object that another writer has put in the place of
// the artifact, and says so.
func TestExportRemoveS3(t *testing.T) {
	program, err := versity.Program(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s, keys := versity.Start(t, program), versity.Credentials(t)
	from := filepath.Join(t.TempDir(), "from")
	fill(t, from, false)
	j := exportJob(from, "", transfer.ArtifactRaw, "")
	j.Artifact.File, j.Artifact.S3 = nil, &transfer.S3Object{Endpoint: s.URL, Bucket: versity.Bucket, Key: "disk.raw", CredentialsDir: keys}
	made := run(t, j)
	if !made.Succeeded() {
		t.Fatalf("%s: %s", made.Reason, made.Message)
	}
	conn, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: s.URL, Load: s3conn.Folder(keys)})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	bucket, others := versity.Bucket, []byte("another's")
	if _, err := conn.PutObject(t.Context(), &api.PutObjectInput{Bucket: &bucket, Key: &j.Artifact.S3.Key, Body: bytes.NewReader(others)}); err != nil {
		t.Fatal(err)
	}
	j.Operation, j.Source, j.Made = transfer.OperationRemove, transfer.Source{}, &made.Artifact
	r := run(t, j)
	if got, there := s.Object(t, "disk.raw"); !there || !bytes.Equal(got, others) {
		t.Errorf("under the key there are %d bytes (%t)", len(got), there)
	}
	if !r.Succeeded() || !strings.Contains(r.Note, "Another writer has replaced") {
		t.Errorf("%s: %s; the note is %q", r.Reason, r.Message, r.Note)
	}
}
