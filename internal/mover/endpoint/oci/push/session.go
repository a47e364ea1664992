// SPDX-License-Identifier: Apache-2.0

package push

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// partSize is one chunk. A chunk is what is sent again, at most, when a
	// connection breaks, and one round trip.
	partSize = 16 << 20

	// smallChunk is one for registries that refuse larger ones: GitHub's takes
	// at most 4 MiB in a request that has a range.
	smallChunk = 4 << 20

	// maxRefusals is after how many refusals in a row of chunks that the
	// session could have taken none is tried any more: one or two can be of a
	// registry that is still at work on what broke off.
	maxRefusals = 4

	// maxBreaks is after how many requests in a row that broke chunks become
	// small: a server that refuses a large one can break the connection before
	// its words arrive, and on a bad link a small one is more likely to.
	maxBreaks = 2

	// chunkGrace is how long a request with a chunk may go on when the upload
	// has ended. At 30 Mbit/s a chunk is through.
	chunkGrace = 5 * time.Second

	octets = "application/octet-stream"
)

var (
	// errGone is in the error of a session that cannot go on.
	errGone = errors.New("the upload cannot go on")

	// errNoChunks is in the error of a registry that takes no chunks.
	errNoChunks = errors.New("the registry takes no chunks")
)

// A session is one upload of a blob (distribution specification, "Pushing a blob
// in chunks").
type session struct {
	client *remote.Client

	at     *url.URL // nil: there is none
	offset int64    // how many bytes the registry has
	unsure bool     // it may have others, since a request broke
	silent bool     // it does not tell how many it has

	chunk    int64 // most bytes of one request; 0: any
	refusals int   // of chunks, in a row
	breaks   int   // of requests with a chunk, in a row
}

// begin asks for a session. least is how many bytes a chunk must have, but for
// the last one.
func (s *session) begin(ctx context.Context) (least int64, err error) {
	r, err := s.client.Call(ctx, remote.Request{Method: http.MethodPost, URL: s.client.URL("blobs/uploads/")}, http.StatusAccepted)
	if err != nil {
		return 0, err
	}
	at, err := s.client.Resolve(r)
	if err != nil {
		return 0, err
	}
	s.at, s.offset, s.unsure, s.silent, s.refusals, s.breaks = at, 0, false, false, 0, 0
	least, err = strconv.ParseInt(r.Header.Get("OCI-Chunk-Min-Length"), 10, 32)
	if err != nil {
		least = 0
	}
	return least, nil
}

// patch sends bytes at the session's offset, as many as one request may have. When
// nobody wants them any more, the request still has a moment to come to its end: a
// registry that is at work on one that broke off can write what is left of it
// after the session was cancelled, and then nobody removes it.
func (s *session) patch(ctx context.Context, p []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ctx, end := outliving(ctx, chunkGrace)
	defer end()
	if s.chunk > 0 && int64(len(p)) > s.chunk {
		p = p[:s.chunk]
	}
	last := s.offset + int64(len(p)) - 1
	s.unsure = true
	r, err := s.client.Call(ctx, remote.Request{
		Method: http.MethodPatch,
		URL:    s.at,
		Header: http.Header{"Content-Type": {octets}, "Content-Range": {fmt.Sprintf("%d-%d", s.offset, last)}},
		Body:   p,
	}, http.StatusAccepted, http.StatusNoContent, http.StatusCreated)
	if err != nil {
		return s.refused(err)
	}
	s.refusals, s.breaks = 0, 0
	before := s.offset
	if err := s.follow(r, last+1); err != nil {
		return err
	}
	if s.offset <= before {
		// Amazon's registry goes on telling the end of the first chunk. That it
		// has this one its status says, and the digest will prove.
		s.offset = last + 1
	}
	if s.offset > last+1 {
		return fmt.Errorf("%w: the registry took %d bytes of the upload when it was sent %d to %d", errGone, s.offset, before, last+1)
	}
	return nil
}

// outliving returns a context that ends as long after its parent, or with end.
func outliving(parent context.Context, grace time.Duration) (ctx context.Context, end func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		select {
		case <-ctx.Done():
		case <-time.After(grace):
			cancel()
		}
	})
	return ctx, func() {
		stop()
		cancel()
	}
}

