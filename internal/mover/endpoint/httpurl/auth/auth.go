// SPDX-License-Identifier: Apache-2.0

// Package auth reads the credentials of an HTTP source from the folder in
// which they are mounted, and keeps them out of everything that is printed.
package auth

import (
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// The files of a credentials folder.
const (
	FileUsername = "username"
	FilePassword = "password"
	FileToken    = "token"
	FileHeaders  = "headers"
)

const (
	redacted = "REDACTED"

	// maxFileBytes bounds one file. A Kubernetes Secret cannot hold more.
	maxFileBytes = 1 << 20

	// minSecretBytes is the length from which a value is searched for in a
	// server's text: removing shorter ones would tell what they are.
	minSecretBytes = 4
)

// Credentials authenticate requests. The zero value holds none. Whatever
// prints them prints REDACTED.
type Credentials struct {
	authorization string
	headers       []transfer.Header
	secrets       []string
}

// Basic returns a user's name and password (RFC 7617).
func Basic(username, password string) Credentials {
	pair := base64.StdEncoding.EncodeToString([]byte(username + ":" + password))
	return Credentials{authorization: "Basic " + pair, secrets: []string{password, pair}}
}

// Bearer returns a bearer token (RFC 6750).
func Bearer(token string) Credentials {
	return Credentials{authorization: "Bearer " + token, secrets: []string{token}}
}

// WithHeaders returns the credentials and secret headers beside them.
func (c Credentials) WithHeaders(hs ...transfer.Header) Credentials {
	c.headers = append(c.headers[:len(c.headers):len(c.headers)], hs...)
	for _, h := range hs {
		c.secrets = append(c.secrets[:len(c.secrets):len(c.secrets)], h.Value)
	}
	return c
}

// Apply adds the credentials to a request's headers.
func (c Credentials) Apply(h http.Header) {
	if c.authorization != "" {
		h.Set("Authorization", c.authorization)
	}
	for _, s := range c.headers {
		h.Add(s.Name, s.Value)
	}
}

// Equal reports whether both authenticate requests in the same way.
func (c Credentials) Equal(o Credentials) bool {
	a, b := http.Header{}, http.Header{}
	c.Apply(a)
	o.Apply(b)
	return maps.EqualFunc(a, b, slices.Equal[[]string])
}

// Scrub removes every secret value from text that somebody else wrote.
func (c Credentials) Scrub(text string) string {
	for _, s := range c.secrets {
		if len(s) >= minSecretBytes {
			text = strings.ReplaceAll(text, s, redacted)
		}
	}
	return text
}

// String implements fmt.Stringer.
func (c Credentials) String() string { return redacted }

// Format implements fmt.Formatter: no verb and no flag shows a secret.
func (c Credentials) Format(s fmt.State, _ rune) {
	_, _ = io.WriteString(s, redacted)
}

// MarshalText implements encoding.TextMarshaler, and so json.Marshaler.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue implements slog.LogValuer.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(redacted) }

// Load reads the credentials of a mounted folder: "username" and "password",
// or "token", and "headers" with one "Name: value" a line. One newline at a
// file's end is removed, since editors and `echo` put it there. An empty name
// of a folder means no credentials. Every error is terminal; none holds a
// value.
func Load(dir string) (Credentials, error) {
	if dir == "" {
		return Credentials{}, nil
	}
	c, err := load(dir)
	if err != nil {
		return Credentials{}, transfer.Terminal(transfer.ReasonUnauthorized, fmt.Errorf("cannot read credentials: %w", err))
	}
	return c, nil
}

func load(dir string) (Credentials, error) {
	values := map[string]string{}
	for _, name := range []string{FileUsername, FilePassword, FileToken, FileHeaders} {
		v, ok, err := readValue(dir, name)
		if err != nil {
			return Credentials{}, err
		}
		if ok {
			values[name] = v
		}
	}
	if len(values) == 0 {
		return Credentials{}, fmt.Errorf("there is none of %q, %q, %q in the folder", FileUsername, FileToken, FileHeaders)
	}
	c, err := authorization(values)
	if err != nil {
		return Credentials{}, err
	}
	hs, err := parseHeaders(values[FileHeaders])
	if err != nil {
		return Credentials{}, err
	}
	return c.WithHeaders(hs...), nil
}

// readValue returns the content of a file less one newline at its end.
func readValue(dir, name string) (value string, ok bool, err error) {
	f, err := os.Open(filepath.Join(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	defer f.Close() //nolint:errcheck // Nothing was written.
	b, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return "", false, err
	}
	if len(b) > maxFileBytes {
		return "", false, fmt.Errorf("%q is larger than %d bytes", name, maxFileBytes)
	}
	return strings.TrimSuffix(strings.TrimSuffix(string(b), "\n"), "\r"), true, nil
}

// authorization makes what the Authorization header holds, if anything.
func authorization(values map[string]string) (Credentials, error) {
	username, user := values[FileUsername]
	password, pass := values[FilePassword]
	token, bearer := values[FileToken]
	switch {
	case bearer && (user || pass):
		return Credentials{}, fmt.Errorf("there is %q beside %q; keep one of them", FileToken, FileUsername)
	case user != pass:
		return Credentials{}, fmt.Errorf("%q and %q belong together, and one is missing", FileUsername, FilePassword)
	case bearer && (token == "" || !httpguts.ValidHeaderFieldValue(token)):
		return Credentials{}, fmt.Errorf("%q is empty, or has more than one line or another character that a header cannot hold", FileToken)
	case bearer:
		return Bearer(token), nil
	case user && strings.Contains(username, ":"):
		return Credentials{}, fmt.Errorf("%q holds a colon, which basic authentication cannot send", FileUsername)
	case user:
		return Basic(username, password), nil
	}
	return Credentials{}, nil
}

// parseHeaders reads "Name: value" lines. Empty lines and lines that begin
// with # are skipped. An error names the line, never its value.
func parseHeaders(text string) ([]transfer.Header, error) {
	var hs []transfer.Header
	number := 0
	for line := range strings.SplitSeq(text, "\n") {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			return nil, fmt.Errorf("%q: line %d is not of the form \"Name: value\"", FileHeaders, number)
		}
		h := transfer.Header{Name: name, Value: strings.TrimSpace(value)}
		if err := CheckHeader(h); err != nil {
			return nil, fmt.Errorf("%q: line %d: %w", FileHeaders, number, err)
		}
		hs = append(hs, h)
	}
	return hs, nil
}

// CheckHeader says why a header cannot be sent with a request; the header's
// value is not part of the error.
func CheckHeader(h transfer.Header) error {
	switch {
	case !httpguts.ValidHeaderFieldName(h.Name):
		return errors.New("the name is empty or holds a character that a header's name cannot hold")
	case !httpguts.ValidHeaderFieldValue(h.Value):
		return fmt.Errorf("the value of %s holds a character that a header cannot hold", h.Name)
	case reserved(h.Name):
		return fmt.Errorf("%s is set by the mover itself", h.Name)
	}
	return nil
}

// reserved reports whether a header frames the message or pins the read, so
// that another value of it would break the transfer.
func reserved(name string) bool {
	switch http.CanonicalHeaderKey(name) {
	case "Host", "Connection", "Content-Length", "Transfer-Encoding", "Te", "Trailer", "Upgrade", "Expect",
		"Accept-Encoding", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since":
		return true
	}
	return false
}
