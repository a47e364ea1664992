// SPDX-License-Identifier: Apache-2.0

package s3

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/multipart"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// sentOtherwise is what people are told when an upload of an attempt before is of
// no use.
const sentOtherwise = "An attempt before has sent parts of another size, since the disk or the program was another: all is sent again."

// An Upload is an artifact that becomes an object. It implements disk.Upload.
type Upload struct {
	object store.Object
	note   func(string)
	size   int64       // of each part but the last
	before store.Facts // what stood under the key

	// beginning is taken by whoever begins the multipart upload.
	beginning chan struct{}

	// marked is closed when the upload has a part by whose size another attempt
	// knows it as ours.
	marked chan struct{}
	mark   func()

	mu        sync.Mutex
	upload    *multipart.Upload          // nil before it has begun
	listed    map[int32]multipart.Listed // what the upload had when it was found
	abandoned []string                   // other uploads of ours
	older     []string                   // every upload that was there before this one
	unnamed   bool                       // one was perhaps begun whose name is not known
	parts     map[int32]multipart.Part
	whole     *[]byte // an artifact that fits the smallest part
	bare      bool    // the store knows no conditional requests
	contested bool    // another writer uses the same upload
	underWay  bool    // the store may still take in a part that it was sent
}

// Options say what is known of an artifact before it is made.
type Options struct {
	// Least and Most are how many bytes it has.
	Least, Most int64

	// Note is told, for people, why what an attempt before has sent is sent
	// again. Nil: nobody wants to know.
	Note func(string)
}

// Create begins an artifact, or goes on with one that was begun. One that is
// certainly too large is refused; one that may become so is when it has. The
// errors are those of the store, classified, or that of the
// context; a retryable one is worth another call.
func Create(ctx context.Context, p store.Place, o Options) (*Upload, error) {
	u := &Upload{
		object: store.Target(p), note: o.Note, size: multipart.PartSize(o.Most), parts: map[int32]multipart.Part{},
		beginning: make(chan struct{}, 1), marked: make(chan struct{}),
	}
	u.mark = sync.OnceFunc(func() { close(u.marked) })
	if u.note == nil {
		u.note = func(string) {}
	}
	if o.Least > multipart.MaxSize {
		return nil, u.object.Cannot("write", u.tooLarge(fmt.Sprintf("the artifact has %d bytes, which is more", o.Least)))
	}
	var err error
	if u.before, err = u.object.Find(ctx, ""); err != nil {
		return nil, u.object.Cannot("look at", err)
	}
	if err := u.resume(ctx); err != nil {
		return nil, u.object.Cannot("list uploads of", err)
	}
	return u, nil
}

// resume finds what earlier attempts have left: the newest upload of ours with
// parts of today's size is continued, the others are to be ended.
func (u *Upload) resume(ctx context.Context) error {
	found, err := multipart.Find(ctx, u.object)
	if err != nil {
		return err
	}
	another := false
	for _, f := range found {
		u.older = append(u.older, f.ID)
		another = another || f.Unit != 0 && f.Unit != u.size
		switch {
		case f.Unit == 0:
		case u.upload == nil && f.Unit == u.size:
			u.upload, u.listed = f.Upload, f.Parts
			u.mark()
		default:
			u.abandoned = append(u.abandoned, f.ID)
		}
	}
	if another && u.upload == nil {
		u.note(sentOtherwise)
	}
	return nil
}

// Parts implements disk.Upload.
func (u *Upload) Parts() disk.Parts { return disk.Parts{Size: u.size} }

// Put implements disk.Upload.
func (u *Upload) Put(ctx context.Context, p []byte, off int64) (bool, error) {
	n := off/u.size + 1
	switch {
	case off%u.size != 0 || int64(len(p)) > u.size:
		return false, fmt.Errorf("cannot write %d bytes at %d of %s: its parts have %d", len(p), off, u.object.Place, u.size)
	case n > multipart.MaxParts:
		return false, u.object.Cannot("write", u.tooLarge("the artifact has more"))
	case off == 0 && len(p) <= multipart.MinPart:
		u.keepWhole(p)
		return false, nil
	}
	reused, err := u.putPart(ctx, p, int32(n))
	if err != nil {
		return false, u.object.Cannot("write", fmt.Errorf("part %d: %w", n, err))
	}
	if int64(len(p)) == u.size {
		u.mark()
	}
	return reused, nil
}

