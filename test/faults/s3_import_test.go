// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestImportTells imports from stores in four seconds, and looks at what it tells
// meanwhile.
func TestImportTells(t *testing.T) {
	disk := sample()
	cases := map[string]struct {
		reason string
		from   func(t *testing.T, s *store) transfer.Job
	}{
		"S3":        {"a bucket", func(_ *testing.T, s *store) transfer.Job { return s.from() }},
		"PrivateCA": {"one by https, of an authority that the job names", privately},
		"Token":     {"one with credentials for a session", withToken},
		"Registry":  {"an image", fromRegistry},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			s.write(t, disk)
			job := tc.from(t, s)
			inspected := run(t.Context(), t, job)
			inspected.succeeded(t, disk)
			size := inspected.result.Source.Size
			job.Limits.BytesPerSecond = size / 4
			o := run(t.Context(), t, job)
			o.succeeded(t, disk)
			told(t, o, size)
		})
	}
}

// told checks the progress of an import that took two intervals.
func told(t *testing.T, o outcome, size int64) {
	t.Helper()
	var all []transfer.Progress
	for line := range bytes.Lines([]byte(o.output)) {
		if p := transfer.ParseLine(line).Progress; p != nil {
			all = append(all, *p)
		}
	}
	if len(all) < 3 {
		t.Fatalf("%d lines of progress, want one at the begin, some meanwhile, and one at the end: %s", len(all), o.output)
	}
	for i, p := range all[1:] {
		if before := all[i]; p.TransferredBytes < before.TransferredBytes || p.Percent < before.Percent || p.TotalBytes != size {
			t.Errorf("%+v follows %+v, of %d bytes", p, before, size)
		}
	}
	middle, last := all[1], all[len(all)-1]
	if middle.TransferredBytes <= 0 || middle.TransferredBytes >= size || middle.Percent >= 100 || middle.BytesPerSecond <= 0 || middle.Connections <= 0 || middle.ETASeconds == nil {
		t.Errorf("meanwhile it tells %+v", middle)
	}
	if last.TransferredBytes != size || last.Percent != 100 {
		t.Errorf("at the end it tells %+v", last)
	}
}

// privately is an import by https. Without the authority there is none.
func privately(t *testing.T, s *store) transfer.Job {
	t.Helper()
	srv := httptest.NewUnstartedServer(s.proxy)
	srv.Config.ErrorLog = log.New(io.Discard, "", 0) // That nobody trusts it is what is wanted once.
	srv.StartTLS()
	t.Cleanup(srv.Close)
	job := s.from()
	job.Source.S3.Endpoint = srv.URL
	o := run(t.Context(), t, job)
	o.failed(t, transfer.ReasonCertificateUntrusted)
	job.Source.S3.CAFile = authority(t, srv)
	return job
}

// withToken is an import whose every request bears a session's token, which its
// signature covers.
func withToken(t *testing.T, s *store) transfer.Job {
	t.Helper()
	const token = "the-token-of-a-session"
	s.secret(t, s3conn.FileSessionToken, token)
	s.proxy.Set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Header.Get("X-Amz-Security-Token") != token || !signed(t, r, token) {
			versity.Answer(403, "InvalidToken", "The provided token is not the right one")(w, r)
			return true
		}
		versity.Resign(t, r) // The server itself knows no tokens.
		return false
	})
	return s.from()
}

// signed reports whether a request's signature is that of the server's
// credentials with a token.
func signed(t *testing.T, r *http.Request, token string) bool {
	t.Helper()
	at, err := time.Parse("20060102T150405Z", r.Header.Get("X-Amz-Date"))
	if err != nil {
		return false
	}
	_, names, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	names, _, _ = strings.Cut(names, ",")
	again := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: http.Header{}}
	for name := range strings.SplitSeq(names, ";") {
		if values := r.Header.Values(name); len(values) > 0 {
			again.Header[http.CanonicalHeaderKey(name)] = values
		}
	}
	keys := aws.Credentials{AccessKeyID: versity.AccessKeyID, SecretAccessKey: versity.SecretAccessKey, SessionToken: token}
	s3Paths := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }
	if err := v4.NewSigner(s3Paths).SignHTTP(t.Context(), keys, again, r.Header.Get("X-Amz-Content-Sha256"), "s3", "us-east-1", at); err != nil {
		t.Errorf("cannot sign: %v", err)
	}
	return strings.Contains(names, "x-amz-security-token") && again.Header.Get("Authorization") == r.Header.Get("Authorization")
}

// fromRegistry is an import of the image that an export makes.
func fromRegistry(t *testing.T, _ *store) transfer.Job {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, sample(), 0o600); err != nil {
		t.Fatal(err)
	}
	h := newHub(t, "")
	r, err := h.push(t.Context(), t, path)
	h.pushed(t, r, err, sample())
	return transfer.Job{
		Source: transfer.Source{Registry: &transfer.RegistryImage{Image: h.Host + "/" + repository + ":" + tag}},
		Policy: transfer.Policy{AllowedNetworks: []string{"127.0.0.1/32"}},
	}
}
