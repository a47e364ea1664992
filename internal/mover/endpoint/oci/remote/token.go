// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/login"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// defaultLifetime is that of a token whose server does not say (distribution,
// "Token Authentication Specification").
const defaultLifetime = 60 * time.Second

// learn remembers how the registry wants to be authenticated to.
func (c *Client) learn(h http.Header) {
	ch := challengeOf(h)
	c.mu.Lock()
	defer c.mu.Unlock()
	if ch.scheme != "" {
		c.challenge = ch
	}
}

// Authorization returns the value of the Authorization header for the registry,
// another than the one that was refused if there can be another; empty when
// the registry wants none. Nothing was refused when refused is empty.
func (c *Client) Authorization(ctx context.Context, refused string) (string, error) {
	if refused != "" {
		return c.renew(ctx, refused)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	fresh := c.expires.IsZero() || c.o.Now().Before(c.expires)
	if c.challenge.scheme == "" || c.authorization != "" && fresh {
		return c.authorization, nil
	}
	return c.authenticate(ctx)
}

// renew authenticates anew, unless that has been done since.
func (c *Client) renew(ctx context.Context, refused string) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.authorization != refused && c.authorization != "" {
		return c.authorization, nil
	}
	return c.authenticate(ctx)
}

// authenticate reads the credentials and makes of them what the challenge
// wants. The caller holds the lock.
func (c *Client) authenticate(ctx context.Context) (string, error) {
	l, err := c.o.Login(ctx)
	if err != nil {
		return "", err
	}
	c.anonymous = l.Anonymous()
	c.expires = time.Time{}
	c.secrets = l.Secrets()
	c.authorization = ""
	switch {
	case c.challenge.scheme == schemeBasic && l.Username != "":
		c.authorization = basic(l)
	case c.challenge.scheme == schemeBearer && l.RegistryToken != "":
		c.authorization = "Bearer " + l.RegistryToken
	case c.challenge.scheme == schemeBearer:
		if err := c.exchange(ctx, l); err != nil {
			return "", fmt.Errorf("cannot get a token: %w", err)
		}
	}
	c.secrets = append(c.secrets, strings.TrimPrefix(c.authorization, "Bearer "))
	return c.authorization, nil
}

func basic(l login.Login) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(l.Username+":"+l.Password))
}

// exchange gets a bearer token for a login (distribution, "Token Authentication
// Specification" and "OAuth2 Token Authentication").
func (c *Client) exchange(ctx context.Context, l login.Login) error {
	realm, err := c.realm()
	if err != nil {
		return transfer.Terminal(transfer.ReasonUnauthorized, err)
	}
	r, authorization := c.tokenRequest(realm, l)
	reply, err := c.follow(ctx, r, authorization)
	if err != nil {
		return err
	}
	if err := statusError(reply, "token server", c.secrets, c.o.Now(), http.StatusOK); err != nil {
		if reply.Status < http.StatusInternalServerError && reply.Status != http.StatusTooManyRequests {
			err = transfer.Terminal(transfer.ReasonUnauthorized, c.hint(err))
		}
		return err
	}
	var answer struct {
		Token       string  `json:"token"`
		AccessToken string  `json:"access_token"`
		ExpiresIn   float64 `json:"expires_in"`
	}
	// The decoder's error, and the answer itself, can hold a token.
	if json.Unmarshal(reply.Body, &answer) != nil || answer.Token == "" && answer.AccessToken == "" {
		return transfer.Terminal(transfer.ReasonUnauthorized, errors.New("the token server's answer holds no token"))
	}
	if answer.AccessToken == "" {
		answer.AccessToken = answer.Token
	}
	lifetime := time.Duration(answer.ExpiresIn * float64(time.Second))
	if lifetime <= 0 {
		lifetime = defaultLifetime
	}
	c.authorization = "Bearer " + answer.AccessToken
	// It is renewed while it still holds, so that an upload is not refused.
	c.expires = c.o.Now().Add(lifetime - lifetime/5)
	return nil
}

// realm is the token server's URL. It speaks https unless the registry does not
// either: a password goes there.
func (c *Client) realm() (*url.URL, error) {
	u, err := url.Parse(c.challenge.parameters["realm"])
	switch {
	case err != nil || u.Host == "" || u.Scheme != schemeHTTP && u.Scheme != schemeHTTPS:
		return nil, errors.New("the registry names no server for tokens that has a URL")
	case u.Scheme == schemeHTTP && c.base.Scheme != schemeHTTP:
		return nil, fmt.Errorf("the registry names the server %s for tokens, which is spoken to by plain http", u.Host)
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u, nil
}

// tokenRequest is the request for a token, and what authorizes it.
func (c *Client) tokenRequest(realm *url.URL, l login.Login) (r Request, authorization string) {
	values := realm.Query()
	if service := c.challenge.parameters["service"]; service != "" {
		values.Set("service", service)
	}
	scopes := c.scopes()
	if l.IdentityToken != "" {
		values.Set("grant_type", "refresh_token")
		values.Set("refresh_token", l.IdentityToken)
		values.Set("client_id", userAgent)
		values.Set("scope", strings.Join(scopes, " "))
		header := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
		bare := *realm
		bare.RawQuery = ""
		return Request{Method: http.MethodPost, URL: &bare, Header: header, Body: []byte(values.Encode())}, ""
	}
	values["scope"] = scopes
	u := *realm
	u.RawQuery = values.Encode()
	if l.Username != "" {
		authorization = basic(l)
	}
	return Request{Method: http.MethodGet, URL: &u}, authorization
}

// scopes are what the token must permit: the repository's actions, and first
// what the registry asked for beside it, since some look at the first alone.
func (c *Client) scopes() []string {
	own := append([]string{"repository:" + c.o.Repository + ":" + c.o.Actions}, c.o.Scopes...)
	asked := c.challenge.parameters["scope"]
	if asked == "" || strings.HasPrefix(asked, "repository:"+c.o.Repository+":") {
		return own
	}
	return append([]string{asked}, own...)
}
