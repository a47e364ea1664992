// SPDX-License-Identifier: Apache-2.0

package httpurl

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
)

const (
	// maxRedirects in one chain; browsers allow 20, curl 50, Go 10.
	maxRedirects = 10

	// maxDrain is how much of a body that nobody wants is read, so that its
	// connection can serve the next request. Above it a new one is cheaper.
	maxDrain = 4 << 10

	userAgent = "provider-wukong-mover"

	schemeHTTP, schemeHTTPS = "http", "https"
)

// A target is where a request goes.
type target struct {
	url *url.URL

	// trusted targets get the credentials and the request's own headers.
	trusted bool
}

// A reply is what came from a target at the end of redirects.
type reply struct {
	*http.Response

	from target
	used auth.Credentials
}

// A fetcher makes requests for one file. It may be used by many goroutines at
// once.
type fetcher struct {
	link     *link.Link
	origin   target
	headers  http.Header
	load     func() (auth.Credentials, error)
	checkURL func(*url.URL) error
	now      func() time.Time

	mu          sync.Mutex
	at          target // where redirects ended
	credentials auth.Credentials
}

// do makes a request with headers h beside the usual ones. It asks the
// original URL once more when the end of its redirects refuses, and again when
// the credentials have been replaced.
func (f *fetcher) do(ctx context.Context, h http.Header) (reply, error) {
	at := f.current()
	r, err := f.follow(ctx, at, h)
	if err != nil {
		return reply{}, err
	}
	if expired(r.StatusCode) && at != f.origin {
		drop(r)
		if r, err = f.follow(ctx, f.origin, h); err != nil {
			return reply{}, err
		}
	}
	if denied(r.StatusCode) && r.from.trusted {
		fresh, err := f.reload(r.used)
		if err != nil {
			drop(r)
			return reply{}, err
		}
		if fresh {
			drop(r)
			if r, err = f.follow(ctx, f.origin, h); err != nil {
				return reply{}, err
			}
		}
	}
	if served(r.StatusCode) {
		f.remember(r.from)
	}
	return r, nil
}

// follow makes a request and follows its redirects.
func (f *fetcher) follow(ctx context.Context, at target, h http.Header) (reply, error) {
	visited := map[string]bool{}
	for range maxRedirects + 1 {
		visited[at.url.String()] = true
		r, err := f.send(ctx, at, h)
		if err != nil {
			return reply{}, f.via(at, err)
		}
		next, err := location(r.Response)
		if err != nil {
			drop(r)
			return reply{}, f.via(at, err)
		}
		if next == nil {
			return r, nil
		}
		drop(r)
		if visited[next.String()] {
			return reply{}, answer.TooManyRedirects("server redirects in a loop, from %s back to %s", answer.Name(at.url), answer.Name(next))
		}
		at = target{url: next, trusted: at.trusted && sameOrigin(f.origin.url, next)}
	}
	return reply{}, answer.TooManyRedirects("server redirects more than %d times, the last time to %s", maxRedirects, answer.Name(at.url))
}

// send makes one request and follows nothing.
func (f *fetcher) send(ctx context.Context, at target, h http.Header) (reply, error) {
	if err := f.checkURL(at.url); err != nil {
		return reply{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, at.url.String(), nil)
	if err != nil {
		return reply{}, answer.Refused("the URL cannot be requested")
	}
	f.mu.Lock()
	used := f.credentials
	f.mu.Unlock()
	if at.trusted {
		maps.Copy(r.Header, f.headers.Clone())
		used.Apply(r.Header)
	}
	maps.Copy(r.Header, h)
	r.Header.Set("Accept-Encoding", "identity")
	if r.Header.Get("User-Agent") == "" {
		r.Header.Set("User-Agent", userAgent)
	}
	resp, err := f.link.RoundTrip(r) //nolint:bodyclose // Whoever gets the reply closes it.
	if err != nil {
		if ctx.Err() != nil {
			return reply{}, ctx.Err()
		}
		return reply{}, answer.Silence(err, at.url)
	}
	return reply{Response: resp, from: at, used: used}, nil
}

// refusal returns the error of a reply that is not what was asked for, and
// ends the reply.
func (f *fetcher) refusal(r reply) error {
	err := answer.Refusal(r.Response, r.used.Scrub, f.now())
	drop(r)
	return f.via(r.from, err)
}

// via names the target of an error where it is not the file's own URL.
func (f *fetcher) via(at target, err error) error {
	if sameOrigin(at.url, f.origin.url) && at.url.Path == f.origin.url.Path {
		return err
	}
	return fmt.Errorf("redirected to %s: %w", answer.Name(at.url), err)
}

func (f *fetcher) current() target {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.at
}

func (f *fetcher) remember(at target) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.at = at
}

// reload reads the credentials again and reports whether they are others than
// those that were refused.
func (f *fetcher) reload(refused auth.Credentials) (bool, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.credentials.Equal(refused) {
		return true, nil
	}
	c, err := f.load()
	if err != nil {
		return false, err
	}
	f.credentials = c
	return !c.Equal(refused), nil
}

// location returns where a reply redirects to; nil when it does not.
func location(r *http.Response) (*url.URL, error) {
	switch r.StatusCode {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
	default:
		return nil, nil //nolint:nilnil // Nil stands for no redirect.
	}
	// The error of Location repeats the URL, which may hold a secret.
	u, err := r.Location()
	if err != nil {
		return nil, answer.Refused("server redirects to nothing that is a URL")
	}
	if !ours(u) {
		return nil, answer.Refused(fmt.Sprintf("server redirects to a URL with scheme %.20q", u.Scheme))
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u, nil
}

// ours reports whether a URL is one that this package can request.
func ours(u *url.URL) bool {
	return (u.Scheme == schemeHTTP || u.Scheme == schemeHTTPS) && u.Host != ""
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

func served(status int) bool {
	return status == http.StatusOK || status == http.StatusPartialContent
}

// expired reports whether a status is one with which stores refuse a signed
// URL whose time is over: GCS says 400, the others 401 or 403; and a mirror
// that has dropped the file says 404 or 410.
func expired(status int) bool {
	return denied(status) || status == http.StatusBadRequest || status == http.StatusNotFound || status == http.StatusGone
}

func denied(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// drop ends a reply whose body nobody wants.
func drop(r reply) {
	_, _ = io.CopyN(io.Discard, r.Body, maxDrain)
	_ = r.Body.Close()
}
