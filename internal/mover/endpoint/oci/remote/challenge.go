// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"net/http"
	"strings"
)

// The schemes of authentication that registries use.
const (
	schemeBasic  = "basic"
	schemeBearer = "bearer"
)

// A challenge is how a server wants to be authenticated to (RFC 9110 § 11.6.1).
type challenge struct {
	scheme     string // in lower case; empty: it does not
	parameters map[string]string
}

// challengeOf returns the challenge of an answer that can be met.
func challengeOf(h http.Header) challenge {
	var all []challenge
	for _, value := range h.Values("WWW-Authenticate") {
		all = append(all, parseChallenges(value)...)
	}
	for _, want := range []string{schemeBearer, schemeBasic} {
		for _, c := range all {
			if c.scheme == want {
				return c
			}
		}
	}
	return challenge{}
}

// parseChallenges parses one WWW-Authenticate header, which may hold several
// challenges. What cannot be understood ends it.
func parseChallenges(s string) []challenge {
	var all []challenge
	for {
		s = strings.TrimLeft(s, " \t,")
		word := s[:tokenLength(s)]
		if word == "" {
			return all
		}
		s = strings.TrimLeft(s[len(word):], " \t")
		if !strings.HasPrefix(s, "=") {
			all = append(all, challenge{scheme: strings.ToLower(word), parameters: map[string]string{}})
			continue
		}
		var value string
		value, s = parseValue(strings.TrimLeft(s[1:], " \t"))
		if len(all) > 0 {
			all[len(all)-1].parameters[strings.ToLower(word)] = value
		}
	}
}

// parseValue returns the token or the quoted string that s begins with, and
// what follows it.
func parseValue(s string) (value, rest string) {
	if !strings.HasPrefix(s, `"`) {
		n := tokenLength(s)
		return s[:n], s[n:]
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch {
		case s[i] == '"':
			return b.String(), s[i+1:]
		case s[i] == '\\' && i+1 < len(s):
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String(), ""
}

// tokenLength is the length of the token that s begins with (RFC 9110 § 5.6.2).
func tokenLength(s string) int {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return i
		}
	}
	return len(s)
}