// refused says what becomes of a session one of whose chunks was refused.
func (s *session) refused(err error) error {
	switch status := remote.Status(err); {
	case status == http.StatusRequestedRangeNotSatisfiable && s.silent:
		return fmt.Errorf("%w: %w", errGone, err)
	case status == http.StatusRequestedRangeNotSatisfiable, status == http.StatusRequestEntityTooLarge:
		// It has another offset, perhaps of what it was still at work on; or
		// the chunk is too large.
		if s.refusals++; s.refusals >= maxRefusals {
			return fmt.Errorf("%w: %w", errNoChunks, err)
		}
		if s.refusals > 1 || status == http.StatusRequestEntityTooLarge {
			s.chunk = smallChunk
		}
		return transfer.Retryable(transfer.ReasonTargetUnavailable, err)
	case status == http.StatusBadRequest, status == http.StatusMethodNotAllowed, status == http.StatusLengthRequired,
		status == http.StatusUnsupportedMediaType, status == http.StatusNotImplemented:
		return fmt.Errorf("%w: %w", errNoChunks, err)
	}
	if s.breaks++; s.breaks > maxBreaks {
		s.chunk = smallChunk
	}
	return err
}

// stream sends all of a blob in one request, which has no range: size bytes of
// r, or as many as come where size is negative. An error of r is returned as it
// is.
func (s *session) stream(ctx context.Context, r *counting, size int64) error {
	s.unsure = true
	reply, err := s.client.Stream(ctx, remote.Request{
		Method: http.MethodPatch, URL: s.at, Header: http.Header{"Content-Type": {octets}},
	}, remote.Body{Reader: r, Size: size}, http.StatusAccepted, http.StatusNoContent, http.StatusCreated)
	if err != nil {
		return err
	}
	if err := s.follow(reply, r.n); err != nil {
		return err
	}
	s.offset = r.n // Its status says so, whatever its Range does; the digest will prove it.
	return nil
}

// counting counts what is read, and keeps the error that ends it.
type counting struct {
	io.Reader

	n   int64
	err error
}

// Read implements io.Reader.
func (c *counting) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += int64(n)
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// ask asks the session how far it came.
func (s *session) ask(ctx context.Context) error {
	r, err := s.client.Call(ctx, remote.Request{Method: http.MethodGet, URL: s.at}, http.StatusNoContent, http.StatusOK, http.StatusAccepted)
	if err != nil {
		return err
	}
	return s.follow(r, 0)
}

// askAgain is ask after a break. A registry that does not tell (Amazon's answers
// 404) may have nothing of the chunk that broke off: one that knows the session
// takes it again, or refuses it.
func (s *session) askAgain(ctx context.Context) error {
	if s.silent {
		return nil
	}
	err := s.ask(ctx)
	if status := remote.Status(err); status == http.StatusNotFound || status == http.StatusMethodNotAllowed {
		s.silent = true
		return nil
	}
	return err
}

// follow goes where an answer says that the session goes on: with as many bytes
// as its Range has, otherwise if it has none.
func (s *session) follow(r *remote.Reply, otherwise int64) error {
	if r.Header.Get("Location") != "" {
		u, err := s.client.Resolve(r)
		if err != nil {
			return err
		}
		s.at = u
	}
	_, last, ok := strings.Cut(r.Header.Get("Range"), "-")
	n, err := strconv.ParseInt(strings.TrimSpace(last), 10, 63)
	switch {
	case !ok || err != nil:
		s.offset = otherwise
	case n == 0 && s.offset == 0 && otherwise == 0:
		// "0-0" is said of no byte, too: there is no other way to say it.
	default:
		s.offset = n + 1
	}
	s.unsure = false
	return nil
}

// end makes the request that ends the session with a whole blob, of which p is
// what is left to send.
func (s *session) end(ctx context.Context, digest string, p []byte) error {
	u := *s.at
	q := u.Query()
	q.Set("digest", digest)
	u.RawQuery = q.Encode()
	_, err := s.client.Call(ctx, remote.Request{
		Method: http.MethodPut, URL: &u, Header: http.Header{"Content-Type": {octets}}, Body: p,
	}, http.StatusCreated, http.StatusNoContent)
	return err
}

// cancel ends the session without a blob.
func (s *session) cancel(ctx context.Context) error {
	if s.at == nil {
		return nil
	}
	_, err := s.client.Call(ctx, remote.Request{Method: http.MethodDelete, URL: s.at},
		http.StatusNoContent, http.StatusOK, http.StatusAccepted, http.StatusNotFound, http.StatusGone)
	if err == nil {
		s.at = nil
	}
	return err
}

// gone reports whether a status says that there is no such session any more.
func gone(status int) bool { return status == http.StatusNotFound || status == http.StatusGone }
