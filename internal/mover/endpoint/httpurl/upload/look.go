// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync/atomic"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A sight is what a server says of what stands at a URL.
type sight struct {
	known   bool // The server says it: signed URLs, and others, do not permit to ask.
	exists  bool
	version answer.Version
}

// same reports whether nothing tells two sights apart.
func (s sight) same(o sight) bool { return s.exists == o.exists && s.version == o.version }

// within reports whether what stands there can be the first n bytes of an
// artifact, or what a server makes of them: one may remove what it replaces.
func (s sight) within(n int64) bool {
	return !s.exists || s.version.Size == disk.Unknown || s.version.Size <= n
}

// String says what stands there.
func (s sight) String() string {
	switch {
	case !s.exists:
		return "nothing"
	case s.version.Size == disk.Unknown:
		return "a file of unknown size"
	}
	return fmt.Sprintf("a file of %d bytes", s.version.Size)
}

// look asks what stands at the present URL.
func (u *Upload) look(ctx context.Context) (now sight, err error) {
	if u.opts.Method != http.MethodPut {
		return sight{}, nil // What is posted to a URL is not necessarily found there.
	}
	err = u.opts.Again(ctx, func(ctx context.Context) (err error) {
		now, err = u.lookOnce(ctx)
		return err
	})
	return now, err
}

func (u *Upload) lookOnce(ctx context.Context) (sight, error) {
	if err := u.opts.CheckURL(u.at); err != nil {
		return sight{}, err
	}
	r, err := u.head(ctx, askPatience, u.at, u.credentials) //nolint:bodyclose // head closes it.
	if err == nil && denied(r.StatusCode) {
		fresh, e := u.renew()
		if e != nil {
			return sight{}, e
		}
		if fresh {
			r, err = u.head(ctx, askPatience, u.at, u.credentials) //nolint:bodyclose // See above.
		}
	}
	if err != nil {
		return sight{}, err
	}
	return see(r, u.credentials)
}

// head asks for what a URL has, less its bytes. It changes nothing of the upload,
// and follows nothing.
func (u *Upload) head(ctx context.Context, patience time.Duration, at *url.URL, c auth.Credentials) (*http.Response, error) {
	limited, cancel := context.WithTimeoutCause(ctx, patience, fmt.Errorf("no answer came within %s", patience))
	defer cancel()
	q, err := http.NewRequestWithContext(limited, http.MethodHead, at.String(), nil)
	if err != nil {
		return nil, answer.Refused("the URL cannot be requested")
	}
	u.identify(q, c)
	q.Header.Set("Accept-Encoding", "identity")
	q.Header.Set("Cache-Control", "no-cache") // A cache may have what stood there before.
	r, err := u.link.RoundTrip(q)
	switch {
	case err == nil:
		return r, r.Body.Close()
	case ctx.Err() != nil:
		return nil, ctx.Err()
	}
	return nil, answer.Silence(err, at)
}

// see understands the answer to head. A server that is busy says nothing yet, and
// one that refuses to be asked never will: that is no error.
func see(r *http.Response, c auth.Credentials) (sight, error) {
	switch s := r.StatusCode; {
	case s >= 200 && s < 300:
		v := answer.VersionOf(r)
		if answer.Encoding(r, r.Request.URL.Path) != nil {
			v.Size = disk.Unknown
		}
		return sight{known: true, exists: true, version: v}, nil
	case s == http.StatusNotFound, s == http.StatusGone:
		return sight{known: true}, nil
	case answer.Busy(s), s >= http.StatusInternalServerError && s != http.StatusNotImplemented:
		return sight{}, answer.Refusal(r, c.Scrub, time.Now())
	}
	return sight{}, nil
}

// An ending is the stream of an artifact. Its last bytes are given when look has
// nothing against it.
type ending struct {
	r     io.Reader
	size  int64 // disk.Unknown: the end is known when it is there.
	given atomic.Int64

	// look is told how many bytes the server can have at most. Nil: nobody looks.
	look func(most int64) error
}

// Read implements io.Reader.
func (e *ending) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	before := e.given.Load()
	last := n > 0 && before+int64(n) == e.size || e.size == disk.Unknown && errors.Is(err, io.EOF)
	if e.look != nil && last {
		if err := e.look(before); err != nil {
			return 0, err
		}
	}
	e.given.Add(int64(n))
	return n, err
}

// lastLook returns what looks once more before the last bytes are sent, since a
// server without conditions does not notice another writer in all the hours that
// an upload takes. What is no larger than what the server has of us can be that.
// It runs beside the request. That it learns nothing is no error: there is another
// look behind the last byte.
func (u *Upload) lastLook(ctx context.Context) func(most int64) error {
	if !u.before.known {
		return nil
	}
	at, credentials, before, earlier := u.at, u.credentials, u.before, int64(0)
	if u.unanswered > 0 {
		earlier = u.sent
	}
	return func(most int64) error {
		r, err := u.head(ctx, lastPatience, at, credentials) //nolint:bodyclose // head closes it.
		if err != nil {
			return nil //nolint:nilerr // See above.
		}
		now, err := see(r, credentials)
		if err != nil || !now.known || now.same(before) || now.within(max(most, earlier)) {
			return nil //nolint:nilerr // See above.
		}
		return u.cannot("upload to", replaced(before, now))
	}
}

func replaced(before, now sight) error {
	what := "replaced the file that was there"
	switch {
	case !before.exists:
		what = "put a file there"
	case !now.exists:
		what = "removed the file that was there"
	}
	return transfer.Terminal(transfer.ReasonTargetChanged, fmt.Errorf("another writer has %s meanwhile: there is %s now", what, now))
}
