// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"context"
	"fmt"
	"io"
	"net/http"

	"github.com/novasphere/provider-wukong/internal/mover/reqbody"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Body is what a request streams: Size bytes, or as many as come where Size is
// negative.
type Body struct {
	io.Reader

	Size int64
}

// streamed is the body of a Request that can be made once.
type streamed struct {
	*reqbody.Body

	size int64
}

// apply gives a request the body. The server is asked first whether it wants it
// (RFC 9110 § 10.1.1), so that a redirect or a token that has expired costs
// nothing.
func (s *streamed) apply(q *http.Request) {
	q.ContentLength = s.size
	if s.size < 0 {
		q.ContentLength = -1
	}
	q.Body = s.Open()
	if s.size == 0 {
		q.Body = http.NoBody
		_ = s.Close() // It has no error.
		return
	}
	q.Header.Set("Expect", "100-continue")
}

// Stream makes a request as Call does, with a body that is read once. A request
// that has to be made again when some of the body is gone is a retryable error;
// an error of the body's own is returned as it is.
func (c *Client) Stream(ctx context.Context, r Request, b Body, want ...int) (*Reply, error) {
	r.stream = &streamed{reqbody.New(b.Reader), b.Size}
	reply, err := c.Call(ctx, r, want...)
	if own := r.stream.Failed(); own != nil {
		return nil, own
	}
	return reply, err
}

// again returns an error if a request cannot be made again, because of a body
// that is read once.
func (r Request) again(status int) error {
	if r.stream == nil || !r.stream.Touched() {
		return nil
	}
	return transfer.Retryable(transfer.ReasonSourceUnavailable,
		fmt.Errorf("the registry answers %d when some of the body was sent", status))
}
