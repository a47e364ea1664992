// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/versity"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const key = "disks/one"

// a store is a real S3 server behind a proxy that misbehaves.
type store struct {
	*versity.Server

	proxy  *versity.Proxy
	folder string // of the credentials
}

func newStore(t *testing.T) *store {
	t.Helper()
	program, err := versity.Program(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &store{Server: versity.Start(t, program), folder: versity.Credentials(t)}
	s.proxy = versity.NewProxy(t, s.Server)
	return s
}

func (s *store) object() *transfer.S3Object {
	return &transfer.S3Object{Endpoint: s.proxy.URL, Bucket: versity.Bucket, Key: key, CredentialsDir: s.folder}
}

// write puts an object there as another client does.
func (s *store) write(t *testing.T, content []byte) {
	t.Helper()
	c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: s.URL, Load: s3conn.Folder(versity.Credentials(t))})
	if err != nil {
		t.Fatal(err)
	}
	bucket, key := versity.Bucket, key
	if _, err := c.PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
}

// holds checks what stands under the key; nil: nothing.
func (s *store) holds(t *testing.T, want []byte) {
	t.Helper()
	if got, _ := s.Object(t, key); !bytes.Equal(got, want) || (got == nil) != (want == nil) {
		t.Errorf("under the key there are %d bytes that are not the %d that are to be there", len(got), len(want))
	}
}

func (s *store) from() transfer.Job {
	return transfer.Job{
		Source: transfer.Source{S3: s.object()},
		Policy: transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}},
	}
}

func TestImportFromS3(t *testing.T) {
	s := newStore(t)
	image := qcow2(t, sample())
	s.write(t, image)
	cases := map[string]struct {
		reason string
		fault  versity.Fault
	}{
		"Well":  {"nothing is wrong", nil},
		"Cut":   {"answers break off in the middle", versity.Times(5, versity.IsGet, s.proxy.Halve)},
		"Away":  {"the store is away for a while", versity.Times(4, versity.Any, versity.Answer(503, "ServiceUnavailable", "later"))},
		"Later": {"the store says when", versity.Times(2, versity.IsGet, versity.Answer(503, "SlowDown", "later", "Retry-After", "1"))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s.proxy.Set(tc.fault)
			job := s.from()
			job.Verification.Checksum = checksum(image)
			o := run(t.Context(), t, job)
			o.succeeded(t, sample())
		})
	}
}

func TestImportFromS3Fails(t *testing.T) {
	s := newStore(t)
	s.write(t, qcow2(t, sample()))
	cases := map[string]struct {
		reason string
		fault  versity.Fault
		change func(*transfer.Job)
		want   transfer.Reason
	}{
		"Denied":   {"the key may not read", versity.Times(versity.Always, versity.Any, versity.Answer(403, "AccessDenied", "Access Denied")), nil, transfer.ReasonUnauthorized},
		"NoKey":    {"nothing is there", nil, func(j *transfer.Job) { j.Source.S3.Key = "nothing" }, transfer.ReasonSourceNotFound},
		"NoBucket": {"the bucket is not there", nil, func(j *transfer.Job) { j.Source.S3.Bucket = "nobody" }, transfer.ReasonSourceNotFound},
		"NoFolder": {"there are no credentials", nil, func(j *transfer.Job) { j.Source.S3.CredentialsDir = filepath.Join(s.folder, "none") }, transfer.ReasonUnauthorized},
		"Policy":   {"the network is denied", nil, func(j *transfer.Job) { j.Policy.AllowedNetworks = nil }, transfer.ReasonPolicyDenied},
		"Host":     {"the host is not allowed", nil, func(j *transfer.Job) { j.Policy.AllowedHosts = []string{"store.example.com"} }, transfer.ReasonPolicyDenied},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s.proxy.Set(tc.fault)
			job := s.from()
			if tc.change != nil {
				tc.change(&job)
			}
			o := run(t.Context(), t, job)
			o.failed(t, tc.want)
			for _, secret := range []string{versity.SecretAccessKey, "X-Amz-Signature"} {
				if strings.Contains(o.output, secret) {
					t.Errorf("%s: the output holds a secret: %s", tc.reason, o.output)
				}
			}
			if n := len(s.proxy.Requests()); n > 2 {
				t.Errorf("%s: %d requests, want no other try", tc.reason, n)
			}
		})
	}
}

