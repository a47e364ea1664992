// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/login"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	userAgent = "provider-wukong-mover"

	schemeHTTP, schemeHTTPS = "http", "https"

	// maxRedirects in one chain; browsers allow 20, curl 50, Go 10.
	maxRedirects = 10

	// maxBodyBytes bounds what an answer may hold. Registries accept manifests
	// of 4 MiB (distribution specification, "Pushing Manifests").
	maxBodyBytes = 4 << 20
)

// Options say which repository is spoken to, and how.
type Options struct {
	// Registry is its host, with a port where it is not the scheme's own.
	Registry string

	// Schemes are tried in this order, until one of them answers.
	Schemes []string

	// Repository is the name in the registry.
	Repository string

	// Actions that a token must permit, such as "pull,push".
	Actions string

	// Scopes that a token must permit beside these, such as
	// "repository:other/name:pull" (distribution, "Token Scope Documentation").
	Scopes []string

	// Login returns the credentials. It is called when the registry wants
	// some, and again when it refuses what they gave.
	Login func(context.Context) (login.Login, error)

	// Transport makes one request and follows nothing. Its errors pass
	// unchanged.
	Transport http.RoundTripper

	// Now returns the time. Nil: time.Now.
	Now func() time.Time
}

// A Client makes requests to one repository. It may be used by many goroutines
// at once.
type Client struct {
	o    Options
	base *url.URL

	mu            sync.Mutex
	challenge     challenge // how the registry wants to be authenticated to
	authorization string    // the header's value; empty: none
	expires       time.Time // of the authorization; zero: it does not
	secrets       []string  // what no message may repeat
	anonymous     bool      // there were no credentials to authenticate with
}

// A Request is one request to a registry.
type Request struct {
	Method string
	URL    *url.URL
	Header http.Header
	Body   []byte

	// Stay follows no redirect: it is the answer.
	Stay bool

	stream *streamed // in place of Body; nil: none
}

// A Reply is an answer that was read in full.
type Reply struct {
	Status int
	Header http.Header
	Body   []byte

	// URL that answered, at the end of redirects.
	URL *url.URL
}

// Dial finds out which scheme the registry speaks and how it wants to be
// authenticated to.
func Dial(ctx context.Context, o Options) (*Client, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	var err error
	for _, scheme := range o.Schemes {
		c := &Client{o: o, base: &url.URL{Scheme: scheme, Host: o.Registry, Path: "/v2/"}}
		if err = c.ping(ctx); err == nil {
			return c, nil
		}
		if ctx.Err() != nil || !another(err) {
			return nil, err
		}
	}
	return nil, err
}

// another reports whether a registry that gave an error with one scheme may
// speak another: not when it answered, or when its certificate is wrong.
func another(err error) bool {
	var status *StatusError
	reason := transfer.ReasonOf(err)
	return !errors.As(err, &status) && reason != transfer.ReasonCertificateUntrusted && reason != transfer.ReasonPolicyDenied
}

// ping makes the request with which every client begins (distribution
// specification, "Determining Support").
func (c *Client) ping(ctx context.Context) error {
	r, err := c.follow(ctx, Request{Method: http.MethodGet, URL: c.base}, "")
	if err != nil {
		return err
	}
	if r.URL.Host == c.base.Host && r.URL.Scheme == schemeHTTPS {
		c.base.Scheme = schemeHTTPS
	}
	if r.Status == http.StatusUnauthorized {
		c.learn(r.Header)
		return nil
	}
	return c.check(r, http.StatusOK)
}

// URL is that of a part of the repository, such as "manifests/latest".
func (c *Client) URL(part string) *url.URL {
	u := *c.base
	u.Path += c.o.Repository + "/" + part
	return &u
}

