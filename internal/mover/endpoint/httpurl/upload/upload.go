// SPDX-License-Identifier: Apache-2.0

// Package upload is the endpoint of artifacts that an HTTP server takes, by PUT
// or POST.
//
// The artifact is one request's body, with its length where that is known and
// in chunks where it is not. The request asks first (Expect: 100-continue), so
// that credentials that are refused, redirects (307 and 308) and limits cost no
// bytes; credentials that were replaced meanwhile are read again. A status of
// the 200s says that the server has taken it. There is nothing to continue in
// HTTP: a body that breaks is begun again. What the server keeps of a body that
// does not end is the server's, and so is when it shows what it has taken.
//
// What is put somewhere is looked at, by HEAD: before, so that the request can be
// made on the condition that nobody else writes meanwhile; just before its last
// bytes; and after, to compare sizes. Where the server does not answer these
// questions, nothing is compared and nothing is asked of it: a signed URL permits
// PUT alone. What is posted is not looked for.
//
// Secrets go to the scheme, host and port of the original URL only.
package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
	"github.com/novasphere/provider-wukong/internal/mover/reqbody"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// partSize is what is in memory between the artifact and the connection.
	partSize = 1 << 20

	maxRedirects = 10

	// patience is how long a server may take to make its answer, which it
	// may do when it has the file on its disk.
	patience = 5 * time.Minute

	// askPatience is the same for a request that only asks, and lastPatience for
	// the one in the middle of the artifact's: a server that serves one request
	// after the other never answers that.
	askPatience  = time.Minute
	lastPatience = 10 * time.Second

	userAgent = "provider-wukong-mover"
)

// Options say where an artifact goes. Zero values mean the defaults.
type Options struct {
	// URL that takes the artifact, and the method: PUT or POST.
	URL, Method string

	// Headers that are sent to the URL's own scheme, host and port.
	Headers []transfer.Header

	// Credentials returns what to authenticate with. It is called at first,
	// and again when the server refuses what it returned. Nil: nothing.
	Credentials func() (auth.Credentials, error)

	// CheckURL is asked before every request, redirects included. Nil: every
	// URL is allowed.
	CheckURL func(*url.URL) error

	// Again makes a request that only asks, and makes it again when it failed in
	// a way that another try can mend. Nil: it is made once.
	Again func(ctx context.Context, try func(context.Context) error) error

	// Link is how connections are made. Stall and Answer are this package's.
	Link link.Options
}

// An Upload is an artifact that an HTTP server takes. It is a disk.Streamer.
type Upload struct {
	link        *link.Link
	opts        Options
	origin, at  *url.URL // at is where redirects ended
	headers     http.Header
	credentials auth.Credentials
	taken       *http.Response // the answer that took the artifact

	before sight // what stood at the URL before anything was sent
	bare   bool  // the server does not understand conditions

	// unanswered is how many requests the server may have carried out without an
	// answer that says so, and sent the most bytes that one of them had.
	unanswered int
	sent       int64
}

// Create begins an upload: it looks at what stands at the URL. The errors are
// those of the server, classified, or that of the context.
func Create(ctx context.Context, o Options) (*Upload, error) {
	u, err := prepare(o)
	if err != nil {
		return nil, err
	}
	if u.before, err = u.look(ctx); err != nil {
		u.link.Close()
		return nil, fmt.Errorf("cannot look at %s: %w", answer.Name(u.origin), toTarget(err))
	}
	return u, nil
}

func prepare(o Options) (*Upload, error) {
	u, err := url.Parse(o.URL)
	if err != nil || u.Host == "" {
		return nil, transfer.Terminal(transfer.ReasonInvalidJob, errors.New("cannot export: the target's URL is not an http or https URL"))
	}
	u.User, u.Fragment, u.RawFragment = nil, "", ""
	if o.Method == "" {
		o.Method = http.MethodPut
	}
	if o.Credentials == nil {
		o.Credentials = func() (auth.Credentials, error) { return auth.Credentials{}, nil }
	}
	if o.CheckURL == nil {
		o.CheckURL = func(*url.URL) error { return nil }
	}
	if o.Again == nil {
		o.Again = func(ctx context.Context, try func(context.Context) error) error { return try(ctx) }
	}
	up := &Upload{opts: o, origin: u, at: u, headers: http.Header{}}
	for _, h := range o.Headers {
		if err := auth.CheckHeader(h); err != nil {
			return nil, transfer.Terminal(transfer.ReasonInvalidJob, fmt.Errorf("cannot send header %.40q: %w", h.Name, err))
		}
		up.headers.Add(h.Name, h.Value)
	}
	if up.credentials, err = o.Credentials(); err != nil {
		return nil, err
	}
	o.Link.Stall, o.Link.Answer = patience, patience
	up.link, err = link.New(o.Link)
	return up, err
}

// Parts implements disk.Upload.
func (u *Upload) Parts() disk.Parts { return disk.Parts{Size: partSize, Ordered: true} }

// Put implements disk.Upload. It is never called: see disk.Streamer.
func (u *Upload) Put(context.Context, []byte, int64) (bool, error) {
	return false, errors.New("cannot send a part by itself over HTTP")
}

