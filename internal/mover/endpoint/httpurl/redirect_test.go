// SPDX-License-Identifier: Apache-2.0

package httpurl_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/rogue"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func to(u string) func() string { return func() string { return u } }

// secrets are what must not go to another host.
func secrets(o httpurl.Options) httpurl.Options {
	o.Headers = []transfer.Header{{Name: "X-Tenant", Value: "blue"}, {Name: "Cookie", Value: "session=1"}}
	o.Credentials = func() (auth.Credentials, error) {
		return auth.Bearer("token-of-the-test").WithHeaders(transfer.Header{Name: "X-Secret", Value: "secret-of-the-test"}), nil
	}
	return o
}

func sent(r *http.Request) []string {
	var names []string
	for _, n := range []string{"Authorization", "Cookie", "X-Secret", "X-Tenant"} {
		if r.Header.Get(n) != "" {
			names = append(names, n)
		}
	}
	return names
}

func TestRedirectsAndSecrets(t *testing.T) {
	all := []string{"Authorization", "Cookie", "X-Secret", "X-Tenant"}
	other := rogue.New(t, file())
	cases := map[string]struct {
		reason string
		ways   func(self func() string) []rogue.Way
		own    []string // what the last request to the first host carries
		other  []string // what the last one to the other host carries
	}{
		"SameHost": {
			reason: "the same scheme, host and port",
			ways:   func(func() string) []rogue.Way { return []rogue.Way{rogue.Redirect("/start", to("/b/disk.img"))} },
			own:    all,
		},
		"OtherHost": {
			reason: "another port is another host",
			ways: func(func() string) []rogue.Way {
				return []rogue.Way{rogue.Redirect("/start", to(other.URL+"/disk.img"))}
			},
			own: all,
		},
		"UserInformation": {
			reason: "what a redirect says of a user is not sent either",
			ways: func(func() string) []rogue.Way {
				return []rogue.Way{rogue.Redirect("/start", to(strings.Replace(other.URL, "//", "//u:p@", 1)+"/disk.img"))}
			},
			own: all,
		},
		"ThereAndBack": {
			reason: "a chain that has left does not get them back",
			ways: func(self func() string) []rogue.Way {
				back := rogue.New(t, file(), rogue.Redirect("/back", func() string { return self() + "/end" }))
				return []rogue.Way{rogue.Redirect("/start", to(back.URL+"/back"))}
			},
			own: nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			var srv *rogue.Server
			srv = rogue.New(t, file(), tc.ways(func() string { return srv.URL })...)
			f := mustOpen(t, secrets(options(srv.URL+"/start?first=1")))
			got, err := read(t.Context(), f, 1<<20, 1000)
			if err != nil || !bytes.Equal(got, file().Content[1<<20:1<<20+1000]) {
				t.Fatalf("%s: read: %d bytes, %v", tc.reason, len(got), err)
			}
			own := srv.Requests()
			if diff := cmp.Diff(tc.own, sent(own[len(own)-1])); diff != "" {
				t.Errorf("%s: secrets at the first host: -want, +got:\n%s", tc.reason, diff)
			}
			for _, r := range other.Requests() {
				if diff := cmp.Diff(tc.other, sent(r)); diff != "" {
					t.Errorf("%s: secrets at the other host: -want, +got:\n%s", tc.reason, diff)
				}
			}
		})
	}
}

func TestRedirectsEnd(t *testing.T) {
	hops := func(n int) []rogue.Way {
		var ways []rogue.Way
		for i := range n {
			ways = append(ways, rogue.Redirect(fmt.Sprintf("/%d", i), to(fmt.Sprintf("/%d?secret=hidden", i+1))))
		}
		return ways
	}
	cases := map[string]struct {
		reason string
		ways   []rogue.Way
		want   transfer.Reason
		says   string
	}{
		"Ten":      {reason: "ten are followed", ways: hops(10)},
		"Eleven":   {reason: "eleven are not", ways: hops(11), want: transfer.ReasonTooManyRedirects, says: "more than 10 times"},
		"ToItself": {reason: "the shortest loop", ways: []rogue.Way{rogue.Redirect("/0", to("/0"))}, want: transfer.ReasonTooManyRedirects, says: "loop"},
		"Loop":     {reason: "a longer loop", ways: []rogue.Way{rogue.Redirect("/0", to("/1")), rogue.Redirect("/1", to("/0"))}, want: transfer.ReasonTooManyRedirects, says: "/1 back to"},
		"Scheme":   {reason: "a place that is no web address", ways: []rogue.Way{rogue.Redirect("/0", to("file:///etc/passwd"))}, want: transfer.ReasonSourceRefused, says: `scheme "file"`},
		"Nonsense": {reason: "a place that is no URL", ways: []rogue.Way{rogue.Redirect("/0", to("http://[hidden"))}, want: transfer.ReasonSourceRefused, says: "nothing that is a URL"},
		"Missing":  {reason: "the end is not there, and is named", ways: append(hops(1), rogue.Status(rogue.Always(), 404, "")), want: transfer.ReasonSourceNotFound, says: "/1: server answers 404"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := rogue.New(t, file(), tc.ways...)
			_, err := httpurl.New(t.Context(), options(srv.URL+"/0"))
			if transfer.ReasonOf(err) != tc.want || (err != nil && (!strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "hidden"))) {
				t.Errorf("%s: got %v (%s), want reason %q and %q", tc.reason, err, transfer.ReasonOf(err), tc.want, tc.says)
			}
		})
	}
}

