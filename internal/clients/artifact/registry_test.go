// SPDX-License-Identifier: Apache-2.0

package artifact

import (
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
