// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aws/aws-sdk-go-v2/aws"
	api "github.com/aws/aws-sdk-go-v2/service/s3"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A File is an object, pinned to the version that was opened. It implements
// disk.File.
type File struct {
	object store.Object
	facts  store.Facts
}

// Open opens an object; with a version, that one of it. The errors are those
// of the store, classified, or that of the context; a retryable one is worth
// another call.
func Open(ctx context.Context, p store.Place, version string) (*File, error) {
	o := store.Source(p)
	f, err := o.Find(ctx, version)
	if err != nil {
		return nil, o.Cannot("open", err)
	}
	return &File{object: o, facts: f}, nil
}

// Stat implements disk.File.
func (f *File) Stat() disk.Stat {
	return disk.Stat{
		Name:        f.object.String(),
		Size:        f.facts.Size,
		Validator:   f.facts.Tag,
		Ranged:      true,
		ContentType: f.facts.ContentType,
	}
}

// Close implements disk.File.
func (f *File) Close() error {
	f.object.Conn.Close()
	return nil
}

// Open implements disk.File. A reader of more than the object holds ends with
// transfer.ReasonSourceTruncated.
func (f *File) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if off < 0 {
		return nil, fmt.Errorf("cannot read %s: offset %d is negative", f.object.Place, off)
	}
	has := max(f.facts.Size-off, 0)
	r := &reader{object: f.object, left: has, short: n > has || off > f.facts.Size, ended: ctx.Err}
	if n >= 0 {
		r.left = min(n, has)
	}
	if r.left == 0 {
		return r, nil
	}
	out, err := store.Call(ctx, f.object, func(ctx context.Context) (*api.GetObjectOutput, error) {
		return f.object.Conn.GetObject(ctx, &api.GetObjectInput{
			Bucket: &f.object.Bucket, Key: &f.object.Key, VersionId: store.Some(f.facts.Version), IfMatch: store.Some(f.facts.Tag),
			Range: aws.String(fmt.Sprintf("bytes=%d-%d", off, off+r.left-1)),
		})
	})
	if err != nil {
		return nil, f.object.Cannot("read", err)
	}
	if err := f.check(out, off); err != nil {
		return nil, errors.Join(f.object.Cannot("read", err), out.Body.Close())
	}
	r.body = out.Body
	return r, nil
}

// check compares an answer with what was asked for. A store that ignores the
// range is told by its answer, which then begins at 0; one that ignores the
// condition by its tag.
func (f *File) check(out *api.GetObjectOutput, off int64) error {
	if tag := aws.ToString(out.ETag); tag != f.facts.Tag {
		return transfer.Terminal(transfer.ReasonSourceChanged, fmt.Errorf("the object's entity tag is %.80q, and was %.80q", tag, f.facts.Tag))
	}
	begin := aws.ToString(out.ContentRange)
	if begin == "" && off > 0 || begin != "" && !strings.HasPrefix(begin, fmt.Sprintf("bytes %d-", off)) {
		return transfer.Terminal(transfer.ReasonSourceRefused, fmt.Errorf("store answers a request for bytes from %d with the range %.80q", off, begin))
	}
	return nil
}

// A reader gives the left bytes of an answer's body.
type reader struct {
	object store.Object
	body   io.ReadCloser // nil: there is nothing to read
	left   int64
	short  bool         // the object ends before what was asked for
	ended  func() error // the context's error
}

// Read implements io.Reader. Its errors are classified.
func (r *reader) Read(p []byte) (int, error) {
	if r.left == 0 {
		return 0, r.end()
	}
	n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	switch {
	case err == nil, r.left == 0:
		return n, nil
	case r.ended() != nil:
		return n, r.ended()
	case err == io.EOF: //nolint:errorlint // Readers return io.EOF itself.
		err = io.ErrUnexpectedEOF
	}
	var known *transfer.Error
	if !errors.As(err, &known) {
		err = transfer.Retryable(transfer.ReasonSourceUnavailable, fmt.Errorf("the answer breaks off: %w", err))
	}
	return n, r.object.Cannot("read", err)
}

func (r *reader) end() error {
	if !r.short {
		return io.EOF
	}
	err := fmt.Errorf("the object ends before what is to be read: %w", io.ErrUnexpectedEOF)
	return r.object.Cannot("read", transfer.Terminal(transfer.ReasonSourceTruncated, err))
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}
