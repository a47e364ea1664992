// SPDX-License-Identifier: Apache-2.0

package httpurl

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
)

// headBytes are fetched when a file is opened, and kept. They hold what tells
// every format, the magic of ISO 9660 at 32769 included.
const headBytes = 64 << 10

// A rest is the stream of the opening request, just behind the head, of a
// server without ranges.
type rest struct {
	body   io.ReadCloser
	cancel context.CancelFunc
}

func (r *rest) close() {
	r.cancel()
	_ = r.body.Close()
}

// probe learns what Stat says with one small request. The request outlives
// ctx, because the first reader may continue it.
func (f *File) probe(ctx context.Context) error {
	live, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, cancel)
	defer stop()
	err := f.learn(live, cancel)
	if f.rest == nil {
		cancel()
	}
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

func (f *File) learn(ctx context.Context, cancel context.CancelFunc) error {
	r, err := f.fetch.do(ctx, rangeHeader(0, headBytes))
	if err != nil {
		return err
	}
	if unclear(r.Response) {
		drop(r)
		if r, err = f.fetch.do(ctx, http.Header{}); err != nil {
			return err
		}
	}
	if !served(r.StatusCode) || unclear(r.Response) {
		return f.fetch.refusal(r)
	}
	if err := answer.Encoding(r.Response, r.from.url.Path); err != nil {
		drop(r)
		return f.fetch.via(r.from, err)
	}
	f.version = answer.VersionOf(r.Response)
	f.stat = disk.Stat{
		Name:        answer.Name(f.fetch.origin.url),
		Size:        f.version.Size,
		Validator:   f.version.Validator(),
		Ranged:      r.StatusCode == http.StatusPartialContent,
		ContentType: r.Header.Get("Content-Type"),
	}
	if f.stat.Ranged {
		return f.keepPart(ctx, r)
	}
	return f.keepStream(ctx, r, cancel)
}

// unclear reports whether an answer to the opening request tells too little:
// the file is empty, so that no range of it exists, or is of unknown size.
func unclear(r *http.Response) bool {
	switch r.StatusCode {
	case http.StatusRequestedRangeNotSatisfiable:
		return true
	case http.StatusPartialContent:
		return answer.VersionOf(r).Size == disk.Unknown
	}
	return false
}

// keepPart reads the head from a server with ranges.
func (f *File) keepPart(ctx context.Context, r reply) error {
	defer r.Body.Close() //nolint:errcheck // Closing a reader loses nothing.
	n, err := answer.Range(r.Response, 0, headBytes)
	if err != nil {
		return err
	}
	b := &body{src: r.Body, left: n, url: r.from.url, ended: ctx.Err}
	f.head = make([]byte, n)
	if _, err := io.ReadFull(b, f.head); err != nil {
		return err
	}
	// The end of a chunked body is read too, so that its connection lives.
	_, _ = r.Body.Read(make([]byte, 1))
	return nil
}

// keepStream reads the head from a server without ranges and keeps the rest.
func (f *File) keepStream(ctx context.Context, r reply, cancel context.CancelFunc) error {
	b := &body{src: r.Body, left: f.version.Size, url: r.from.url, ended: ctx.Err}
	head, err := io.ReadAll(io.LimitReader(b, headBytes))
	if err != nil {
		_ = r.Body.Close()
		return err
	}
	f.head = head
	if len(head) == headBytes {
		f.rest = &rest{body: r.Body, cancel: cancel}
		return nil
	}
	if delimited(r.Response) {
		f.version.Size, f.stat.Size = int64(len(head)), int64(len(head))
	}
	return r.Body.Close()
}

// delimited reports whether the end of a body without a length is marked, so
// that a cut is noticed.
func delimited(r *http.Response) bool {
	return r.ContentLength >= 0 || len(r.TransferEncoding) > 0
}

// takeRest returns the opening request's stream to the first who asks.
func (f *File) takeRest() *rest {
	f.mu.Lock()
	defer f.mu.Unlock()
	r := f.rest
	f.rest = nil
	return r
}

// rangeHeader asks for n bytes from offset off; for all when n is unknown.
func rangeHeader(off, n int64) http.Header {
	if n == disk.Unknown {
		return http.Header{"Range": {fmt.Sprintf("bytes=%d-", off)}}
	}
	return http.Header{"Range": {fmt.Sprintf("bytes=%d-%d", off, off+n-1)}}
}

var errWholeAnswer = errors.New("server sends the whole file when asked for a part")
