// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/rogue"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	disk := sample()
	image := qcow2(t, disk)
	page := []byte("<!DOCTYPE html><html><body>Please log in</body></html>")
	cases := map[string]struct {
		reason  string
		content []byte
		kind    string
		ways    []rogue.Way
		change  func(j *transfer.Job)
		want    transfer.Reason
	}{
		"Missing":      {reason: "404", content: disk, ways: []rogue.Way{rogue.Status(rogue.Always(), 404, "")}, want: transfer.ReasonSourceNotFound},
		"Gone":         {reason: "410", content: disk, ways: []rogue.Way{rogue.Status(rogue.Always(), 410, "")}, want: transfer.ReasonSourceNotFound},
		"Unauthorized": {reason: "401", content: disk, ways: []rogue.Way{rogue.Status(rogue.Always(), 401, "")}, want: transfer.ReasonUnauthorized},
		"Forbidden":    {reason: "403", content: disk, ways: []rogue.Way{rogue.Status(rogue.Always(), 403, "")}, want: transfer.ReasonUnauthorized},
		"Removed":      {reason: "404 half-way", content: disk, ways: []rogue.Way{rogue.Status(rogue.After(4), 404, "")}, want: transfer.ReasonSourceNotFound},
		"Loop":         {reason: "a redirect to itself", content: disk, ways: []rogue.Way{rogue.Redirect("/disk", func() string { return "/disk" })}, want: transfer.ReasonTooManyRedirects},
		"Encoded":      {reason: "gzip although nobody asked", content: disk, ways: []rogue.Way{rogue.Gzip(rogue.Always())}, want: transfer.ReasonSourceRefused},
		"Page":         {reason: "a web page with status 200", content: page, kind: "text/html", want: transfer.ReasonFormatRefused},
		"Down": {
			reason: "a server that stays down", content: disk, ways: []rogue.Way{rogue.Status(rogue.After(3), 503, "")},
			change: func(j *transfer.Job) { j.Limits.Retries = new(2) }, want: transfer.ReasonSourceUnavailable,
		},
		"Wrong": {
			reason: "parts that are not what was asked for, and say so", content: disk, ways: []rogue.Way{rogue.WrongRange(rogue.After(2), 512, false)},
			change: func(j *transfer.Job) { j.Limits.Retries = new(2) }, want: transfer.ReasonSourceUnavailable,
		},
		"Lies": {
			reason: "parts that are not what they say: only the checksum can tell", content: disk, ways: []rogue.Way{rogue.WrongRange(rogue.Between(3, 4), 512, true)},
			change: func(j *transfer.Job) { j.Verification.Checksum = checksum(disk) }, want: transfer.ReasonChecksumMismatch,
		},
		"CutOldStyle": {
			reason: "HTTP/1.0, cut without notice: only the checksum can tell", content: disk, ways: []rogue.Way{rogue.OldStyle(rogue.Always(), 7*mib)},
			change: func(j *transfer.Job) { j.Verification.Checksum = checksum(disk) }, want: transfer.ReasonChecksumMismatch,
		},
		"Truncated":         {reason: "an image that is not whole", content: image[:len(image)/2], want: transfer.ReasonSourceTruncated},
		"TruncatedStream":   {reason: "the same without ranges", content: image[:len(image)/2], ways: []rogue.Way{rogue.IgnoreRange(rogue.Always())}, want: transfer.ReasonSourceTruncated},
		"TruncatedPacked":   {reason: "the same, packed", content: gzipped(t, image)[:len(image)/3], want: transfer.ReasonSourceTruncated},
		"LoopbackForbidden": {reason: "an address that the policy denies", content: disk, change: func(j *transfer.Job) { j.Policy.AllowedNetworks = nil }, want: transfer.ReasonPolicyDenied},
		"OtherHost": {
			reason: "a redirect to an address that the policy denies", content: disk, ways: []rogue.Way{rogue.Redirect("/disk", func() string { return "http://127.0.0.2:9/disk" })},
			want: transfer.ReasonPolicyDenied,
		},
		"PlainHTTP": {reason: "https is wanted", content: disk, change: func(j *transfer.Job) { j.Policy.RefusePlainHTTP = true }, want: transfer.ReasonPolicyDenied},
		"Name":      {reason: "a host that is not on the list", content: disk, change: func(j *transfer.Job) { j.Policy.AllowedHosts = []string{"*.example.com"} }, want: transfer.ReasonPolicyDenied},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			srv := rogue.New(t, rogue.File{Content: tc.content, ETag: `"v1"`, Type: tc.kind}, tc.ways...)
			job := from(srv.URL + "/disk?signature=hidden-from-logs")
			if tc.change != nil {
				tc.change(&job)
			}
			o := run(t.Context(), t, job)
			o.failed(t, tc.want)
			if err := secretsIn(o.output, "hidden-from-logs"); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestChangesHalfWay(t *testing.T) {
	t.Parallel()
	disk := sample()
	image := qcow2(t, disk)
	ways := map[string][]rogue.Way{
		"Ranges":           nil,
		"IgnoresIfRange":   {rogue.IgnoreIfRange(rogue.Always())},
		"NoRanges":         {rogue.IgnoreRange(rogue.Always()), rogue.Drop(rogue.First(2), rogue.Constant(3*mib))},
		"NoRangesNoLength": {rogue.IgnoreRange(rogue.Always()), rogue.Chunked(rogue.Always()), rogue.Drop(rogue.First(2), rogue.Constant(3*mib))},
	}
	for name, bad := range ways {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tag := `"v1"`
			if name == "NoRangesNoLength" {
				tag = "" // the bytes themselves have to tell
			}
			var srv *rogue.Server
			var requests atomic.Int64
			change := func(next http.Handler) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if n := requests.Add(1); (n == 4 && tag != "" && bad == nil) || (n == 2 && bad != nil) {
						f := rogue.File{Content: endpointtest.Content(60, len(image))}
						if tag != "" {
							f.ETag = `"v2"`
						}
						srv.Change(f)
					}
					next.ServeHTTP(w, r)
				})
			}
			srv = rogue.New(t, rogue.File{Content: image, ETag: tag}, append([]rogue.Way{change}, bad...)...)
			o := run(t.Context(), t, from(srv.URL))
			o.failed(t, transfer.ReasonSourceChanged)
		})
	}
}

