// SPDX-License-Identifier: Apache-2.0

package s3conn_test

import (
	"context"
	"encoding/pem"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/s3conn"
)

// alone keeps the machine's own AWS configuration out of a test.
func alone(t *testing.T) {
	t.Helper()
	for _, v := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} {
		t.Setenv(v, "")
	}
	t.Setenv("AWS_CONFIG_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(t.TempDir(), "none"))
	t.Setenv("AWS_EC2_METADATA_DISABLED", "true")
}

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	write(t, dir, files)
	return dir
}

func write(t *testing.T, dir string, files map[string]string) {
	t.Helper()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func TestFolder(t *testing.T) {
	cases := map[string]struct {
		reason string
		files  map[string]string
		want   []string // nil: an error
	}{
		"Ours":      {"an id and a secret", map[string]string{"accessKeyId": "id-1\n", "secretAccessKey": "hidden-1\n"}, []string{"id-1", "hidden-1", ""}},
		"CDI":       {"the secret by CDI's name", map[string]string{"accessKeyId": "id-1", "secretKey": "hidden-2"}, []string{"id-1", "hidden-2", ""}},
		"Temporary": {"and a session token", map[string]string{"accessKeyId": "id-1", "secretAccessKey": "hidden-1", "sessionToken": "hidden-3"}, []string{"id-1", "hidden-1", "hidden-3"}},
		"NoID":      {"no id", map[string]string{"secretAccessKey": "hidden-1"}, nil},
		"NoSecret":  {"no secret", map[string]string{"accessKeyId": "hidden-1", "secretKey": " \n"}, nil},
		"TooLarge":  {"more than a Secret holds", map[string]string{"accessKeyId": strings.Repeat("hidden", 1<<18), "secretKey": "hidden"}, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := s3conn.Folder(folder(t, tc.files))(t.Context())
			if (err != nil) != (tc.want == nil) || err != nil && strings.Contains(err.Error(), "hidden") {
				t.Fatalf("%s: error %v", tc.reason, err)
			}
			if tc.want == nil {
				return
			}
			if diff := cmp.Diff(tc.want, []string{c.AccessKeyID, c.SecretAccessKey, c.SessionToken}); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// store answers every request as one for an object, and keeps the requests.
func store(t *testing.T) (*httptest.Server, *[]*http.Request) {
	t.Helper()
	var seen []*http.Request
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen = append(seen, r)
		if r.URL.Path == "/bucket/moved" {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}
	}))
	t.Cleanup(srv.Close)
	return srv, &seen
}

func head(t *testing.T, c *s3conn.Conn, key string) error {
	t.Helper()
	bucket := "bucket"
	_, err := c.HeadObject(t.Context(), &s3.HeadObjectInput{Bucket: &bucket, Key: &key})
	return err
}

func TestRequests(t *testing.T) {
	alone(t)
	srv, seen := store(t)
	dir := folder(t, map[string]string{"accessKeyId": "id-1", "secretAccessKey": "hidden-1", "sessionToken": "token-1"})
	c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: srv.URL, Region: "eu-west-9", Load: s3conn.Folder(dir)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := head(t, c, "a b/ü.qcow2"); err != nil {
		t.Fatal(err)
	}
	r := (*seen)[0]
	if r.URL.EscapedPath() != "/bucket/a%20b/%C3%BC.qcow2" {
		t.Errorf("path %s is not in path style", r.URL.EscapedPath())
	}
	if a := r.Header.Get("Authorization"); !strings.Contains(a, "Credential=id-1/") || !strings.Contains(a, "/eu-west-9/s3/") || r.Header.Get("X-Amz-Security-Token") != "token-1" {
		t.Errorf("signed with %q and token %q", a, r.Header.Get("X-Amz-Security-Token"))
	}
	if c.AWS() || c.Anonymous() != nil || !c.Renewable() {
		t.Error("a store of its own, with credentials from a folder, is taken for something else")
	}
	if got := c.Scrub("hidden-1 and token-1 of id-1"); got != "REDACTED and REDACTED of REDACTED" {
		t.Errorf("Scrub: %q", got)
	}
}

func TestEachRequestIsMadeOnce(t *testing.T) {
	alone(t)
	t.Setenv("AWS_MAX_ATTEMPTS", "5")
	n := 0
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		n++
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := head(t, c, "key"); err == nil || n != 1 {
		t.Errorf("%d requests, %v, want one that fails", n, err)
	}
}

func TestRedirectsAreNotFollowed(t *testing.T) {
	alone(t)
	srv, seen := store(t)
	c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: srv.URL})
	if err != nil {
		t.Fatal(err)
	}
	if err := head(t, c, "moved"); err == nil || len(*seen) != 1 {
		t.Errorf("%d requests, %v, want one that fails", len(*seen), err)
	}
}

