// SPDX-License-Identifier: Apache-2.0

// Package login finds the credentials for a registry where `docker login`, a
// Kubernetes Secret of type kubernetes.io/dockerconfigjson, or a Secret with a
// user name and a password keeps them.
package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// The files of a credentials folder.
const (
	FileDockerConfigJSON = ".dockerconfigjson"
	FileDockerConfig     = "config.json"
	FileUsername         = "username"
	FilePassword         = "password"
)

const (
	redacted = "REDACTED"

	// maxFileBytes bounds one file. A Kubernetes Secret cannot hold more.
	maxFileBytes = 1 << 20
)

// A Login authenticates to a registry, or to the server that gives tokens for
// it. The zero value is anonymous. Whatever prints it prints REDACTED.
type Login struct {
	// Username and Password are for basic authentication (RFC 7617).
	Username, Password string

	// IdentityToken is given for a token (OAuth2, a refresh token).
	IdentityToken string

	// RegistryToken is a bearer token for the registry itself.
	RegistryToken string
}

// Anonymous reports whether there is nothing to authenticate with.
func (l Login) Anonymous() bool { return l == Login{} }

// Secrets are the values that no message may repeat.
func (l Login) Secrets() []string {
	return []string{l.Password, l.IdentityToken, l.RegistryToken}
}

// String implements fmt.Stringer.
func (l Login) String() string { return redacted }

// Format implements fmt.Formatter: no verb and no flag shows a secret.
func (l Login) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, redacted) }

// MarshalText implements encoding.TextMarshaler, and so json.Marshaler.
func (l Login) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (l Login) LogValue() slog.Value { return slog.StringValue(redacted) }

// A Resource is what credentials are for.
type Resource struct {
	// Registry is its host, with the port where one was named.
	Registry string

	// Repository is the name in the registry.
	Repository string
}

// A Finder finds credentials. It reads its files each time that it is asked,
// because a Secret can be rotated.
type Finder struct {
	// Path is a folder with FileDockerConfigJSON, FileDockerConfig, or
	// FileUsername and FilePassword; or a docker configuration file. Empty:
	// the configuration of the user, if there is one.
	Path string

	// Run runs a credential helper. Nil: as a program of this machine.
	Run Runner
}

// Find returns the credentials for a resource; the anonymous ones when a docker
// configuration has none for it. Every error is terminal, and none holds a
// value.
func (f Finder) Find(ctx context.Context, r Resource) (Login, error) {
	l, err := f.find(ctx, r)
	if err != nil {
		return Login{}, transfer.Terminal(transfer.ReasonUnauthorized, fmt.Errorf("cannot read credentials for %s: %w", r.Registry, err))
	}
	return l, nil
}

func (f Finder) find(ctx context.Context, r Resource) (Login, error) {
	path := f.Path
	ask := func(name, registry string) ([]byte, error) { return runHelper(ctx, name, registry) }
	if f.Run != nil {
		ask = f.Run
	}
	if path == "" {
		if path = userConfig(os.Getenv); path == "" {
			return Login{}, nil
		}
	}
	info, err := os.Stat(path)
	if err != nil {
		return Login{}, err
	}
	if !info.IsDir() {
		return fromConfig(path, ask, r)
	}
	for _, name := range []string{FileDockerConfigJSON, FileDockerConfig} {
		if file := filepath.Join(path, name); isFile(file) {
			// What is mounted runs no program.
			return fromConfig(file, nil, r)
		}
	}
	return fromPair(path)
}

// fromPair reads a user name and a password.
func fromPair(dir string) (Login, error) {
	var values []string
	for _, name := range []string{FileUsername, FilePassword} {
		b, err := read(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			return Login{}, fmt.Errorf("the folder has neither %q nor %q, and not both of %q and %q",
				FileDockerConfigJSON, FileDockerConfig, FileUsername, FilePassword)
		}
		if err != nil {
			return Login{}, err
		}
		// Editors and `echo` put one newline at the end.
		values = append(values, strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"))
	}
	if strings.Contains(values[0], ":") {
		return Login{}, fmt.Errorf("%q holds a colon, which basic authentication cannot send", FileUsername)
	}
	return Login{Username: values[0], Password: values[1]}, nil
}

// userConfig is the docker configuration of the user, or podman's; empty: there
// is none.
func userConfig(env func(string) string) string {
	docker := env("DOCKER_CONFIG")
	if docker == "" && env("HOME") != "" {
		docker = filepath.Join(env("HOME"), ".docker")
	}
	candidates := []string{filepath.Join(docker, FileDockerConfig), env("REGISTRY_AUTH_FILE")}
	for _, dir := range []string{env("XDG_RUNTIME_DIR"), env("XDG_CONFIG_HOME"), filepath.Join(env("HOME"), ".config")} {
		candidates = append(candidates, filepath.Join(dir, "containers", "auth.json"))
	}
	for _, c := range candidates {
		if filepath.IsAbs(c) && isFile(c) {
			return c
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}

func read(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // Nothing was written.
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err == nil && len(b) > maxFileBytes {
		err = fmt.Errorf("%q is larger than %d bytes", filepath.Base(path), maxFileBytes)
	}
	return b, err
}