func TestCertificate(t *testing.T) {
	t.Parallel()
	disk := sample()
	srv := rogue.NewTLS(t, rogue.File{Content: disk, ETag: `"v1"`})
	job := from(srv.URL)
	o := run(t.Context(), t, job)
	o.failed(t, transfer.ReasonCertificateUntrusted)

	job.Source.HTTP.CAFile = authority(t, srv)
	o = run(t.Context(), t, job)
	o.succeeded(t, disk)
}

func TestSecretsStayAtHome(t *testing.T) {
	t.Parallel()
	disk := sample()
	folder := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("token", "token-of-the-test\n")
	write("headers", "X-Secret: header-of-the-test\n")
	other := serve(t, disk)
	wants := rogue.Wants("Authorization", func() string { return "Bearer token-of-the-test" })
	srv := serve(t, disk, wants, rogue.Redirect("/start", func() string { return other.URL + "/disk" }))

	job := from(srv.URL + "/start")
	job.Source.HTTP.CredentialsDir = folder
	o := run(t.Context(), t, job)
	o.succeeded(t, disk)
	for _, r := range other.Requests() {
		if r.Header.Get("Authorization") != "" || r.Header.Get("X-Secret") != "" {
			t.Error("a redirect to another host carries the credentials")
		}
	}
	for _, r := range srv.Requests() {
		if r.Header.Get("X-Secret") == "" {
			t.Error("a request to the source's own host carries no secret header")
		}
	}

	write("token", "wrong-token-of-the-test")
	bad := run(t.Context(), t, job)
	bad.failed(t, transfer.ReasonUnauthorized)
	write("headers", "header-of-the-test without a colon")
	malformed := run(t.Context(), t, job)
	malformed.failed(t, transfer.ReasonUnauthorized)
	if !strings.Contains(malformed.result.Message, "line 1") {
		t.Errorf("message %q does not name the line", malformed.result.Message)
	}
	for _, out := range []string{o.output, bad.output, malformed.output} {
		if err := secretsIn(out, "token-of-the-test", "header-of-the-test"); err != nil {
			t.Error(err)
		}
	}
}

// TestOneByteAPacket is what a link with a tiny window does to headers.
func TestOneByteAPacket(t *testing.T) {
	t.Parallel()
	disk := bytes.Repeat([]byte{1, 2, 3, 4}, 16<<10)
	srv := serve(t, disk, rogue.Packets(rogue.Always()))
	o := run(t.Context(), t, from(srv.URL))
	o.succeeded(t, disk)
}
