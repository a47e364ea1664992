// SPDX-License-Identifier: Apache-2.0

package login_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/login"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func write(t *testing.T, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func auth(user string) string {
	return `{"auth":"` + base64.StdEncoding.EncodeToString([]byte(user+":pass:word")) + `"}`
}

func TestFind(t *testing.T) {
	cases := map[string]struct {
		reason string
		config string
		want   string // the user; empty: anonymous
	}{
		"Exact":      {"a host with its port", `{"auths":{"r.example.com:5000":` + auth("a") + `}}`, "a"},
		"URL":        {"as docker writes it", `{"auths":{"https://r.example.com:5000/v2/":` + auth("a") + `}}`, "a"},
		"Case":       {"host names have none", `{"auths":{"R.Example.com:5000":` + auth("a") + `}}`, "a"},
		"OtherPort":  {"another port is another registry", `{"auths":{"r.example.com":` + auth("a") + `}}`, ""},
		"Path":       {"the longest path goes first", `{"auths":{"r.example.com:5000":` + auth("a") + `,"r.example.com:5000/team":` + auth("b") + `,"r.example.com:5000/te":` + auth("c") + `}}`, "b"},
		"Repository": {"down to the repository", `{"auths":{"r.example.com:5000/team/vm":` + auth("a") + `}}`, "a"},
		"Deeper":     {"and not below it", `{"auths":{"r.example.com:5000/team/vm/x":` + auth("a") + `}}`, ""},
		"Glob":       {"an asterisk, as Kubernetes has it", `{"auths":{"*.example.com:5000":` + auth("a") + `}}`, "a"},
		"GlobLabel":  {"stands within one label", `{"auths":{"*.com:5000":` + auth("a") + `}}`, ""},
		"Spelled":    {"a name that is spelled out goes first", `{"auths":{"*.example.com:5000":` + auth("a") + `,"r.example.com:5000":` + auth("b") + `}}`, "b"},
		"Fields":     {"name and password in the clear", `{"auths":{"r.example.com:5000":{"username":"a","password":"pass:word"}}}`, "a"},
		"Unpadded":   {"base64 without its padding", `{"auths":{"r.example.com:5000":` + strings.ReplaceAll(auth("ab"), "=", "") + `}}`, "ab"},
		"Nothing":    {"an empty configuration", `{}`, ""},
		"Hollow":     {"what docker leaves beside a helper", `{"auths":{"r.example.com:5000":{}}}`, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, ".dockerconfigjson", tc.config)
			got, err := login.Finder{Path: dir}.Find(t.Context(), login.Resource{Registry: "r.example.com:5000", Repository: "team/vm"})
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if got.Username != tc.want || (tc.want != "" && got.Password != "pass:word") || got.Anonymous() != (tc.want == "") {
				t.Errorf("%s: got user %q, want %q", tc.reason, got.Username, tc.want)
			}
		})
	}
}

// TestFindDocker knows all the names of Docker's own registry.
func TestFindDocker(t *testing.T) {
	for _, key := range []string{"https://index.docker.io/v1/", "docker.io", "registry-1.docker.io"} {
		file := write(t, t.TempDir(), "any.json", `{"auths":{"`+key+`":`+auth("a")+`}}`)
		got, err := login.Finder{Path: file}.Find(t.Context(), login.Resource{Registry: "index.docker.io", Repository: "library/vm"})
		if err != nil || got.Username != "a" {
			t.Errorf("%s: got %q, %v", key, got.Username, err)
		}
	}
}

// TestFindUser looks where docker and podman write.
func TestFindUser(t *testing.T) {
	home := t.TempDir()
	for _, v := range []string{"DOCKER_CONFIG", "REGISTRY_AUTH_FILE", "XDG_RUNTIME_DIR", "XDG_CONFIG_HOME"} {
		t.Setenv(v, "")
	}
	t.Setenv("HOME", home)
	find := func() string {
		t.Helper()
		l, err := login.Finder{}.Find(t.Context(), login.Resource{Registry: "r.example.com", Repository: "vm"})
		if err != nil {
			t.Fatal(err)
		}
		return l.Username
	}
	if got := find(); got != "" {
		t.Errorf("without any: got %q, want nobody", got)
	}
	write(t, home, ".config/containers/auth.json", `{"auths":{"r.example.com":`+auth("podman")+`}}`)
	if got := find(); got != "podman" {
		t.Errorf("podman's: got %q", got)
	}
	write(t, home, ".docker/config.json", `{"auths":{"r.example.com":`+auth("docker")+`}}`)
	if got := find(); got != "docker" {
		t.Errorf("docker's: got %q", got)
	}
	write(t, home, "elsewhere/config.json", `{"auths":{"r.example.com":`+auth("elsewhere")+`}}`)
	t.Setenv("DOCKER_CONFIG", filepath.Join(home, "elsewhere"))
	if got := find(); got != "elsewhere" {
		t.Errorf("DOCKER_CONFIG's: got %q", got)
	}
}

