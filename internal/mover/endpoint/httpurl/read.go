// SPDX-License-Identifier: Apache-2.0

package httpurl

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// maxSkip is how much is read and thrown away when a server that has ranges
// ignores one. Above it another try is cheaper.
const maxSkip = 1 << 20

// Open implements disk.File. A reader of more than the file holds ends with
// transfer.ReasonSourceTruncated.
func (f *File) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	r, err := f.open(ctx, off, n)
	if err != nil {
		return nil, f.cannotRead(err)
	}
	return r, nil
}

func (f *File) cannotRead(err error) error {
	return fmt.Errorf("cannot read %s: %w", f.stat.Name, err)
}

func (f *File) open(ctx context.Context, off, n int64) (*reader, error) {
	if off < 0 {
		return nil, fmt.Errorf("offset %d is negative", off)
	}
	left, short := f.clip(off, n)
	r := &reader{short: short, wrap: f.cannotRead}
	if off < int64(len(f.head)) {
		head := f.head[off:]
		if left != disk.Unknown {
			head = head[:min(left, int64(len(head)))]
			left -= int64(len(head))
		}
		r.head.Reset(head)
		off += int64(len(head))
	}
	if left == 0 {
		return r, nil
	}
	var err error
	r.body, err = f.stream(ctx, off, left)
	return r, err
}

// clip returns how many of the n bytes from offset off the file has, and
// whether that is fewer than n.
func (f *File) clip(off, n int64) (left int64, short bool) {
	switch size := f.stat.Size; {
	case size == disk.Unknown:
		return max(n, disk.Unknown), false
	case n < 0:
		return max(size-off, 0), off > size
	case n > size-off:
		return max(size-off, 0), true
	}
	return n, false
}

// stream requests n bytes from offset off, n unknown for all to the end.
func (f *File) stream(ctx context.Context, off, n int64) (*body, error) {
	if off == int64(len(f.head)) {
		if rest := f.takeRest(); rest != nil {
			return f.continued(ctx, rest, n), nil
		}
	}
	h := http.Header{}
	if f.stat.Ranged || (off > 0 && f.stat.Size != disk.Unknown) {
		h = rangeHeader(off, n)
		if tag := f.version.Strong(); tag != "" {
			h.Set("If-Range", tag)
		}
	}
	r, err := f.fetch.do(ctx, h)
	if err != nil {
		return nil, err
	}
	if !served(r.StatusCode) {
		return nil, f.fetch.refusal(r)
	}
	b, err := f.accept(ctx, r, off, n)
	if err != nil {
		_ = r.Body.Close()
		return nil, f.fetch.via(r.from, err)
	}
	return b, nil
}

// continued makes the opening request's stream a reader that ends with ctx.
func (f *File) continued(ctx context.Context, rest *rest, n int64) *body {
	stop := context.AfterFunc(ctx, rest.cancel)
	return &body{
		src: rest.body, left: n, url: f.fetch.current().url, ended: ctx.Err, whole: f.stat.Size == disk.Unknown,
		done: func() { stop(); rest.cancel() },
	}
}

// accept checks that a reply is of the pinned version, and returns its bytes
// from offset off.
func (f *File) accept(ctx context.Context, r reply, off, n int64) (*body, error) {
	if err := f.version.Check(r.Response); err != nil {
		return nil, err
	}
	if err := answer.Encoding(r.Response, r.from.url.Path); err != nil {
		return nil, err
	}
	b := &body{src: r.Body, left: n, url: r.from.url, ended: ctx.Err}
	if r.StatusCode == http.StatusPartialContent {
		asked := n
		if asked == disk.Unknown {
			asked = math.MaxInt64 - off
		}
		length, err := answer.Range(r.Response, off, asked)
		if err != nil {
			return nil, err
		}
		b.src = limited{io.LimitReader(r.Body, length), r.Body}
		return b, nil
	}
	b.whole = f.stat.Size == disk.Unknown
	return b, f.skip(b, off)
}

// skip throws away what comes before offset off in an answer that is the
// whole file. A server without ranges gives no other way.
func (f *File) skip(b *body, off int64) error {
	if off == 0 {
		return nil
	}
	if f.stat.Ranged && off > maxSkip {
		return transfer.Retryable(transfer.ReasonSourceUnavailable, errWholeAnswer)
	}
	before := &body{src: b.src, left: off, url: b.url, ended: b.ended, whole: b.whole}
	_, err := io.Copy(io.Discard, before)
	return err
}

// limited is the part of a body that its Content-Range announced.
type limited struct {
	io.Reader
	io.Closer
}

// A reader gives the bytes of the head and then those of a body.
type reader struct {
	head  bytes.Reader
	body  *body // nil when the head is all
	short bool  // the file ends before what was asked for
	wrap  func(error) error
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.head.Len() > 0 {
		return r.head.Read(p)
	}
	n, err := 0, io.EOF
	if r.body != nil {
		n, err = r.body.Read(p)
	}
	switch {
	case err == nil:
		return n, nil
	case err != io.EOF: //nolint:errorlint // Readers return io.EOF itself.
		return n, r.wrap(err)
	case n > 0:
		return n, nil
	case r.short:
		return 0, r.wrap(truncated())
	}
	return 0, io.EOF
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}

func truncated() error {
	return transfer.Terminal(transfer.ReasonSourceTruncated, fmt.Errorf("the file ends before what is to be read: %w", io.ErrUnexpectedEOF))
}

// A body is the part of an answer that was asked for: left bytes of it, or
// all when left is unknown.
type body struct {
	src   io.ReadCloser
	left  int64
	url   *url.URL
	ended func() error // the context's error
	whole bool         // the end of src is the end of the file
	done  func()       // nil, or called by Close
}

// Read implements io.Reader. Its errors are classified.
func (b *body) Read(p []byte) (int, error) {
	if b.left == 0 {
		return 0, io.EOF
	}
	if b.left > 0 {
		p = p[:min(int64(len(p)), b.left)]
	}
	n, err := b.src.Read(p)
	if b.left > 0 {
		b.left -= int64(n)
	}
	switch {
	case err == nil, b.left == 0 && n > 0:
		return n, nil
	case err != io.EOF:
		return n, b.broken(err)
	case b.left == disk.Unknown:
		return n, io.EOF
	case b.whole:
		return n, truncated()
	}
	return n, answer.Truncated()
}

func (b *body) broken(err error) error {
	if e := b.ended(); e != nil {
		return e
	}
	return answer.Silence(err, b.url)
}

// Close implements io.Closer.
func (b *body) Close() error {
	if b.done != nil {
		defer b.done()
	}
	return b.src.Close()
}
