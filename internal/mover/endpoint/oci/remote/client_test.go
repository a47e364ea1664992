// SPDX-License-Identifier: Apache-2.0

package remote_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/login"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// serve serves and returns a client of the repository "vm".
func serve(t *testing.T, l login.Login, now func() time.Time, h func(s *httptest.Server, w http.ResponseWriter, r *http.Request)) (*remote.Client, error) {
	t.Helper()
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { h(s, w, r) }))
	t.Cleanup(s.Close)
	return remote.Dial(t.Context(), remote.Options{
		Registry: strings.TrimPrefix(s.URL, "http://"), Schemes: []string{"https", "http"}, Repository: "vm", Actions: "pull,push",
		Login:     func(context.Context) (login.Login, error) { return l, nil },
		Transport: http.DefaultTransport, Now: now,
	})
}

func put(t *testing.T, c *remote.Client, body string) (*remote.Reply, error) {
	t.Helper()
	return c.Call(t.Context(), remote.Request{Method: http.MethodPut, URL: c.URL("blobs/x"), Body: []byte(body)}, http.StatusCreated)
}

func challenge(w http.ResponseWriter, value string) {
	w.Header().Set("WWW-Authenticate", value)
	w.WriteHeader(http.StatusUnauthorized)
}

// TestBodyIsSentAgain authenticates when the registry first asks for it, in the
// middle of an upload.
func TestBodyIsSentAgain(t *testing.T) {
	var got []string
	c, err := serve(t, login.Login{Username: "u", Password: "p"}, nil, func(_ *httptest.Server, w http.ResponseWriter, r *http.Request) {
		user, _, _ := r.BasicAuth()
		b, _ := io.ReadAll(r.Body)
		got = append(got, r.Method+" "+user+" "+string(b))
		switch {
		case r.URL.Path == "/v2/":
		case user == "u":
			w.WriteHeader(http.StatusCreated)
		default:
			challenge(w, `Basic realm="x"`)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put(t, c, "body"); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"GET  ", "PUT  body", "PUT u body"}, got); diff != "" {
		t.Errorf("-want, +got:\n%s", diff)
	}
}

// TestTokens gets tokens, renews them before they expire, and with an identity
// token by OAuth2.
func TestTokens(t *testing.T) {
	for name, l := range map[string]login.Login{
		"Password": {Username: "u", Password: "p"},
		"Identity": {IdentityToken: "identity"},
		"Nobody":   {},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Unix(1e9, 0)
			issued, refused := 0, 0
			c, err := serve(t, l, func() time.Time { return now }, func(s *httptest.Server, w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/token":
					issued++
					user, password, _ := r.BasicAuth()
					if r.FormValue("scope") != "repository:vm:pull,push" || r.FormValue("service") != "svc" || r.FormValue("refresh_token") != l.IdentityToken || user != l.Username || password != l.Password {
						t.Errorf("request for a token: got %s %s by %q", r.Method, r.Form, user)
					}
					_, _ = fmt.Fprintf(w, `{"access_token":"t%d","expires_in":100}`, issued)
				case r.Header.Get("Authorization") == fmt.Sprintf("Bearer t%d", issued) && issued > 0:
					w.WriteHeader(http.StatusCreated)
				default:
					refused++
					challenge(w, `Bearer realm="`+s.URL+`/token",service="svc"`)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			for _, wait := range []time.Duration{0, 70 * time.Second, 20 * time.Second} {
				now = now.Add(wait)
				if _, err := put(t, c, "body"); err != nil {
					t.Fatal(err)
				}
			}
			if issued != 2 || refused != 1 {
				t.Errorf("got %d tokens and %d refusals, want 2 and the first", issued, refused)
			}
		})
	}
}

// TestSecretsStay sends nothing secret to another host, and to no token server
// that a registry behind TLS would not name.
func TestSecretsStay(t *testing.T) {
	var leaked atomic.Bool
	other := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		leaked.Store(leaked.Load() || r.Header.Get("Authorization") != "")
		w.WriteHeader(http.StatusCreated)
	}))
	t.Cleanup(other.Close)
	c, err := serve(t, login.Login{Username: "u", Password: "p"}, nil, func(_ *httptest.Server, w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			challenge(w, "Basic")
			return
		}
		http.Redirect(w, r, other.URL+"/stored", http.StatusTemporaryRedirect)
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := put(t, c, "body"); err != nil {
		t.Fatal(err)
	}
	elsewhere, err := url.Parse(other.URL)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Call(t.Context(), remote.Request{Method: http.MethodPatch, URL: elsewhere}, http.StatusCreated); err != nil {
		t.Fatal(err)
	}
	if leaked.Load() {
		t.Error("the credentials went to another host")
	}
}

