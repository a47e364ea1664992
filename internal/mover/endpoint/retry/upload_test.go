// SPDX-License-Identifier: Apache-2.0

package retry_test

import (
	"context"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// flaky is an upload each of whose methods fails with the next error.
type flaky struct{ errs []error }

func (f *flaky) next() error {
	if len(f.errs) == 0 {
		return nil
	}
	err := f.errs[0]
	f.errs = f.errs[1:]
	return err
}

func (f *flaky) Parts() disk.Parts { return disk.Parts{Size: 7} }

func (f *flaky) Put(context.Context, []byte, int64) (bool, error) {
	err := f.next()
	return err == nil, err
}

func (f *flaky) Commit(context.Context, disk.Sum) (disk.Placed, error) {
	return disk.Placed{URI: "there"}, f.next()
}

func (f *flaky) Abort(context.Context, bool) error { return f.next() }

func TestUpload(t *testing.T) {
	cases := map[string]struct {
		reason string
		errs   []error
		want   transfer.Reason
		left   int
	}{
		"AtOnce":   {"nothing is wrong", nil, "", 0},
		"Late":     {"the third try succeeds", []error{errDown, errDown}, "", 0},
		"Terminal": {"nothing that can become better", []error{errDown, errGone, errDown}, transfer.ReasonSourceNotFound, 1},
		"Never":    {"tries are bounded", []error{errDown, errDown, errDown, errDown, errDown, errDown}, transfer.ReasonSourceUnavailable, 1},
	}
	methods := map[string]func(ctx context.Context, u *retry.Upload, f *flaky) error{
		"Create": func(ctx context.Context, _ *retry.Upload, f *flaky) error {
			_, err := retry.Create(ctx, policy(&clock{}), func(context.Context) (disk.Upload, error) {
				err := f.next()
				return f, err
			})
			return err
		},
		"Put": func(ctx context.Context, u *retry.Upload, f *flaky) error {
			atOnce := len(f.errs) == 0
			reused, err := u.Put(ctx, nil, 0)
			if err == nil && reused != atOnce {
				t.Errorf("reused is %t: what a try of ours may have brought was not there before", reused)
			}
			return err
		},
		"Commit": func(ctx context.Context, u *retry.Upload, _ *flaky) error {
			placed, err := u.Commit(ctx, disk.Sum{})
			if err == nil && placed.URI != "there" {
				t.Error("Commit does not say what the upload said")
			}
			return err
		},
		"Abort": func(ctx context.Context, u *retry.Upload, _ *flaky) error { return u.Abort(ctx, false) },
	}
	for method, call := range methods {
		for name, tc := range cases {
			t.Run(method+name, func(t *testing.T) {
				f := &flaky{}
				u, err := retry.Create(t.Context(), policy(&clock{}), func(context.Context) (disk.Upload, error) { return f, nil })
				if err != nil || u.Parts() != f.Parts() {
					t.Fatalf("Create: %v, parts %+v", err, u.Parts())
				}
				f.errs = tc.errs
				if err := call(t.Context(), u, f); transfer.ReasonOf(err) != tc.want || len(f.errs) != tc.left {
					t.Errorf("%s: got %v with %d errors left, want reason %q and %d", tc.reason, err, len(f.errs), tc.want, tc.left)
				}
			})
		}
	}
}