// export runs `mover run` on an export of a disk to the store.
func (s *store) export(ctx context.Context, t *testing.T, disk string) outcome {
	t.Helper()
	document, err := json.Marshal(transfer.Job{
		Version: transfer.JobVersion, ID: "faults", Operation: transfer.OperationExport,
		Source:   transfer.Source{File: &transfer.FileSource{Path: disk}},
		Artifact: &transfer.Artifact{Format: transfer.ArtifactRaw, S3: s.object()},
		Policy:   transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}},
	})
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

// TestExportToS3IsKilled kills the mover before a random request or in the
// middle of one, 20 times: the next attempt makes the same artifact, and nothing
// is ever seen under the key before.
func TestExportToS3IsKilled(t *testing.T) {
	path, content := aDisk(t)
	random := rand.New(rand.NewPCG(3, 7))
	reused := int64(0)
	for range 20 {
		s := newStore(t)
		at := 1 + random.Int64N(9) // the ninth makes the object
		var n atomic.Int64
		dead := make(chan struct{})
		ctx, kill := context.WithCancel(t.Context())
		s.proxy.Set(func(http.ResponseWriter, *http.Request) bool {
			if n.Add(1) < at {
				return false
			}
			kill()
			<-dead
			panic(http.ErrAbortHandler)
		})
		o := s.export(ctx, t, path)
		kill()
		close(dead)
		if o.exit == transfer.ExitDone {
			t.Fatalf("the mover was not killed at request %d of %d", at, n.Load())
		}
		s.holds(t, nil)
		s.proxy = versity.NewProxy(t, s.Server) // The old one still has what was on its way.
		o = s.export(t.Context(), t, path)
		s.exported(t, o, content)
		reused += o.result.ReusedBytes
		if sent := s.proxy.Sent(); sent > int64(len(content))-o.result.ReusedBytes+1<<20 {
			t.Errorf("killed at request %d: %d bytes were sent and %d reused of %d", at, sent, o.result.ReusedBytes, len(content))
		}
	}
	if reused == 0 {
		t.Error("no attempt went on with what the one before had sent")
	}
	t.Logf("%d MiB of %d were not sent again", reused/mib, 20*len(content)/mib)
}

func TestExportToS3OnABadDay(t *testing.T) {
	path, content := aDisk(t)
	cases := map[string]struct {
		reason string
		fault  func(s *store) versity.Fault
	}{
		"Away": {"the store is away for ten seconds", func(*store) versity.Fault {
			var until atomic.Int64
			return func(w http.ResponseWriter, r *http.Request) bool {
				until.CompareAndSwap(0, time.Now().Add(10*time.Second).UnixNano())
				if !versity.IsPart(r) || time.Now().UnixNano() > until.Load() {
					return false
				}
				versity.Answer(503, "ServiceUnavailable", "later")(w, r)
				return true
			}
		}},
		"Cut":  {"connections end in the middle of parts", func(*store) versity.Fault { return versity.Times(5, versity.IsPart, versity.Cut(5*mib)) }},
		"Lost": {"the last answer is lost", func(s *store) versity.Fault { return versity.Times(1, versity.IsComplete, s.proxy.Swallow) }},
		"Expired": {"the session token expires, and the Secret is renewed two seconds later", func(s *store) versity.Fault {
			renew := func(token string) { _ = os.WriteFile(filepath.Join(s.folder, "sessionToken"), []byte(token), 0o600) }
			renew("one")
			var parts atomic.Int64
			return func(w http.ResponseWriter, r *http.Request) bool {
				if versity.IsPart(r) && parts.Add(1) == 3 {
					time.AfterFunc(2*time.Second, func() { renew("two") })
				}
				if parts.Load() < 3 || r.Header.Get("X-Amz-Security-Token") == "two" {
					versity.Resign(t, r)
					return false
				}
				versity.Answer(400, "ExpiredToken", "The provided token has expired")(w, r)
				return true
			}
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newStore(t)
			s.proxy.Set(tc.fault(s))
			s.exported(t, s.export(t.Context(), t, path), content)
		})
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
		})
	}
}