func TestRedirectsAreCheckedByPolicy(t *testing.T) {
	secure := rogue.NewTLS(t, file(), rogue.Redirect("/start", to("http://127.0.0.1:1/plain")))
	o := options(secure.URL + "/start")
	o.Link.CAFile = caFile(t, secure)
	o.CheckURL = func(u *url.URL) error {
		if u.Scheme != "https" {
			return transfer.Terminal(transfer.ReasonPolicyDenied, errors.New("plain http"))
		}
		return nil
	}
	if _, err := httpurl.New(t.Context(), o); transfer.ReasonOf(err) != transfer.ReasonPolicyDenied || !strings.Contains(err.Error(), "redirected to http://127.0.0.1:1/plain") {
		t.Errorf("a redirect from https to http: got %v, want reason %s", err, transfer.ReasonPolicyDenied)
	}
}

func TestRedirectsAreResolvedOnce(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404, 410} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			f := file()
			srv := rogue.New(t, f, rogue.Signed("/disk.img", 3, status))
			h := mustOpen(t, options(srv.URL+"/disk.img"))
			for i := range int64(7) {
				off := i * 200 << 10
				got, err := read(t.Context(), h, off+1<<16, 1000)
				if err != nil || !bytes.Equal(got, f.Content[off+1<<16:][:1000]) {
					t.Fatalf("read %d: %d bytes, %v", i, len(got), err)
				}
			}
			asked := 0
			for _, r := range srv.Requests() {
				if r.URL.Path == "/disk.img" {
					asked++
				}
			}
			// The opening request and seven reads need three signatures.
			if asked != 3 {
				t.Errorf("the original URL was asked %d times, want 3", asked)
			}
		})
	}
}

func TestResolvedAgainToAnotherFile(t *testing.T) {
	f := file()
	srv := rogue.New(t, f, rogue.Signed("/disk.img", 1, http.StatusForbidden))
	h := mustOpen(t, options(srv.URL+"/disk.img"))
	f.ETag, f.Content = `"v2"`, bytes.Repeat([]byte("other"), size/5)
	srv.Change(f)
	if _, err := read(t.Context(), h, 1<<20, 1000); transfer.ReasonOf(err) != transfer.ReasonSourceChanged {
		t.Errorf("got %v, want reason %s", err, transfer.ReasonSourceChanged)
	}
}

func TestExpiredForGood(t *testing.T) {
	srv := rogue.New(t, file(), rogue.Signed("/disk.img", 0, http.StatusForbidden))
	_, err := httpurl.New(t.Context(), options(srv.URL+"/disk.img"))
	if transfer.ReasonOf(err) != transfer.ReasonUnauthorized || !strings.Contains(err.Error(), "AccessDenied: Request has expired") || strings.Contains(err.Error(), "number-") {
		t.Errorf("got %v, want reason %s and the server's words without the signature", err, transfer.ReasonUnauthorized)
	}
}

func TestRotatedCredentials(t *testing.T) {
	var server, mounted atomic.Int64
	token := func(n int64) string { return fmt.Sprintf("Bearer token-%d", n) }
	srv := rogue.New(t, file(), rogue.Wants("Authorization", func() string { return token(server.Load()) }))
	o := options(srv.URL)
	o.Credentials = func() (auth.Credentials, error) {
		return auth.Bearer(fmt.Sprintf("token-%d", mounted.Load())), nil
	}
	f := mustOpen(t, o)

	server.Store(1)
	mounted.Store(1)
	if _, err := read(t.Context(), f, 1<<20, 1000); err != nil {
		t.Errorf("credentials that were rotated together: %v", err)
	}
	server.Store(2)
	before := len(srv.Requests())
	if _, err := read(t.Context(), f, 1<<20, 1000); transfer.ReasonOf(err) != transfer.ReasonUnauthorized {
		t.Errorf("credentials that are wrong for good: got %v, want reason %s", err, transfer.ReasonUnauthorized)
	}
	if n := len(srv.Requests()) - before; n != 1 {
		t.Errorf("%d requests with credentials that had not changed, want 1", n)
	}
}

func TestSecretsAreNotRepeated(t *testing.T) {
	echo := func(http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Type", "text/plain")
			w.WriteHeader(http.StatusForbidden)
			_, _ = fmt.Fprintf(w, "%s %s %s refused", r.Header.Get("Authorization"), r.Header.Get("X-Secret"), r.URL)
		})
	}
	srv := rogue.New(t, file(), echo)
	_, err := httpurl.New(t.Context(), secrets(options(srv.URL+"/disk.img?X-Amz-Signature=signature-of-the-test")))
	if transfer.ReasonOf(err) != transfer.ReasonUnauthorized || !strings.Contains(err.Error(), "refused") || strings.Contains(err.Error(), "of-the-test") {
		t.Errorf("got %v, want reason %s and no secret", err, transfer.ReasonUnauthorized)
	}
}
