// SPDX-License-Identifier: Apache-2.0

package httpurl

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Options say which file is opened, and how. Zero values mean the defaults.
type Options struct {
	// URL of the file, http or https.
	URL string

	// Headers that are sent to the URL's own scheme, host and port.
	Headers []transfer.Header

	// Credentials returns what to authenticate with. It is called at first,
	// and again when the server refuses what it returned. Nil: nothing.
	Credentials func() (auth.Credentials, error)

	// CheckURL is asked before every request, redirects included; its error
	// ends the read. Nil: every URL is allowed.
	CheckURL func(*url.URL) error

	// Now returns the time, to understand a Retry-After date. Nil: time.Now.
	Now func() time.Time

	// Link is how connections are made.
	Link link.Options
}

// A File is a file behind a URL, pinned to the version that was opened. It
// implements disk.File.
type File struct {
	fetch   *fetcher
	stat    disk.Stat
	version answer.Version
	head    []byte

	mu   sync.Mutex
	rest *rest
}

// New opens a file. The errors are those of the server, classified, or that
// of the context; a retryable one is worth another call.
func New(ctx context.Context, o Options) (*File, error) {
	u, err := parse(o.URL)
	if err != nil {
		return nil, err
	}
	f, err := open(ctx, u, o)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", answer.Name(u), err)
	}
	return f, nil
}

func open(ctx context.Context, u *url.URL, o Options) (*File, error) {
	own, err := headers(o.Headers)
	if err != nil {
		return nil, err
	}
	if o.Credentials == nil {
		o.Credentials = func() (auth.Credentials, error) { return auth.Credentials{}, nil }
	}
	if o.CheckURL == nil {
		o.CheckURL = func(*url.URL) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	credentials, err := o.Credentials()
	if err != nil {
		return nil, err
	}
	l, err := link.New(o.Link)
	if err != nil {
		return nil, err
	}
	origin := target{url: u, trusted: true}
	f := &File{fetch: &fetcher{
		link: l, origin: origin, at: origin, headers: own,
		load: o.Credentials, credentials: credentials,
		checkURL: o.CheckURL, now: o.Now,
	}}
	if err := f.probe(ctx); err != nil {
		l.Close()
		return nil, err
	}
	return f, nil
}

// parse returns the URL without what is never sent. Its error does not repeat
// the URL, which may hold a secret.
func parse(s string) (*url.URL, error) {
	u, err := url.Parse(s)
	if err != nil || !ours(u) {
		return nil, transfer.Terminal(transfer.ReasonInvalidJob, errors.New("cannot open source: its URL is not an http or https URL"))
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	return u, nil
}

func headers(hs []transfer.Header) (http.Header, error) {
	out := http.Header{}
	for _, h := range hs {
		if err := auth.CheckHeader(h); err != nil {
			return nil, transfer.Terminal(transfer.ReasonInvalidJob, fmt.Errorf("cannot send header %.40q: %w", h.Name, err))
		}
		out.Add(h.Name, h.Value)
	}
	return out, nil
}

// Stat implements disk.File.
func (f *File) Stat() disk.Stat { return f.stat }

// Close implements disk.File.
func (f *File) Close() error {
	if r := f.takeRest(); r != nil {
		r.close()
	}
	f.fetch.link.Close()
	return nil
}
