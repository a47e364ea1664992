// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestAskRegistryLogin never asks without a login that there is, since a registry
// tells strangers that an image is missing which they may not see.
func TestAskRegistryLogin(t *testing.T) {
	var asked atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.NotFound(w, nil)
	}))
	defer s.Close()
	host := strings.TrimPrefix(s.URL, "http://")
	cases := map[string]struct {
		reason string
		config string
		want   string // in the error; empty: the registry is asked
	}{
		"Helper":   {"a helper has it", `{"auths":{"HOST":{}},"credsStore":"desktop"}`, `credential helper "desktop"`},
		"Own":      {"one for this registry", `{"credHelpers":{"HOST":"gcloud"}}`, `credential helper "gcloud"`},
		"Broken":   {"it cannot be read", `{"auths":{"HOST":{"auth":"hunter2"}}}`, "base64"},
		"Token":    {"it is a token", `{"auths":{"HOST":{"identitytoken":"hunter2"}}}`, "token"},
		"Other":    {"there is none for this registry", `{"credHelpers":{"other.example.com":"gcloud"}}`, ""},
		"Password": {"it is a user's", `{"auths":{"HOST":{"username":"u","password":"p"}},"credsStore":"desktop"}`, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			asked.Store(0)
			_, err := New().Ask(t.Context(), Question{
				Artifact: &transfer.Artifact{Registry: &transfer.RegistryImage{Image: host + "/a:b", PlainHTTP: true}},
				Files:    map[string][]byte{fileDockerConfig: []byte(strings.ReplaceAll(tc.config, "HOST", host))},
				Policy:   transfer.Policy{AllowedNetworks: []string{"127.0.0.0/8"}},
			})
			if tc.want == "" && (err != nil || asked.Load() == 0) {
				t.Errorf("%s: got %v, and %d requests", tc.reason, err, asked.Load())
			}
			if tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunter2") || asked.Load() > 0) {
				t.Errorf("%s: got %v, and %d requests; want %q", tc.reason, err, asked.Load(), tc.want)
			}
		})
	}
}

// TestAskRegistryUntrusted asks no other server in the place of a registry whose
// certificate nobody trusts: behind the same address, http leads elsewhere.
func TestAskRegistryUntrusted(t *testing.T) {
	var asked atomic.Int64
	secure := httptest.NewTLSServer(http.NotFoundHandler())
	defer secure.Close()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		http.NotFound(w, nil)
	}))
	defer plain.Close()
	host := both(t, secure.Listener.Addr().String(), plain.Listener.Addr().String())
	a, err := New().Ask(t.Context(), Question{
		Artifact: &transfer.Artifact{Registry: &transfer.RegistryImage{Image: host + "/a:b"}},
		Policy:   transfer.Policy{AllowedNetworks: []string{"127.0.0.0/8"}},
	})
	if a.Verdict != Unknown || err == nil || asked.Load() > 0 {
		t.Errorf("got %v, %v, and %d requests to another server", a.Verdict, err, asked.Load())
	}
}

// both listens at one address and hands TLS to one server and the rest to another.
func both(t *testing.T, secure, plain string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go forward(c, secure, plain)
		}
	}()
	return l.Addr().String()
}

func forward(c net.Conn, secure, plain string) {
	defer c.Close()
	const handshake = 22 // the content type of what TLS begins with (RFC 8446 section 5.1)
	first := make([]byte, 1)
	if _, err := io.ReadFull(c, first); err != nil {
		return
	}
	to := plain
	if first[0] == handshake {
		to = secure
	}
	s, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer s.Close()
	if _, err := s.Write(first); err != nil {
		return
	}
	go func() { _, _ = io.Copy(s, c) }()
	_, _ = io.Copy(c, s)
}