func TestRenew(t *testing.T) {
	alone(t)
	srv, seen := store(t)
	dir := folder(t, map[string]string{"accessKeyId": "id-1", "secretAccessKey": "hidden-1"})
	c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: srv.URL, Load: s3conn.Folder(dir)})
	if err != nil {
		t.Fatal(err)
	}
	used := c.Generation()
	if renewed, err := c.Renew(t.Context(), used); renewed || err != nil {
		t.Errorf("Renew of what has not changed: %t, %v", renewed, err)
	}
	write(t, dir, map[string]string{"accessKeyId": "id-2"})
	for range 2 { // the second one used the first credentials too
		if renewed, err := c.Renew(t.Context(), used); !renewed || err != nil {
			t.Errorf("Renew of what has changed: %t, %v", renewed, err)
		}
	}
	if err := head(t, c, "key"); err != nil {
		t.Fatal(err)
	}
	if a := (*seen)[0].Header.Get("Authorization"); !strings.Contains(a, "Credential=id-2/") {
		t.Errorf("signed with %q, want the new id", a)
	}
	if err := os.Remove(filepath.Join(dir, "accessKeyId")); err != nil {
		t.Fatal(err)
	}
	var credentials *s3conn.CredentialsError
	if _, err := c.Renew(t.Context(), c.Generation()); !errors.As(err, &credentials) {
		t.Errorf("Renew without a file: %v", err)
	}
}

func TestCredentialsOfTheEnvironment(t *testing.T) {
	cases := map[string]struct {
		reason string
		set    func(t *testing.T)
		want   string // in Authorization; "": anonymous
	}{
		"None":     {"nothing is found", func(*testing.T) {}, ""},
		"Variable": {"in variables", func(t *testing.T) { t.Setenv("AWS_ACCESS_KEY_ID", "id-3"); t.Setenv("AWS_SECRET_ACCESS_KEY", "hidden") }, "Credential=id-3/"},
		"Profile": {"in a file", func(t *testing.T) {
			dir := folder(t, map[string]string{"credentials": "[one]\naws_access_key_id = id-4\naws_secret_access_key = hidden\n", "config": "[profile one]\nregion = eu-west-7\n"})
			t.Setenv("AWS_SHARED_CREDENTIALS_FILE", filepath.Join(dir, "credentials"))
			t.Setenv("AWS_CONFIG_FILE", filepath.Join(dir, "config"))
			t.Setenv("AWS_PROFILE", "one")
		}, "/eu-west-7/s3/"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			alone(t)
			tc.set(t)
			srv, seen := store(t)
			c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: srv.URL})
			if err != nil {
				t.Fatal(err)
			}
			if err := head(t, c, "key"); err != nil {
				t.Fatal(err)
			}
			a := (*seen)[0].Header.Get("Authorization")
			if (a == "") != (tc.want == "") || !strings.Contains(a, tc.want) || (c.Anonymous() != nil) != (tc.want == "") || c.Renewable() {
				t.Errorf("%s: signed with %q, want %q", tc.reason, a, tc.want)
			}
		})
	}
}

func TestStoreOfTheEnvironment(t *testing.T) {
	alone(t)
	c, err := s3conn.New(t.Context(), s3conn.Options{})
	if err != nil || !c.AWS() || c.Options().Region != s3conn.DefaultRegion {
		t.Fatalf("without an endpoint: %v, region %s", err, c.Options().Region)
	}
	t.Setenv("AWS_ENDPOINT_URL_S3", "http://store.example.com")
	if c, err = s3conn.New(t.Context(), s3conn.Options{}); err != nil || c.AWS() || !c.Options().UsePathStyle {
		t.Errorf("with an endpoint in the environment: %v", err)
	}
}

func TestOwnTransport(t *testing.T) {
	alone(t)
	srv := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	defer srv.Close()
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: srv.Certificate().Raw})
	errNo := errors.New("no")
	cases := map[string]struct {
		reason  string
		ca      []byte
		control func(context.Context, string, string, syscall.RawConn) error
		want    error
		ok      bool
	}{
		"Trusted":   {"the authority is in the bundle", ca, nil, nil, true},
		"Untrusted": {"it is not", nil, nil, nil, false},
		"Denied":    {"the address may not be connected to", ca, func(context.Context, string, string, syscall.RawConn) error { return errNo }, errNo, false},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: srv.URL, CABundle: tc.ca, Control: tc.control})
			if err != nil {
				t.Fatal(err)
			}
			err = head(t, c, "key")
			if (err == nil) != tc.ok || tc.want != nil && !errors.Is(err, tc.want) {
				t.Errorf("%s: %v", tc.reason, err)
			}
		})
	}
	if _, err := s3conn.New(t.Context(), s3conn.Options{CABundle: []byte("nonsense")}); err == nil {
		t.Error("a bundle without a certificate is taken")
	}
}