// Stream implements disk.Streamer.
func (u *Upload) Stream(ctx context.Context, r io.Reader, size int64) error {
	u.taken = nil
	e := &ending{r: r, size: size}
	b := reqbody.New(e)
	var err error
	for range maxRedirects + 2 {
		var again bool
		again, err = u.send(ctx, b, e)
		if unclear(err) && (b.Touched() || size == 0) {
			u.unanswered++
			u.sent = max(u.sent, e.given.Load())
		}
		if !again {
			break
		}
	}
	switch {
	case err == nil && u.taken == nil:
		err = answer.TooManyRedirects("server redirects more than %d times, the last time to %s", maxRedirects, answer.Name(u.at))
	case b.Failed() != nil:
		return b.Failed() // The server only saw that nothing more came.
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if err != nil {
		return u.cannot("upload to", err)
	}
	return nil
}

func (u *Upload) cannot(verb string, err error) error {
	return fmt.Errorf("cannot %s %s: %w", verb, answer.Name(u.origin), toTarget(err))
}

// send makes one request. It is worth another one at once when nothing of the
// body was read, and the server wants another URL, other credentials or another
// condition.
func (u *Upload) send(ctx context.Context, b *reqbody.Body, e *ending) (again bool, err error) {
	if err := u.opts.CheckURL(u.at); err != nil {
		return false, err
	}
	e.look = u.lastLook(ctx)
	q, err := u.request(ctx, b, e.size)
	if err != nil {
		return false, err
	}
	r, err := u.link.RoundTrip(q)
	if err != nil {
		b.Wait()
		return false, answer.Silence(err, u.at)
	}
	defer b.Wait()       // The transport may go on reading it until it is closed.
	defer r.Body.Close() //nolint:errcheck // Closing a reader loses nothing.
	switch s := r.StatusCode; {
	case s >= 200 && s < 300:
		u.taken = r
		return false, nil
	case s == http.StatusTemporaryRedirect, s == http.StatusPermanentRedirect:
		return u.follow(ctx, r, b)
	case denied(s):
		fresh, err := u.renew()
		if err != nil {
			return false, err
		}
		if fresh {
			return sendAgain(b, s)
		}
	case u.condition() != nil && (s == http.StatusPreconditionFailed || s == http.StatusNotImplemented):
		return u.contested(ctx, r, b)
	}
	return false, answer.Refusal(r, u.credentials.Scrub, time.Now())
}

// renew reads the credentials again, and reports whether they are others than
// those that were refused.
func (u *Upload) renew() (bool, error) {
	refused := u.credentials
	var err error
	if u.credentials, err = u.opts.Credentials(); err != nil {
		return false, err
	}
	return !u.credentials.Equal(refused), nil
}

func denied(status int) bool {
	return status == http.StatusUnauthorized || status == http.StatusForbidden
}

// request makes the request for the present URL.
func (u *Upload) request(ctx context.Context, b *reqbody.Body, size int64) (*http.Request, error) {
	q, err := http.NewRequestWithContext(ctx, u.opts.Method, u.at.String(), b.Open())
	if err != nil {
		return nil, answer.Refused("the URL cannot be requested")
	}
	q.ContentLength = size // disk.Unknown is -1, which is chunked.
	if size == 0 {
		q.Body = http.NoBody
		_ = b.Close()
	}
	u.identify(q, u.credentials)
	if q.Header.Get("Content-Type") == "" {
		q.Header.Set("Content-Type", "application/octet-stream")
	}
	maps.Copy(q.Header, u.condition())
	q.Header.Set("Expect", "100-continue")
	return q, nil
}

// identify gives a request the headers and credentials, where it may have them.
func (u *Upload) identify(q *http.Request, c auth.Credentials) {
	if sameOrigin(q.URL, u.origin) {
		maps.Copy(q.Header, u.headers.Clone())
		c.Apply(q.Header)
	}
	if q.Header.Get("User-Agent") == "" {
		q.Header.Set("User-Agent", userAgent)
	}
}

// follow goes to where the server redirects, and looks at what stands there: a
// condition holds of the URL that was looked at.
func (u *Upload) follow(ctx context.Context, r *http.Response, b *reqbody.Body) (again bool, err error) {
	next, err := r.Location() // Its error repeats the URL, which may hold a secret.
	if err != nil || next.Host == "" || next.Scheme != "http" && next.Scheme != "https" {
		return false, answer.Refused("server redirects to nothing that is an http or https URL")
	}
	next.User, next.Fragment, next.RawFragment = nil, "", ""
	u.at = next
	if u.before, err = u.look(ctx); err != nil {
		return false, err
	}
	return sendAgain(b, r.StatusCode)
}

// sendAgain says that the request is made again: at once, or by whoever makes the
// body again when some of it is gone.
func sendAgain(b *reqbody.Body, status int) (bool, error) {
	if !b.Touched() {
		return true, nil
	}
	return false, transfer.Retryable(transfer.ReasonTargetUnavailable,
		fmt.Errorf("server answers %d when some of the body was sent", status))
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Host, b.Host)
}

// Abort implements disk.Upload.
func (u *Upload) Abort(context.Context, bool) error {
	u.link.Close()
	return nil
}

// toTarget gives an error that package answer understood as a source's the
// reason that it has with a target.
func toTarget(err error) error {
	var e *transfer.Error
	if !errors.As(err, &e) {
		return err
	}
	reason := e.Reason
	switch e.Reason { // The others are the same for both.
	case transfer.ReasonSourceNotFound, transfer.ReasonSourceRefused, transfer.ReasonSourceChanged:
		reason = transfer.ReasonTargetRefused
	case transfer.ReasonSourceUnavailable:
		reason = transfer.ReasonTargetUnavailable
	}
	var status *answer.StatusError
	if errors.As(err, &status) {
		switch status.Status {
		case http.StatusInsufficientStorage:
			reason = transfer.ReasonOutOfSpace
		case http.StatusPreconditionFailed:
			reason = transfer.ReasonTargetChanged
		case http.StatusNotImplemented:
			reason = transfer.ReasonTargetRefused
		}
	}
	return &transfer.Error{Reason: reason, Err: err, RetryAfter: e.RetryAfter}
}
