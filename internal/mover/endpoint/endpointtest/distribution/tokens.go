// SPDX-License-Identifier: Apache-2.0

package distribution

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
)

// Tokens makes a proxy want a bearer token, and gives one for a name and a
// password, as distribution's token authentication does.
type Tokens struct {
	Username, Password string

	// Uses is after how many requests a token is refused.
	Uses int

	mu     sync.Mutex
	issued int
	left   int
	scopes []string
}

// Issued is how many tokens were given.
func (k *Tokens) Issued() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.issued
}

// Replace makes another password the right one. Tokens that were given stay good.
func (k *Tokens) Replace(password string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.Password = password
}

// Scopes are what the tokens were asked for.
func (k *Tokens) Scopes() []string {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]string(nil), k.scopes...)
}

// Fault is a Proxy's.
func (k *Tokens) Fault(p *Proxy, w http.ResponseWriter, r *http.Request) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.URL.Path == "/token" {
		k.give(w, r)
		return true
	}
	if k.left > 0 && r.Header.Get("Authorization") == "Bearer "+k.token() {
		k.left--
		r.Header.Del("Authorization")
		return false
	}
	w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/token",service="tests"`, p.Host))
	Refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "authentication required")
	return true
}

func (k *Tokens) token() string { return fmt.Sprintf("token-number-%d", k.issued) }

func (k *Tokens) give(w http.ResponseWriter, r *http.Request) {
	user, password, _ := r.BasicAuth()
	if user != k.Username || password != k.Password || r.URL.Query().Get("service") != "tests" {
		Refuse(w, http.StatusUnauthorized, "UNAUTHORIZED", "wrong password "+password)
		return
	}
	k.issued++
	k.left = k.Uses
	k.scopes = append(k.scopes, strings.Join(r.URL.Query()["scope"], " "))
	_, _ = fmt.Fprintf(w, `{"token":%q,"expires_in":300}`, k.token())
}
