// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"context"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// An Upload is an upload each of whose requests is tried again. It is for
// endpoints whose methods may be called again after they have failed: a part
// that is put twice is there once, and a commit whose answer was lost is found
// out to have happened.
type Upload struct {
	upload disk.Upload
	policy Policy
}

// Create begins an upload as create does, tried again like every request of
// it.
func Create(ctx context.Context, p Policy, create func(context.Context) (disk.Upload, error)) (*Upload, error) {
	u := &Upload{policy: p.withDefaults()}
	err := Do(ctx, u.policy, func(ctx context.Context) (err error) {
		u.upload, err = create(ctx)
		return err
	})
	if err != nil {
		return nil, err
	}
	return u, nil
}

// Unwrap returns the upload itself, for whoever asks for what only some can.
func (u *Upload) Unwrap() disk.Upload { return u.upload }

// Parts implements disk.Upload.
func (u *Upload) Parts() disk.Parts { return u.upload.Parts() }

// Put implements disk.Upload. A part of which a try has failed is not reused,
// although the target may have it: its answer was lost, and it was sent.
func (u *Upload) Put(ctx context.Context, p []byte, off int64) (reused bool, err error) {
	tried := false
	err = Do(ctx, u.policy, func(ctx context.Context) error {
		there, err := u.upload.Put(ctx, p, off)
		reused = there && !tried
		tried = true
		return err
	})
	return reused, err
}

// Commit implements disk.Upload.
func (u *Upload) Commit(ctx context.Context, s disk.Sum) (placed disk.Placed, err error) {
	err = Do(ctx, u.policy, func(ctx context.Context) (err error) {
		placed, err = u.upload.Commit(ctx, s)
		return err
	})
	return placed, err
}

// Abort implements disk.Upload.
func (u *Upload) Abort(ctx context.Context, keep bool) error {
	return Do(ctx, u.policy, func(ctx context.Context) error { return u.upload.Abort(ctx, keep) })
}
