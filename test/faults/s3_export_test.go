// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// export runs `mover run` on an export of a disk to the store.
func (s *store) export(ctx context.Context, t *testing.T, disk string) outcome {
	t.Helper()
	return s.run(ctx, t, transfer.Job{
		Operation: transfer.OperationExport,
		Source:    transfer.Source{File: &transfer.FileSource{Path: disk}},
		Artifact:  &transfer.Artifact{Format: s.format, S3: s.object()},
	})
}

// remove runs `mover run` on the removal of what exports have left.
func (s *store) remove(t *testing.T, made *transfer.ArtifactFacts) outcome {
	t.Helper()
	return s.run(t.Context(), t, transfer.Job{
		Operation: transfer.OperationRemove,
		Artifact:  &transfer.Artifact{Format: transfer.ArtifactRaw, S3: s.object()},
		Made:      made,
	})
}

func (s *store) run(ctx context.Context, t *testing.T, job transfer.Job) outcome {
	t.Helper()
	job.Version, job.ID = transfer.JobVersion, "faults"
	job.Policy = transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}}
	document, err := json.Marshal(job)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "job.json")
	if err := os.WriteFile(file, document, 0o600); err != nil {
		t.Fatal(err)
	}
	var out, log bytes.Buffer
	cmd := exec.CommandContext(ctx, mover, "run", "--json", file) // the end of ctx kills it
	cmd.Stdout, cmd.Stderr = &out, &log
	if err := cmd.Run(); err != nil && cmd.ProcessState == nil {
		t.Fatalf("cannot run mover: %v", err)
	}
	o := outcome{exit: cmd.ProcessState.ExitCode(), output: out.String() + log.String()}
	for line := range bytes.Lines(out.Bytes()) {
		if r := transfer.ParseLine(line).Result; r != nil {
			o.result = *r
		}
	}
	return o
}

// exported checks that the artifact is whole.
func (s *store) exported(t *testing.T, o outcome, want []byte) {
	t.Helper()
	if o.exit != transfer.ExitDone || !o.result.Succeeded() {
		t.Fatalf("exit %d, reason %q, want success: %s", o.exit, o.result.Reason, o.result.Message)
	}
	s.holds(t, want)
	if a := o.result.Artifact; a.Digest != checksum(want) || a.Size != int64(len(want)) || a.URI != "s3://"+versity.Bucket+"/"+key {
		t.Errorf("the result says of the artifact %+v", a)
	}
}

// aDisk writes a disk of a few parts that cannot be packed.
func aDisk(t *testing.T) (path string, content []byte) {
	t.Helper()
	content = endpointtest.Content(53, 60*mib+4096)
	path = filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path, content
}

// TestExportToS3IsCut cuts the connection in each phase, before the store has
// heard of the request and after it has done what was asked.
func TestExportToS3IsCut(t *testing.T) {
	path, content := aDisk(t)
	phases := map[string]func(*http.Request) bool{
		"Look":      func(r *http.Request) bool { return r.Method == http.MethodHead },
		"List":      func(r *http.Request) bool { return versity.IsGet(r) && r.URL.Query().Has("uploads") },
		"ListParts": func(r *http.Request) bool { return versity.IsGet(r) && r.URL.Query().Has("uploadId") },
		"Begin":     func(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploads") },
		"Part":      versity.IsPart,
		"Complete":  versity.IsComplete,
	}
	for name, phase := range phases {
		for when, cut := range map[string]func(s *store) http.HandlerFunc{
			"Before": func(*store) http.HandlerFunc { return versity.Cut(0) },
			"After":  func(s *store) http.HandlerFunc { return s.proxy.Swallow },
		} {
			t.Run(name+when, func(t *testing.T) {
				s := newStore(t)
				if name == "ListParts" {
					s.kill(t, path, point{request: 8})
				}
				var cuts atomic.Int64
				fault := cut(s)
				s.proxy.Set(versity.Times(2, phase, func(w http.ResponseWriter, r *http.Request) {
					cuts.Add(1)
					fault(w, r)
				}))
				s.exported(t, s.export(t.Context(), t, path), content)
				if n := cuts.Load(); n == 0 {
					t.Error("nothing was cut")
				}
				if n := s.uploads(t); n != 0 {
					t.Errorf("%d uploads are left", n)
				}
			})
		}
	}
}

func TestExportToS3Fails(t *testing.T) {
	path, _ := aDisk(t)
	cases := map[string]struct {
		reason string
		fault  func(s *store) versity.Fault
		want   transfer.Reason
		after  []byte
	}{
		"Denied": {"the key may not write", func(*store) versity.Fault {
			return versity.Times(versity.Always, versity.IsPart, versity.Answer(403, "AccessDenied", "Access Denied"))
		}, transfer.ReasonUnauthorized, nil},
		"Full": {"the store is full", func(*store) versity.Fault {
			return versity.Times(versity.Always, versity.IsPart, versity.Answer(507, "InsufficientStorage", "enough"))
		}, transfer.ReasonOutOfSpace, nil},
		"Other": {"another writer puts an object there", func(s *store) versity.Fault {
			put := func() { s.write(t, []byte("other")) }
			return versity.Times(1, versity.IsPart, func(w http.ResponseWriter, r *http.Request) {
				put()
				versity.Answer(503, "SlowDown", "later")(w, r)
			})
		}, transfer.ReasonTargetChanged, []byte("other")},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.proxy.Set(tc.fault(s))
			o := s.export(t.Context(), t, path)
			if o.result.Reason != tc.want || o.exit != tc.want.ExitCode() {
				t.Errorf("%s: exit %d, reason %q (%s), want %s", tc.reason, o.exit, o.result.Reason, o.result.Message, tc.want)
			}
			s.holds(t, tc.after)
			if strings.Contains(o.output, versity.SecretAccessKey) || strings.Contains(o.output, "Signature") {
				t.Errorf("%s: the output holds a secret: %s", tc.reason, o.output)
			}
			if n := len(s.proxy.Requests()); n > 20 {
				t.Errorf("%s: %d requests", tc.reason, n)
			}
			if n := s.uploads(t); n != 0 {
				t.Errorf("%s: %d uploads are left", tc.reason, n)
			}
		})
	}
}

