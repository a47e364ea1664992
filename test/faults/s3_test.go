// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"context"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const key = "disks/one"

// s3Server is the path of a real S3 server.
var s3Server = sync.OnceValues(func() (string, error) { return versity.Program(context.Background()) })

// a store is a real S3 server behind a proxy that misbehaves.
type store struct {
	*versity.Server

	proxy  *versity.Proxy
	folder string // of the credentials
	format transfer.ArtifactFormat
}

func newStore(t *testing.T) *store {
	t.Helper()
	return newStoreIn(t, t.TempDir())
}

// newStoreIn is a store whose objects are in a folder.
func newStoreIn(t *testing.T, folder string) *store {
	t.Helper()
	program, err := s3Server()
	if err != nil {
		t.Fatal(err)
	}
	s := &store{Server: versity.StartIn(t, program, folder), folder: versity.Credentials(t), format: transfer.ArtifactRaw}
	s.proxy = versity.NewProxy(t, s.Server)
	return s
}

func (s *store) object() *transfer.S3Object {
	return &transfer.S3Object{Endpoint: s.proxy.URL, Bucket: versity.Bucket, Key: key, CredentialsDir: s.folder}
}

// direct is a client that goes to the store itself.
func (s *store) direct(t *testing.T) *s3conn.Conn {
	t.Helper()
	c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: s.URL, Load: s3conn.Folder(versity.Credentials(t))})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// write puts an object there as another client does.
func (s *store) write(t *testing.T, content []byte) {
	t.Helper()
	bucket, key := versity.Bucket, key
	if _, err := s.direct(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &bucket, Key: &key, Body: bytes.NewReader(content)}); err != nil {
		t.Fatal(err)
	}
}

// uploads is how many uploads are open.
func (s *store) uploads(t *testing.T) int {
	t.Helper()
	bucket := versity.Bucket
	out, err := s.direct(t).ListMultipartUploads(t.Context(), &s3.ListMultipartUploadsInput{Bucket: &bucket})
	if err != nil {
		t.Fatal(err)
	}
	return len(out.Uploads)
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