// Resolve returns the URL of a Location header, which may be relative to where
// it came from. A registry behind a proxy that ends TLS often does not know
// that it is spoken to by https: the scheme stays then.
func (c *Client) Resolve(r *Reply) (*url.URL, error) {
	// The errors do not repeat the URL, whose query holds a token.
	u, err := r.URL.Parse(r.Header.Get("Location"))
	if err != nil || r.Header.Get("Location") == "" {
		return nil, errors.New("the registry does not say where to go on: its answer has no Location that is a URL")
	}
	if c.base.Scheme == schemeHTTPS && u.Scheme == schemeHTTP && strings.EqualFold(u.Hostname(), c.base.Hostname()) &&
		(u.Port() == c.base.Port() || u.Port() == "") {
		u.Scheme, u.Host = c.base.Scheme, c.base.Host
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u, nil
}

// Call makes a request. A status that is not wanted is a *StatusError.
func (c *Client) Call(ctx context.Context, r Request, want ...int) (*Reply, error) {
	reply, err := c.call(ctx, r)
	if err != nil {
		return nil, err
	}
	return reply, c.check(reply, want...)
}

func (c *Client) call(ctx context.Context, r Request) (*Reply, error) {
	if !sameOrigin(c.base, r.URL) {
		return c.follow(ctx, r, "")
	}
	used, err := c.Authorization(ctx, "")
	if err != nil {
		return nil, err
	}
	reply, err := c.follow(ctx, r, used)
	if err != nil || reply.Status != http.StatusUnauthorized || !sameOrigin(c.base, reply.URL) {
		return reply, err
	}
	c.learn(reply.Header)
	fresh, err := c.renew(ctx, used)
	if err != nil {
		return nil, err
	}
	if fresh == used {
		return reply, nil
	}
	if err := r.again(reply.Status); err != nil {
		return nil, err
	}
	return c.follow(ctx, r, fresh)
}

// follow makes a request and follows its redirects. Only those that say so take
// a request with a body along.
func (c *Client) follow(ctx context.Context, r Request, authorization string) (*Reply, error) {
	origin := r.URL
	for range maxRedirects + 1 {
		reply, err := c.send(ctx, r, authorization)
		if err != nil {
			return nil, err
		}
		if r.Stay || !redirects(r.Method, reply.Status) {
			return reply, nil
		}
		next, err := c.Resolve(reply)
		if err == nil {
			err = r.again(reply.Status)
		}
		if err != nil {
			return nil, err
		}
		if !sameOrigin(origin, next) {
			authorization = ""
		}
		r.URL = next
	}
	return nil, transfer.Terminal(transfer.ReasonTooManyRedirects, fmt.Errorf("registry redirects more than %d times", maxRedirects))
}

func redirects(method string, status int) bool {
	switch status {
	case http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther:
		return method == http.MethodGet || method == http.MethodHead
	}
	return false
}

// send makes one request and reads its answer.
func (c *Client) send(ctx context.Context, r Request, authorization string) (*Reply, error) {
	req, err := http.NewRequestWithContext(ctx, r.Method, r.URL.String(), bytes.NewReader(r.Body))
	if err != nil {
		return nil, errors.New("the URL cannot be requested") // The cause repeats it.
	}
	if r.Header != nil {
		req.Header = r.Header.Clone()
	}
	if authorization != "" {
		req.Header.Set("Authorization", authorization)
	}
	req.Header.Set("User-Agent", userAgent)
	if r.stream != nil {
		r.stream.apply(req)
		defer r.stream.Wait() // The transport may go on reading it until it is closed.
	}
	resp, err := c.o.Transport.RoundTrip(req)
	if err != nil {
		return nil, ended(ctx, err)
	}
	defer resp.Body.Close() //nolint:errcheck // It was only read.
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxBodyBytes+1))
	if err != nil {
		return nil, ended(ctx, fmt.Errorf("cannot read the registry's answer: %w", err))
	}
	if len(body) > maxBodyBytes {
		return nil, transfer.Terminal(transfer.ReasonSourceRefused, fmt.Errorf("the registry's answer has more than %d MiB", maxBodyBytes>>20))
	}
	return &Reply{Status: resp.StatusCode, Header: resp.Header, Body: body, URL: r.URL}, nil
}

// ended gives the context's error where it is why a request broke.
func ended(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	switch {
	case u.Port() != "":
		return u.Port()
	case u.Scheme == schemeHTTPS:
		return "443"
	}
	return "80"
}