// TestExportToS3WithAWrongKey counts what is asked of a store that does not know
// the key.
func TestExportToS3WithAWrongKey(t *testing.T) {
	path, _ := aDisk(t)
	for name, file := range map[string]string{"Key": s3conn.FileAccessKeyID, "Secret": s3conn.FileSecretAccessKey, "Token": s3conn.FileSessionToken} {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			const wrong = "nobodys-secret"
			s.secret(t, file, wrong)
			o := s.export(t.Context(), t, path)
			if o.result.Reason != transfer.ReasonUnauthorized || o.exit != transfer.ReasonUnauthorized.ExitCode() {
				t.Errorf("exit %d, reason %q: %s", o.exit, o.result.Reason, o.result.Message)
			}
			if strings.Contains(o.output, wrong) || !strings.Contains(o.result.Message, "look at "+file) {
				t.Errorf("the output is to name the file and not what is in it: %s", o.output)
			}
			if n := len(s.proxy.Requests()); n > 2 {
				t.Errorf("%d requests, want no other try", n)
			}
		})
	}
}

// TestRemoveFromS3 removes what a killed export has left, and then what one has
// made.
func TestRemoveFromS3(t *testing.T) {
	path, content := aDisk(t)
	s := newStore(t)
	s.kill(t, path, point{request: 8})
	if n := s.uploads(t); n != 1 {
		t.Fatalf("%d uploads are left of an export that was killed", n)
	}
	if o := s.remove(t, nil); !o.result.Succeeded() || s.uploads(t) != 0 {
		t.Errorf("%d uploads are left, reason %q: %s", s.uploads(t), o.result.Reason, o.result.Message)
	}
	o := s.export(t.Context(), t, path)
	s.exported(t, o, content)
	if o := s.remove(t, &o.result.Artifact); !o.result.Succeeded() {
		t.Errorf("reason %q: %s", o.result.Reason, o.result.Message)
	}
	s.holds(t, nil)
}

// TestRoundTripByCRC hands what the result of an export says of its artifact to
// an import, which finds by it whether the artifact is still the same.
func TestRoundTripByCRC(t *testing.T) {
	s := newStore(t)
	path, content := aDisk(t)
	job := transfer.Job{
		Operation: transfer.OperationExport,
		Source:    transfer.Source{File: &transfer.FileSource{Path: path}},
		Artifact:  &transfer.Artifact{Format: transfer.ArtifactQCOW2, S3: s.object()},
	}
	made := s.run(t.Context(), t, job).result.Artifact
	if !strings.HasPrefix(made.Digest, transfer.ChecksumCRC64NVME+":") {
		t.Fatalf("the artifact's digest is %q", made.Digest)
	}
	from := s.from()
	from.Verification.Checksum = made.Digest
	o := run(t.Context(), t, from)
	o.succeeded(t, content)
	if o.result.Checksum != made.Digest {
		t.Errorf("the checksum that was found to hold is %q", o.result.Checksum)
	}
	image, _ := s.Object(t, key)
	image[len(image)/2] ^= 1
	s.write(t, image)
	o = run(t.Context(), t, from)
	o.failed(t, transfer.ReasonChecksumMismatch)

	job.Artifact.ReadBack = true
	if made := s.run(t.Context(), t, job).result.Artifact; !strings.HasPrefix(made.Digest, "sha256:") {
		t.Errorf("the digest of an artifact that was read back is %q", made.Digest)
	}
}
