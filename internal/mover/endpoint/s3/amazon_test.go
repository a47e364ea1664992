// SPDX-License-Identifier: Apache-2.0

package s3_test

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

// amazon takes what is meant for AWS to a server in path style.
type amazon struct {
	t      *testing.T
	server *url.URL

	mu   sync.Mutex
	seen []*http.Request
}

// RoundTrip implements http.RoundTripper.
func (a *amazon) RoundTrip(r *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.seen = append(a.seen, r)
	a.mu.Unlock()
	bucket, _, _ := strings.Cut(r.URL.Host, ".")
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.Host = a.server.Scheme, a.server.Host, a.server.Host
	out.URL.Path, out.URL.RawPath = "/"+bucket+r.URL.Path, ""
	versity.Resign(a.t, out)
	return http.DefaultTransport.RoundTrip(out)
}

// TestAWS makes requests as to AWS: to the bucket's own host, and with
// checksums that the server keeps and compares.
func TestAWS(t *testing.T) {
	w := newWorld(t)
	server, err := url.Parse(w.URL)
	if err != nil {
		t.Fatal(err)
	}
	a := &amazon{t: t, server: server}
	conn, err := s3conn.New(t.Context(), s3conn.Options{Region: "eu-west-1", Load: s3conn.Folder(w.folder), Transport: a})
	if err != nil {
		t.Fatal(err)
	}
	p := store.Place{Conn: conn, Bucket: w.direct.Bucket, Key: w.direct.Key}
	for _, size := range []int{99, 3*partSize + 5} {
		content := endpointtest.Content(1, size)
		if size > partSize {
			begun(t, p, content, []int64{0, partSize})
		}
		u := create(t, p)
		reused, err := putAll(t.Context(), u, content, offsets(u, content))
		if err != nil || size > partSize && reused != 2*partSize {
			t.Fatalf("%d bytes reused, %v", reused, err)
		}
		if _, err := u.Commit(t.Context(), sumOf(content)); err != nil {
			t.Fatal(err)
		}
		w.holds(t, content)
	}
	for _, r := range a.seen {
		if r.URL.Host != "bucket.s3.eu-west-1.amazonaws.com" {
			t.Errorf("a request goes to %s", r.URL.Host)
		}
		if r.Method == http.MethodPut && r.Header.Get("X-Amz-Checksum-Crc64nvme") == "" {
			t.Errorf("a request without a checksum: %s", r.URL.RawQuery)
		}
		if versity.IsPart(r) && (r.Header.Get("Content-Md5") != "" || r.Header.Get("X-Amz-Content-Sha256") != unsignedBody) {
			t.Errorf("more is made of a part than its checksum: MD5 %q, SHA-256 %q", r.Header.Get("Content-Md5"), r.Header.Get("X-Amz-Content-Sha256"))
		}
	}
}