// afterMarked waits, with the last part, until another one is there: an upload
// that has only the last one could be anybody's, and would stay for ever when
// this attempt is killed. The last part comes after all others.
func (u *Upload) afterMarked(ctx context.Context, p []byte, n int32) error {
	if n == 1 || int64(len(p)) == u.size {
		return nil
	}
	select {
	case <-u.marked:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// tooLarge says what an object can be, of which an artifact has more.
func (u *Upload) tooLarge(what string) error {
	return transfer.Terminal(transfer.ReasonTargetRefused, fmt.Errorf("%s than one object can have: %d parts of %d bytes", what, multipart.MaxParts, u.size))
}

// keepWhole keeps an artifact that is shorter than the shortest part, until it
// is committed.
func (u *Upload) keepWhole(p []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	c := bytes.Clone(p)
	u.whole = &c
}

func (u *Upload) putPart(ctx context.Context, p []byte, n int32) (bool, error) {
	if err := u.afterMarked(ctx, p, n); err != nil {
		return false, err
	}
	piece := multipart.NewPiece(p)
	if listed, there := u.listed[n]; there {
		if part, same := piece.Is(listed); same {
			u.done(n, part)
			return true, nil
		}
		u.note(disk.SentOther)
	}
	up, err := u.begin(ctx)
	if err != nil {
		return false, err
	}
	part, err := up.Send(ctx, n, piece)
	if err != nil {
		return false, u.contest(u.unanswered(err))
	}
	u.done(n, part)
	return false, nil
}

func (u *Upload) done(n int32, p multipart.Part) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.parts[n] = p
}

// unanswered notes that a part was sent and that the store has not said what
// became of it.
func (u *Upload) unanswered(err error) error {
	var r *store.Refusal
	if !errors.As(err, &r) {
		u.mu.Lock()
		defer u.mu.Unlock()
		u.underWay = true
	}
	return err
}

// contest notes that another writer has ended the upload or replaced a part of
// it. Such an upload is left to the other one.
func (u *Upload) contest(err error) error {
	var r *store.Refusal
	if !errors.As(err, &r) || r.Code != "NoSuchUpload" && r.Code != "InvalidPart" {
		return err
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.contested = true
	return fmt.Errorf("somebody has ended this upload or replaced a part of it: %w", err)
}

// begin returns the multipart upload and begins it before the first part.
func (u *Upload) begin(ctx context.Context) (*multipart.Upload, error) {
	select {
	case u.beginning <- struct{}{}:
		defer func() { <-u.beginning }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if up := u.current(); up != nil {
		return up, nil
	}
	up, err := multipart.Begin(ctx, u.object)
	u.mu.Lock()
	defer u.mu.Unlock()
	if err != nil {
		var r *store.Refusal
		u.unnamed = u.unnamed || !errors.As(err, &r)
		return nil, err
	}
	u.upload = up
	return up, nil
}

// nameless finds the uploads that were begun by requests whose answers were
// lost: nobody has sent a part to them, nor ever will.
func (u *Upload) nameless(ctx context.Context) ([]string, error) {
	found, err := multipart.Find(ctx, u.object)
	if err != nil {
		return nil, u.object.Cannot("list uploads of", err)
	}
	var ids []string
	for _, f := range found {
		if len(f.Parts) == 0 && !slices.Contains(u.older, f.ID) {
			ids = append(ids, f.ID)
		}
	}
	return ids, nil
}

func (u *Upload) current() *multipart.Upload {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.upload
}

// Abort implements disk.Upload.
func (u *Upload) Abort(ctx context.Context, keep bool) error {
	u.mu.Lock()
	ids := u.abandoned
	var current []string
	if u.upload != nil && !u.contested {
		current = []string{u.upload.ID}
	}
	u.whole = nil
	unnamed, underWay := u.unnamed, u.underWay
	u.mu.Unlock()
	if keep {
		return nil
	}
	err := multipart.Abort(ctx, u.object, slices.Concat(ids, current))
	if underWay && err == nil && current != nil {
		err = u.settle(ctx, current)
	}
	if !unnamed {
		return err
	}
	ids, e := u.nameless(ctx)
	return errors.Join(err, e, multipart.Abort(ctx, u.object, ids))
}

// settle ends uploads again: a part whose request was cut may have arrived whole,
// and the store may keep it though its upload has ended meanwhile ("it might be
// necessary to abort a given multipart upload multiple times", S3 API reference,
// AbortMultipartUpload).
func (u *Upload) settle(ctx context.Context, ids []string) error {
	// Few parts need longer than the first pause.
	for _, d := range [...]time.Duration{250 * time.Millisecond, time.Second} {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
		if err := multipart.Abort(ctx, u.object, ids); err != nil {
			return err
		}
	}
	return nil
}
