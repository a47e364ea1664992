// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A File is a file whose readers continue where they broke.
type File struct {
	disk.File

	policy Policy
}

// New returns f with readers that continue where they broke. f says when it
// has changed meanwhile; where it can tell nothing that would show it, the
// bytes that were delivered are compared instead (see proof).
func New(f disk.File, p Policy) *File { return &File{File: f, policy: p.withDefaults()} }

// Open implements disk.File.
func (f *File) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	st := f.Stat()
	if n < 0 && st.Size != disk.Unknown && off <= st.Size {
		n = st.Size - off
	}
	r := &reader{off: off, left: max(n, disk.Unknown), streak: streak{policy: f.policy}}
	if !st.Ranged && st.Validator == "" {
		r.proof = newProof(off)
	}
	r.open = func(off, n int64) (io.ReadCloser, error) { return f.File.Open(ctx, off, n) }
	r.again = func(err error) error { return r.streak.failed(ctx, err) }
	if err := r.reopen(); err != nil {
		return nil, err
	}
	return r, nil
}

// A reader reads left bytes from offset off, or all to the end when left is
// unknown.
type reader struct {
	off, left int64
	body      io.ReadCloser // nil between two tries
	cause     error         // why the last body broke
	streak    streak
	proof     *proof // nil where the file proves itself
	open      func(off, n int64) (io.ReadCloser, error)
	again     func(error) error
}

// reopen opens the body at the reader's offset, trying again as often as the
// policy says.
func (r *reader) reopen() error {
	for {
		b, err := r.openOnce()
		if err == nil {
			r.body, r.cause = b, nil
			return nil
		}
		if err := r.again(err); err != nil {
			return err
		}
	}
}

func (r *reader) openOnce() (io.ReadCloser, error) {
	if r.proof == nil || r.off == r.proof.begin {
		return r.open(r.off, r.left)
	}
	n := r.left
	if n != disk.Unknown {
		n += r.off - r.proof.begin
	}
	b, err := r.open(r.proof.begin, n)
	if err != nil {
		return nil, err
	}
	if err := r.proof.repeat(b); err != nil {
		_ = b.Close()
		return nil, err
	}
	return b, nil
}

// Read implements io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	for {
		if r.left == 0 || len(p) == 0 {
			return 0, r.end()
		}
		if err := r.resume(); err != nil {
			return 0, err
		}
		n, err := r.body.Read(p)
		r.took(p[:n])
		if err == io.EOF && r.left == disk.Unknown { //nolint:errorlint // Readers return io.EOF itself.
			return n, io.EOF
		}
		if err == io.EOF && r.left > 0 { //nolint:errorlint // Readers return io.EOF itself.
			err = cut(r.off)
		}
		if err == nil || r.left == 0 {
			return n, nil
		}
		r.broke(err)
		if n > 0 {
			return n, nil
		}
	}
}

// end is what a Read without a byte returns.
func (r *reader) end() error {
	if r.left == 0 {
		return io.EOF
	}
	return nil
}

// took counts bytes that were delivered.
func (r *reader) took(p []byte) {
	if len(p) == 0 {
		return
	}
	r.streak.fails = 0
	r.off += int64(len(p))
	if r.left != disk.Unknown {
		r.left -= int64(len(p))
	}
	if r.proof != nil {
		r.proof.deliver(p)
	}
}

// broke ends the body; the next Read resumes.
func (r *reader) broke(err error) {
	_ = r.body.Close()
	r.body, r.cause = nil, err
}

// resume opens the body again after it broke.
func (r *reader) resume() error {
	if r.body != nil {
		return nil
	}
	if r.cause != nil {
		if err := r.again(r.cause); err != nil {
			return err
		}
	}
	return r.reopen()
}

// Close implements io.Closer.
func (r *reader) Close() error {
	if r.body == nil {
		return nil
	}
	return r.body.Close()
}

// cut is the error of a body that ends before it should.
func cut(off int64) error {
	return transfer.Retryable(transfer.ReasonSourceUnavailable, fmt.Errorf("cannot read on at %d: %w", off, io.ErrUnexpectedEOF))
}

var errOtherBytes = errors.New("the file changed: what was read before is not the same when it is read again")
