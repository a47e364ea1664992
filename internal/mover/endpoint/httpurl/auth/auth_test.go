// SPDX-License-Identifier: Apache-2.0

package auth_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestLoad(t *testing.T) {
	cases := map[string]struct {
		reason string
		files  map[string]string
		want   http.Header
	}{
		"Basic":        {"name and password", map[string]string{"username": "jo", "password": "s3cret"}, http.Header{"Authorization": {"Basic am86czNjcmV0"}}},
		"NewlineAtEnd": {"one newline at the end is the editor's", map[string]string{"username": "jo\n", "password": "s3cret\r\n"}, http.Header{"Authorization": {"Basic am86czNjcmV0"}}},
		"OneNewline":   {"a second one is the password's own", map[string]string{"username": "jo", "password": "x\n\n"}, http.Header{"Authorization": {"Basic am86eAo="}}},
		"NoPassword":   {"a password may be empty", map[string]string{"username": "jo", "password": ""}, http.Header{"Authorization": {"Basic am86"}}},
		"Token":        {"a bearer token", map[string]string{"token": "abc\n"}, http.Header{"Authorization": {"Bearer abc"}}},
		"Headers": {
			"headers, one a line, with comments", map[string]string{"headers": "# for the mirror\nX-Key:  a b \r\n\nX-Key: c\nx-other: d:e\n"},
			http.Header{"X-Key": {"a b", "c"}, "X-Other": {"d:e"}},
		},
		"Together": {
			"headers beside a token, other keys of the Secret ignored", map[string]string{"token": "t", "headers": "X-Key: k", "tls.crt": "y"},
			http.Header{"Authorization": {"Bearer t"}, "X-Key": {"k"}},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := auth.Load(folder(t, tc.files))
			if err != nil {
				t.Fatalf("%s: Load: %v", tc.reason, err)
			}
			got := http.Header{}
			c.Apply(got)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestLoadNothing(t *testing.T) {
	c, err := auth.Load("")
	h := http.Header{}
	c.Apply(h)
	if err != nil || len(h) != 0 {
		t.Errorf("Load(\"\"): %v and %d headers, want none", err, len(h))
	}
}

func TestLoadRefuses(t *testing.T) {
	cases := map[string]struct {
		reason string
		files  map[string]string
		says   string
	}{
		"Empty":        {"a folder without a known key", map[string]string{"accessKeyId": "hidden"}, "there is none of"},
		"NoUser":       {"a password alone", map[string]string{"password": "hidden"}, "belong together"},
		"NoPassword":   {"a name alone", map[string]string{"username": "hidden"}, "belong together"},
		"Both":         {"two ways at once", map[string]string{"username": "hidden", "password": "hidden", "token": "hidden"}, "keep one"},
		"Colon":        {"a name that basic authentication cannot send", map[string]string{"username": "hid:den", "password": "hidden"}, "colon"},
		"TokenLines":   {"a token of two lines", map[string]string{"token": "hidden\nhidden"}, "more than one line"},
		"TokenEmpty":   {"a token without a character", map[string]string{"token": "\n"}, "empty"},
		"HeaderForm":   {"a line without a colon, named by its number", map[string]string{"headers": "X-A: b\n\nhidden\n"}, "line 3 is not"},
		"HeaderName":   {"a name that cannot be sent", map[string]string{"headers": "Bad Name: hidden"}, "line 1: the name"},
		"HeaderValue":  {"a value that cannot be sent", map[string]string{"headers": "X-A: hid\x00den"}, "line 1: the value of X-A"},
		"HeaderOurs":   {"a header that pins the read", map[string]string{"headers": "X-A: b\nIf-Range: hidden"}, "line 2: If-Range is set by the mover"},
		"TooLarge":     {"more than a Secret can hold", map[string]string{"token": strings.Repeat("hidden", 200000)}, "larger than"},
		"LateNewlines": {"a header that a newline would split", map[string]string{"headers": "X-A: b\rX-B: hidden"}, "line 1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := auth.Load(folder(t, tc.files))
			if transfer.ReasonOf(err) != transfer.ReasonUnauthorized || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s: got %v, want reason %s, %q and no value", tc.reason, err, transfer.ReasonUnauthorized, tc.says)
			}
		})
	}
}

func TestLoadUnreadable(t *testing.T) {
	dir := t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "token"), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := auth.Load(dir); transfer.ReasonOf(err) != transfer.ReasonUnauthorized {
		t.Errorf("a key that is a folder: got %v, want reason %s", err, transfer.ReasonUnauthorized)
	}
}

func TestNothingPrintsASecret(t *testing.T) {
	type holder struct {
		C auth.Credentials
		P *auth.Credentials
	}
	c := auth.Basic("user-hidden", "pass-hidden").WithHeaders(transfer.Header{Name: "X-Hidden", Value: "value-hidden"})
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d"} {
		_, _ = fmt.Fprintf(&out, verb+"\n", c)
		_, _ = fmt.Fprintf(&out, verb+"\n", &c)
		_, _ = fmt.Fprintf(&out, verb+"\n", holder{c, &c})
	}
	b, err := json.Marshal(holder{c, &c})
	if err != nil {
		t.Fatal(err)
	}
	out.Write(b)
	slog.New(slog.NewTextHandler(&out, nil)).Info("message", "credentials", c, "in", holder{c, &c})
	slog.New(slog.NewJSONHandler(&out, nil)).Info("message", "credentials", c, "in", holder{c, &c})
	if s := out.String(); strings.Contains(strings.ToLower(s), "hidden") || strings.Count(s, "REDACTED") < 20 {
		t.Errorf("credentials are printed as:\n%s", s)
	}
}

func TestScrub(t *testing.T) {
	c := auth.Basic("jo", "password-1").WithHeaders(transfer.Header{Name: "X-Key", Value: "abc"}, transfer.Header{Name: "X-Key", Value: "key-value-2"})
	got := c.Scrub("password-1, am86cGFzc3dvcmQtMQ==, key-value-2, abc, jo")
	// What is too short to be told from ordinary text stays.
	if want := "REDACTED, REDACTED, REDACTED, abc, jo"; got != want {
		t.Errorf("Scrub: got %q, want %q", got, want)
	}
}

func TestEqual(t *testing.T) {
	a := auth.Bearer("a").WithHeaders(transfer.Header{Name: "X-Key", Value: "1"})
	if !a.Equal(auth.Bearer("a").WithHeaders(transfer.Header{Name: "x-key", Value: "1"})) {
		t.Error("credentials that send the same are not equal")
	}
	for _, b := range []auth.Credentials{{}, auth.Bearer("a"), auth.Bearer("b").WithHeaders(transfer.Header{Name: "X-Key", Value: "1"}), auth.Basic("a", "1")} {
		if a.Equal(b) {
			t.Error("credentials that send something else are equal")
		}
	}
}