// TestFindHelper asks credential helpers for a person, and none for a Secret.
func TestFindHelper(t *testing.T) {
	config := `{"auths":{"r.example.com":{}},"credsStore":"desktop","credHelpers":{"other.example.com":"other"}}`
	dir := t.TempDir()
	file := write(t, dir, "config.json", config)
	cases := map[string]struct {
		reason   string
		registry string
		answer   string
		err      error
		want     login.Login
	}{
		"Store":    {"the store for all", "r.example.com", `{"Username":"desktop","Secret":"s"}`, nil, login.Login{Username: "desktop", Password: "s"}},
		"Helper":   {"the helper for one", "other.example.com", `{"Username":"other","Secret":"s"}`, nil, login.Login{Username: "other", Password: "s"}},
		"Identity": {"a token for tokens", "r.example.com", `{"Username":"<token>","Secret":"s"}`, nil, login.Login{IdentityToken: "s"}},
		"Unknown":  {"it knows nothing of it", "r.example.com", "", login.ErrNoCredentials, login.Login{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			asked := ""
			f := login.Finder{Path: file, Run: func(helper, registry string) ([]byte, error) {
				asked = helper + " " + registry
				return []byte(tc.answer), tc.err
			}}
			got, err := f.Find(t.Context(), login.Resource{Registry: tc.registry, Repository: "vm"})
			if err != nil || got != tc.want || !strings.HasSuffix(asked, " "+tc.registry) {
				t.Errorf("%s: got another login, %v, asked %q", tc.reason, err, asked)
			}
		})
	}
	f := login.Finder{Path: dir, Run: func(string, string) ([]byte, error) { return nil, errors.New("must not run") }}
	_, err := f.Find(t.Context(), login.Resource{Registry: "r.example.com", Repository: "vm"})
	if transfer.ReasonOf(err) != transfer.ReasonUnauthorized || !strings.Contains(err.Error(), `credential helper "desktop"`) {
		t.Errorf("mounted: got %v, want to hear of the helper", err)
	}
}

// TestFindRefuses names what is wrong and no value.
func TestFindRefuses(t *testing.T) {
	const secret = "s3cret-value"
	for name, files := range map[string]map[string]string{
		"NoJSON":   {"config.json": secret},
		"BadType":  {".dockerconfigjson": `{"auths":"` + secret + `"}`},
		"BadAuth":  {"config.json": `{"auths":{"r.example.com":{"auth":"` + base64.StdEncoding.EncodeToString([]byte(secret)) + `"}}}`},
		"Half":     {"username": secret},
		"Colon":    {"username": secret + ":x", "password": "p"},
		"Nothing":  {},
		"TooLarge": {"username": strings.Repeat("x", 1<<20+1), "password": "p"},
	} {
		dir := t.TempDir()
		for file, content := range files {
			write(t, dir, file, content)
		}
		_, err := login.Finder{Path: dir}.Find(t.Context(), login.Resource{Registry: "r.example.com", Repository: "vm"})
		if transfer.ReasonOf(err) != transfer.ReasonUnauthorized || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// TestNothingIsPrinted prints a login in every way.
func TestNothingIsPrinted(t *testing.T) {
	l := login.Login{Username: "user", Password: "s3cret", IdentityToken: "s3cret", RegistryToken: "s3cret"}
	b, err := json.Marshal(map[string]any{"l": l})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(l), fmt.Sprintf("%+v %#v %s %q", l, l, l, l), string(b), l.LogValue().String()} {
		if strings.Contains(s, "s3cret") {
			t.Errorf("got %s", s)
		}
	}
}
