// SPDX-License-Identifier: Apache-2.0

package upload

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/mover/reqbody"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// condition is what must hold of the present URL for the server to take the
// artifact (RFC 9110 §13.1); nil where that is not known, or cannot be said.
func (u *Upload) condition() http.Header {
	switch {
	case u.bare || !u.before.known:
		return nil
	case !u.before.exists:
		return http.Header{"If-None-Match": {"*"}}
	case u.before.version.Strong() != "":
		return http.Header{"If-Match": {u.before.version.Strong()}}
	}
	return nil
}

// contested understands an answer that says that the condition does not hold, or
// that the server knows none. The first can be our own doing: a request whose
// answer was lost may have been carried out, as a whole or in part.
func (u *Upload) contested(ctx context.Context, r *http.Response, b *reqbody.Body) (again bool, err error) {
	refusal := answer.Refusal(r, u.credentials.Scrub, time.Now())
	if r.StatusCode == http.StatusNotImplemented {
		u.bare = true
		return sendAgain(b, r.StatusCode)
	}
	now, err := u.look(ctx)
	switch {
	case err != nil:
		return false, err
	case !now.known:
		return false, refusal
	case now.same(u.before):
		u.bare = true // The server contradicts itself.
	case u.unanswered > 0 && now.within(u.sent):
		u.unanswered--
		u.before = now
	case u.unanswered > 0:
		return false, fmt.Errorf("%w; an earlier request, of which no answer came, had %d bytes at most", replaced(u.before, now), u.sent)
	default:
		return false, replaced(u.before, now)
	}
	return sendAgain(b, r.StatusCode)
}

// unclear reports whether an error of send leaves open whether the server has
// carried the request out: there was no answer, or one that can be a proxy's. Those
// are the errors that package answer calls a source's that is not available.
func unclear(err error) bool {
	return transfer.ReasonOf(err) == transfer.ReasonSourceUnavailable
}

// Commit implements disk.Upload. The server has taken the artifact already: what it
// shows of it is compared.
func (u *Upload) Commit(ctx context.Context, s disk.Sum) (disk.Placed, error) {
	defer u.link.Close()
	p := disk.Placed{URI: answer.Name(u.origin), Validator: u.taken.Header.Get("ETag")}
	if u.opts.Method != http.MethodPut {
		return p, nil
	}
	var now sight
	err := u.opts.Again(ctx, func(ctx context.Context) (err error) {
		if now, err = u.lookOnce(ctx); err != nil {
			return err
		}
		return u.verify(now, s.Size)
	})
	if err != nil {
		return disk.Placed{}, u.cannot("verify", err)
	}
	if p.Validator == "" {
		p.Validator = now.version.Validator()
	}
	return p, nil
}

var errNotShown = errors.New("server has taken the artifact and does not show it")

// verify compares what is there with what was sent.
func (u *Upload) verify(now sight, size int64) error {
	sent, shown := answer.VersionOf(u.taken).Strong(), now.version.Strong()
	told := sent != "" && shown != ""
	right := now.version.Size == disk.Unknown || now.version.Size == size
	switch {
	case !now.known, now.exists && right && (!told || sent == shown):
		return nil
	case !now.exists, now.same(u.before):
		// Some servers show late what they have taken, and caches do.
		return transfer.Retryable(transfer.ReasonTargetUnavailable, fmt.Errorf("%w: there is %s, and %d bytes were sent", errNotShown, now, size))
	case told && sent == shown:
		return transfer.Retryable(transfer.ReasonTargetError, fmt.Errorf("server has not kept what it has taken: there is %s, and %d bytes were sent", now, size))
	case told:
		return transfer.Terminal(transfer.ReasonTargetChanged, fmt.Errorf("another writer has replaced the artifact: there is %s with entity tag %.80q, and the server took one of %d bytes with %.80q", now, shown, size, sent))
	}
	return transfer.Terminal(transfer.ReasonTargetChanged, fmt.Errorf("there is %s, and %d bytes were sent: another writer has replaced the artifact, or the server did not keep all of it", now, size))
}