// TestRefusals classifies what is understood here, and repeats no secret.
func TestRefusals(t *testing.T) {
	cases := map[string]struct {
		reason string
		answer func(s *httptest.Server, w http.ResponseWriter)
		want   transfer.Reason
		says   string
	}{
		"Basic": {"the password is wrong", func(_ *httptest.Server, w http.ResponseWriter) {
			challenge(w, "Basic")
			_, _ = io.WriteString(w, `{"errors":[{"code":"UNAUTHORIZED","message":"not password1\u001b[31m"}]}`)
		}, transfer.ReasonUnauthorized, "401 Unauthorized: UNAUTHORIZED: not REDACTED [31m"},
		"TokenRefused": {"so says the token server", func(s *httptest.Server, w http.ResponseWriter) {
			challenge(w, `Bearer realm="`+s.URL+`/token/403"`)
		}, transfer.ReasonUnauthorized, "cannot get a token: token server answers 403 Forbidden"},
		"TokenDown": {"it does not answer", func(s *httptest.Server, w http.ResponseWriter) {
			challenge(w, `Bearer realm="`+s.URL+`/token/503"`)
		}, transfer.ReasonUnknown, "token server answers 503"},
		"NoToken": {"it answers something else", func(s *httptest.Server, w http.ResponseWriter) {
			challenge(w, `Bearer realm="`+s.URL+`/token/200"`)
		}, transfer.ReasonUnauthorized, "holds no token"},
		"NoRealm": {"there is no token server", func(_ *httptest.Server, w http.ResponseWriter) {
			challenge(w, `Bearer service="x"`)
		}, transfer.ReasonUnauthorized, "names no server for tokens"},
		"Loop": {"it redirects for ever", func(_ *httptest.Server, w http.ResponseWriter) {
			w.Header().Set("Location", "/v2/vm/blobs/x")
			w.WriteHeader(http.StatusTemporaryRedirect)
		}, transfer.ReasonTooManyRedirects, "more than 10 times"},
		"Full": {"its disk is full: that stands in a detail", func(_ *httptest.Server, w http.ResponseWriter) {
			w.WriteHeader(http.StatusInternalServerError)
			_, _ = io.WriteString(w, `{"errors":[{"code":"UNKNOWN","message":"unknown error","detail":"write /data: no space left on device"}]}`)
		}, transfer.ReasonUnknown, "500 Internal Server Error: UNKNOWN: unknown error: write /data: no space left on device"},
		"Detail": {"other details are not for people", func(_ *httptest.Server, w http.ResponseWriter) {
			w.WriteHeader(http.StatusTeapot)
			_, _ = io.WriteString(w, `{"errors":[{"code":"DENIED","detail":"password1"}, {"code":"B","detail":{"name":"password1"}}]}`)
		}, transfer.ReasonUnknown, "418 I'm a teapot: DENIED; B"},
		"Other": {"another refusal is the caller's to understand", func(_ *httptest.Server, w http.ResponseWriter) {
			w.WriteHeader(http.StatusTeapot)
		}, transfer.ReasonUnknown, "registry answers 418 I'm a teapot"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := serve(t, login.Login{Username: "u", Password: "password1"}, nil, func(s *httptest.Server, w http.ResponseWriter, r *http.Request) {
				switch r.URL.Path {
				case "/v2/":
				case "/v2/vm/blobs/x":
					tc.answer(s, w)
				case "/token/200":
					_, _ = io.WriteString(w, `{"tocken":"password1"}`)
				case "/token/403":
					w.WriteHeader(http.StatusForbidden)
				case "/token/503":
					w.WriteHeader(http.StatusServiceUnavailable)
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			_, err = put(t, c, "body")
			if err == nil || transfer.ReasonOf(err) != tc.want || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "password1") {
				t.Errorf("%s: got %s %v, want %s %q", tc.reason, transfer.ReasonOf(err), err, tc.want, tc.says)
			}
		})
	}
}

// TestResolve goes where an answer says, by https when the registry was found by
// it.
func TestResolve(t *testing.T) {
	c, err := serve(t, login.Login{}, nil, func(*httptest.Server, http.ResponseWriter, *http.Request) {})
	if err != nil {
		t.Fatal(err)
	}
	base := c.URL("blobs/uploads/")
	for location, want := range map[string]string{
		"/v2/vm/blobs/uploads/1?_state=a": base.String() + "1?_state=a",
		"2":                               base.String() + "2",
		"https://user:pw@other/x#y":       "https://other/x",
		"":                                "",
		"http://[::1":                     "",
	} {
		u, err := c.Resolve(&remote.Reply{URL: base, Header: http.Header{"Location": {location}}})
		switch {
		case want == "" && err == nil:
			t.Errorf("%q: got %s, want an error", location, u)
		case want != "" && (err != nil || u.String() != want):
			t.Errorf("%q: got %v, %v, want %s", location, u, err, want)
		}
	}
}
