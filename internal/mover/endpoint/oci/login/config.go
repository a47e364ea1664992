// SPDX-License-Identifier: Apache-2.0

package login

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"strings"
)

// config is the part of a docker configuration that is about credentials.
type config struct {
	Auths       map[string]entry  `json:"auths"`
	CredsStore  string            `json:"credsStore"`
	CredHelpers map[string]string `json:"credHelpers"`
}

// entry is what a docker configuration has for one registry, or for a part of
// one.
type entry struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// fromConfig finds the credentials for a resource in a docker configuration.
// run is nil where no helper may be run.
func fromConfig(file string, run Runner, r Resource) (Login, error) {
	b, err := read(file)
	if err != nil {
		return Login{}, err
	}
	var c config
	if err := json.Unmarshal(b, &c); err != nil {
		// The decoder's error can repeat a value.
		return Login{}, fmt.Errorf("%q is no docker configuration: it is not the JSON that `docker login` writes", filepath.Base(file))
	}
	if e, ok := c.match(r); ok {
		return e.login()
	}
	helper := c.helper(r)
	switch {
	case helper == "":
		return Login{}, nil
	case run == nil:
		return Login{}, fmt.Errorf("%q leaves them to the credential helper %.40q, which is on another machine; put the credentials themselves into it", filepath.Base(file), helper)
	}
	return fromHelper(run, helper, r)
}

// match returns the entry with the longest path that the resource lies under;
// an entry without credentials, as `docker login` leaves where a helper keeps
// them, is none.
func (c config) match(r Resource) (entry, bool) {
	found, length := entry{}, -1
	for key, e := range c.Auths {
		host, prefix := split(key)
		if e == (entry{}) || !sameHost(host, r.Registry) || !under(r.Repository, prefix) {
			continue
		}
		// A name that is spelled out goes before one with an asterisk.
		n := 2 * len(prefix)
		if !strings.Contains(host, "*") {
			n++
		}
		if n > length {
			found, length = e, n
		}
	}
	return found, length >= 0
}

func (c config) helper(r Resource) string {
	for key, name := range c.CredHelpers {
		if host, _ := split(key); sameHost(host, r.Registry) {
			return name
		}
	}
	return c.CredsStore
}

// split returns the host and the path of a configuration's key, which can be a
// URL: docker writes "https://index.docker.io/v1/" for its own registry.
func split(key string) (host, prefix string) {
	key = strings.TrimPrefix(strings.TrimPrefix(key, "https://"), "http://")
	host, prefix, _ = strings.Cut(key, "/")
	prefix = strings.Trim(prefix, "/")
	if prefix == "v1" || prefix == "v2" {
		prefix = ""
	}
	return host, prefix
}

// sameHost reports whether a key's host, in which an asterisk stands for a part
// of one label as in Kubernetes, is the registry's.
func sameHost(pattern, registry string) bool {
	pattern, registry = docker(strings.ToLower(pattern)), docker(strings.ToLower(registry))
	if pattern == registry {
		return true
	}
	want, have := strings.Split(pattern, "."), strings.Split(registry, ".")
	if !strings.Contains(pattern, "*") || len(want) != len(have) {
		return false
	}
	for i := range want {
		if ok, err := path.Match(want[i], have[i]); err != nil || !ok {
			return false
		}
	}
	return true
}

// dockerHub is the name of Docker's own registry in configurations.
const dockerHub = "index.docker.io"

// docker gives Docker's own registry, which has several names, one.
func docker(host string) string {
	switch host {
	case "docker.io", dockerHub, "registry-1.docker.io":
		return dockerHub
	}
	return host
}

func under(repository, prefix string) bool {
	return prefix == "" || repository == prefix || strings.HasPrefix(repository, prefix+"/")
}

// login reads an entry.
func (e entry) login() (Login, error) {
	l := Login{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth != "" {
		pair, err := base64.StdEncoding.DecodeString(pad(e.Auth))
		user, password, ok := strings.Cut(string(pair), ":")
		if err != nil || !ok {
			return Login{}, errors.New(`its "auth" is not base64 of user:password`)
		}
		l.Username, l.Password = user, strings.TrimRight(password, "\x00")
	}
	return l, nil
}

// pad completes base64 that was written without its padding.
func pad(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), "=")
	return s + strings.Repeat("=", -len(s)&3)
}
