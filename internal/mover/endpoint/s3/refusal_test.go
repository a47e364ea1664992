// SPDX-License-Identifier: Apache-2.0

package s3_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// ends are what begins at the two ends of a transfer.
func ends() map[string]func(t *testing.T, p store.Place) error {
	return map[string]func(t *testing.T, p store.Place) error{
		"Source": func(t *testing.T, p store.Place) error {
			_, err := s3.Open(t.Context(), p, "")
			return err
		},
		"Target": func(t *testing.T, p store.Place) error {
			_, err := s3.Create(t.Context(), p, upTo(bound))
			return err
		},
	}
}

// TestWrongKeys has a real store refuse credentials that are not its own.
func TestWrongKeys(t *testing.T) {
	w := newWorld(t)
	w.put(t, []byte("content"))
	cases := map[string]struct {
		reason string
		file   string
		says   string
	}{
		"Key":    {"the key is nobody's", s3conn.FileAccessKeyID, "does not know the access key: look at accessKeyId"},
		"Secret": {"the secret is another key's", s3conn.FileSecretAccessKey, "does not belong to the access key: look at secretAccessKey"},
		"Token":  {"the token is none", s3conn.FileSessionToken, "session token is not one that belongs to the access key"},
	}
	for name, tc := range cases {
		for end, begin := range ends() {
			t.Run(name+end, func(t *testing.T) {
				folder := versity.Credentials(t)
				const wrong = "session-token-secret-1"
				if err := os.WriteFile(filepath.Join(folder, tc.file), []byte(wrong), 0o600); err != nil {
					t.Fatal(err)
				}
				p := w.through
				p.Conn = connect(t, w.proxy.URL, folder)
				w.proxy.Set(nil)
				err := begin(t, p)
				noSecret(t, err)
				if transfer.ReasonOf(err) != transfer.ReasonUnauthorized || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("%s: got %v (%s), want %q", tc.reason, err, transfer.ReasonOf(err), tc.says)
				}
				if n := len(w.proxy.Requests()); n > 2 {
					t.Errorf("%s: %d requests, want no other try", tc.reason, n)
				}
			})
		}
	}
}

// TestWrongRegion has a real store refuse requests that were signed for another
// region.
func TestWrongRegion(t *testing.T) {
	w := newWorld(t)
	conn, err := s3conn.New(t.Context(), s3conn.Options{Endpoint: w.URL, Region: "eu-west-9", Load: s3conn.Folder(w.folder)})
	if err != nil {
		t.Fatal(err)
	}
	p := w.direct
	p.Conn = conn
	for end, want := range map[string]transfer.Reason{"Source": transfer.ReasonSourceRefused, "Target": transfer.ReasonTargetRefused} {
		err := ends()[end](t, p)
		if transfer.ReasonOf(err) != want || !strings.Contains(err.Error(), `expecting "us-east-1"`) {
			t.Errorf("%s: got %v (%s), want reason %s and the region", end, err, transfer.ReasonOf(err), want)
		}
	}
}

// TestRefusals is what stores say when they want nothing of this, at both ends.
func TestRefusals(t *testing.T) {
	w := newWorld(t)
	at := func(d time.Duration) string { return time.Now().Add(d).UTC().Format(http.TimeFormat) }
	cases := map[string]struct {
		reason string
		answer http.HandlerFunc
		source transfer.Reason
		target transfer.Reason
		says   string
	}{
		"UnknownKey":  {"AWS does not know the key", versity.Answer(403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."), transfer.ReasonUnauthorized, transfer.ReasonUnauthorized, "does not know the access key"},
		"UnknownUser": {"nor does versitygw, which says that nothing is there", versity.Answer(404, "XAdminUserNotFound", "No user exists with the provided access key ID."), transfer.ReasonUnauthorized, transfer.ReasonUnauthorized, "does not know the access key"},
		"Signature":   {"the secret is another key's", versity.Answer(403, "SignatureDoesNotMatch", "Check your key and signing method."), transfer.ReasonUnauthorized, transfer.ReasonUnauthorized, "secret key does not belong"},
		"Token":       {"the token is another key's", versity.Answer(400, "InvalidToken", "The provided token is malformed or otherwise invalid."), transfer.ReasonUnauthorized, transfer.ReasonUnauthorized, "session token is not one"},
		"Expired":     {"the token was good once", versity.Answer(400, "ExpiredToken", "The provided token has expired."), transfer.ReasonSourceUnavailable, transfer.ReasonTargetUnavailable, "has not been renewed yet"},
		"Behind":      {"the clock is slow, which somebody sets", versity.Answer(403, "RequestTimeTooSkewed", "The difference is too large.", "Date", at(time.Hour)), transfer.ReasonSourceUnavailable, transfer.ReasonTargetUnavailable, "behind the store's"},
		"Ahead":       {"the clock is fast", versity.Answer(403, "RequestTimeTooSkewed", "The difference is too large.", "Date", at(-time.Hour)), transfer.ReasonSourceUnavailable, transfer.ReasonTargetUnavailable, "ahead of the store's"},
		"Clock":       {"nobody can tell by how much", versity.Answer(403, "RequestTimeTooSkewed", "The difference is too large.", "Date", "noon"), transfer.ReasonSourceUnavailable, transfer.ReasonTargetUnavailable, "the clock of this machine or the store's is wrong"},
		"Denied":      {"the key may not do it", versity.Answer(403, "AccessDenied", "Access Denied"), transfer.ReasonUnauthorized, transfer.ReasonUnauthorized, "403 AccessDenied"},
		"NoBucket":    {"the bucket is not there", versity.Answer(404, "NoSuchBucket", "gone"), transfer.ReasonSourceNotFound, transfer.ReasonTargetRefused, "no bucket bucket"},
		"Moved":       {"the bucket is elsewhere, and where is said", versity.Answer(301, "PermanentRedirect", "elsewhere", "X-Amz-Bucket-Region", "eu-west-1"), transfer.ReasonSourceRefused, transfer.ReasonTargetRefused, `region "eu-west-1"`},
	}
	for name, tc := range cases {
		for end, begin := range ends() {
			t.Run(name+end, func(t *testing.T) {
				want := tc.source
				if end == "Target" {
					want = tc.target
				}
				w.proxy.Set(versity.Times(versity.Always, versity.Any, tc.answer))
				err := begin(t, w.through)
				noSecret(t, err)
				if transfer.ReasonOf(err) != want || !strings.Contains(err.Error(), tc.says) {
					t.Errorf("%s: got %v (%s), want reason %s and %q", tc.reason, err, transfer.ReasonOf(err), want, tc.says)
				}
			})
		}
	}
}
