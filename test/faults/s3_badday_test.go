// SPDX-License-Identifier: Apache-2.0

package faults

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// secret replaces a file of the credentials, as the kubelet does that of a
// Secret.
func (s *store) secret(t *testing.T, file, value string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(s.folder, file), []byte(value), 0o600); err != nil {
		t.Error(err)
	}
}

// counted sets a fault, and counts how often it happens.
func (s *store) counted(fault versity.Fault) *atomic.Int64 {
	n := &atomic.Int64{}
	s.proxy.Set(func(w http.ResponseWriter, r *http.Request) bool {
		return misbehaved(n, func() bool { return fault(w, r) })
	})
	return n
}

// away is a store that is away for ten seconds from the first request on.
func away() versity.Fault {
	var until atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		until.CompareAndSwap(0, time.Now().Add(10*time.Second).UnixNano())
		if time.Now().UnixNano() > until.Load() {
			return false
		}
		versity.Answer(503, "ServiceUnavailable", "later")(w, r)
		return true
	}
}

// expires is a session whose token expires with the third part, and is renewed
// in the Secret two seconds later.
func (s *store) expires(t *testing.T) versity.Fault {
	t.Helper()
	s.secret(t, s3conn.FileSessionToken, "one")
	var parts atomic.Int64
	return func(w http.ResponseWriter, r *http.Request) bool {
		if versity.IsPart(r) && parts.Add(1) == 3 {
			time.AfterFunc(2*time.Second, func() { s.secret(t, s3conn.FileSessionToken, "two") })
		}
		token := r.Header.Get("X-Amz-Security-Token")
		if token == "one" && parts.Load() < 3 || token == "two" {
			versity.Resign(t, r)
			return false
		}
		versity.Answer(400, "ExpiredToken", "The provided token has expired")(w, r)
		return true
	}
}

func TestExportToS3OnABadDay(t *testing.T) {
	path, content := aDisk(t)
	cases := map[string]struct {
		reason string
		times  int64 // that it happens, at least
		fault  func(t *testing.T, s *store) versity.Fault
	}{
		"Away": {"the store is away for ten seconds", 2, func(*testing.T, *store) versity.Fault { return away() }},
		"Cut": {"connections end in the middle of parts", 5, func(*testing.T, *store) versity.Fault {
			return versity.Times(5, versity.IsPart, versity.Cut(5*mib))
		}},
		"Lost": {"the last answer is lost", 1, func(_ *testing.T, s *store) versity.Fault {
			return versity.Times(1, versity.IsComplete, s.proxy.Swallow)
		}},
		"Expired": {"the session token expires, and the Secret is renewed two seconds later", 1, func(t *testing.T, s *store) versity.Fault {
			t.Helper()
			return s.expires(t)
		}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStore(t)
			n := s.counted(tc.fault(t, s))
			s.exported(t, s.export(t.Context(), t, path), content)
			if n.Load() < tc.times {
				t.Errorf("%s: that was so %d times, want %d", tc.reason, n.Load(), tc.times)
			}
		})
	}
}

// TestExportToS3OnTheWorstDay has it all happen to one export: the store is away
// for ten seconds, and then refuses the key, which ends the attempt at once. With
// the right key, whose session ends on the way, the next one makes the artifact.
func TestExportToS3OnTheWorstDay(t *testing.T) {
	t.Parallel()
	path, content := aDisk(t)
	s := newStore(t)
	s.secret(t, s3conn.FileSecretAccessKey, "nobodys-secret")
	later := s.counted(away())
	o := s.export(t.Context(), t, path)
	if o.result.Reason != transfer.ReasonUnauthorized || o.exit != transfer.ReasonUnauthorized.ExitCode() {
		t.Errorf("exit %d, reason %q: %s", o.exit, o.result.Reason, o.result.Message)
	}
	if n, all := later.Load(), int64(len(s.proxy.Requests())); n < 2 || n > 20 || all > n+2 {
		t.Errorf("%d requests in the ten seconds and %d after them, want few, and none more after the refusal", n, all-n)
	}
	s.holds(t, nil)
	if n := s.uploads(t); n != 0 {
		t.Errorf("%d uploads are left", n)
	}

	s.secret(t, s3conn.FileSecretAccessKey, versity.SecretAccessKey)
	expired := s.counted(s.expires(t))
	again := s.export(t.Context(), t, path)
	s.exported(t, again, content)
	if n := expired.Load(); n < 1 || n > 20 {
		t.Errorf("%d requests with a token that had expired, want few", n)
	}
	if n := s.uploads(t); n != 0 {
		t.Errorf("%d uploads are left", n)
	}
	for _, secret := range []string{"nobodys-secret", versity.SecretAccessKey, "Signature="} {
		if strings.Contains(o.output+again.output, secret) {
			t.Errorf("the output holds a secret: %s%s", o.output, again.output)
		}
	}
}
