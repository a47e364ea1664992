// SPDX-License-Identifier: Apache-2.0

// Package dockerconfig reads docker configurations, which `docker login` and
// `kubectl create secret docker-registry` write: which credentials they have for a
// registry, and which they leave to a credential helper. It is pure, and shared
// by whoever looks whether a Secret can be used and by the mover that uses it.
package dockerconfig

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"path"
	"strings"
)

// A Config is the part of a docker configuration that is about credentials.
type Config struct {
	auths       map[string]entry
	credsStore  string
	credHelpers map[string]string
}

// entry is what a configuration has for one registry, or for a part of one.
type entry struct {
	Auth          string `json:"auth"` // base64 of user:password
	Username      string `json:"username"`
	Password      string `json:"password"`
	IdentityToken string `json:"identitytoken"`
	RegistryToken string `json:"registrytoken"`
}

// Credentials are those for one registry. They are secrets.
type Credentials struct {
	Username, Password string

	// IdentityToken is given for a token (OAuth2, a refresh token).
	IdentityToken string

	// RegistryToken is a bearer token for the registry itself.
	RegistryToken string
}

var (
	errNotJSON = errors.New("it is not the JSON that `docker login` writes")
	errAuth    = errors.New(`its "auth" is not base64 of user:password`)
)

// Parse reads a configuration. Its error holds nothing of it.
func Parse(b []byte) (Config, error) {
	var c struct {
		Auths       map[string]entry  `json:"auths"`
		CredsStore  string            `json:"credsStore"`
		CredHelpers map[string]string `json:"credHelpers"`
	}
	if err := json.Unmarshal(b, &c); err != nil {
		return Config{}, errNotJSON // The decoder's error can repeat a value.
	}
	return Config{c.Auths, c.CredsStore, c.CredHelpers}, nil
}

// Empty reports whether the configuration is about no registry.
func (c Config) Empty() bool {
	return len(c.auths) == 0 && len(c.credHelpers) == 0 && c.credsStore == ""
}

// Find returns the credentials for a repository of a registry: those of the entry
// with the longest path that it lies under. ok is false when there are none;
// Helper says whether a helper has them. An error holds no value.
func (c Config) Find(registry, repository string) (found Credentials, ok bool, err error) {
	e, ok := c.match(registry, repository)
	if !ok {
		return Credentials{}, false, nil
	}
	found, err = e.credentials()
	return found, true, err
}

// match returns the entry with the longest path that the repository lies under;
// an entry without credentials, as `docker login` leaves where a helper keeps
// them, is none.
func (c Config) match(registry, repository string) (entry, bool) {
	found, length := entry{}, -1
	for key, e := range c.auths {
		host, prefix := split(key)
		if e == (entry{}) || !sameHost(host, registry) || !under(repository, prefix) {
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

// Helper is the credential helper that has a registry's credentials, by the end of
// its program's name, docker-credential-NAME; empty: none.
func (c Config) Helper(registry string) string {
	for key, name := range c.credHelpers {
		if host, _ := split(key); sameHost(host, registry) {
			return name
		}
	}
	return c.credsStore
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
	pattern, registry = Host(strings.ToLower(pattern)), Host(strings.ToLower(registry))
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

// Hub is the name of Docker's own registry in configurations.
const Hub = "index.docker.io"

// Host gives Docker's own registry, which has several names, one, and leaves
// others as they are.
func Host(host string) string {
	switch host {
	case "docker.io", Hub, "registry-1.docker.io":
		return Hub
	}
	return host
}

// Of returns the registry and the repository of an image, host[:port]/repository
// with or without a tag and a digest. Without a host it is Docker's own.
func Of(image string) (registry, repository string) {
	image, _, _ = strings.Cut(image, "@")
	registry, repository, ok := strings.Cut(image, "/")
	if !ok || !strings.ContainsAny(registry, ".:") && registry != "localhost" {
		registry, repository = Hub, image
	}
	if i := strings.LastIndexByte(repository, ':'); i > strings.LastIndexByte(repository, '/') {
		repository = repository[:i]
	}
	registry = Host(registry)
	if registry == Hub && !strings.Contains(repository, "/") {
		repository = "library/" + repository
	}
	return registry, repository
}

func under(repository, prefix string) bool {
	return prefix == "" || repository == prefix || strings.HasPrefix(repository, prefix+"/")
}

// credentials reads an entry.
func (e entry) credentials() (Credentials, error) {
	c := Credentials{Username: e.Username, Password: e.Password, IdentityToken: e.IdentityToken, RegistryToken: e.RegistryToken}
	if e.Auth != "" {
		pair, err := base64.StdEncoding.DecodeString(pad(e.Auth))
		user, password, ok := strings.Cut(string(pair), ":")
		if err != nil || !ok {
			return Credentials{}, errAuth
		}
		c.Username, c.Password = user, strings.TrimRight(password, "\x00")
	}
	return c, nil
}

// pad completes base64 that was written without its padding.
func pad(s string) string {
	s = strings.TrimRight(strings.TrimSpace(s), "=")
	return s + strings.Repeat("=", -len(s)&3)
}
