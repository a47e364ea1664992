// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"crypto/sha256"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/pass"
)

// sumAgain reads the artifact for its digest, where its target can be read.
func (e *exporter) sumAgain(ctx context.Context, size int64) (sum [sha256.Size]byte, err error) {
	r, ok := e.Upload.(disk.Rereader)
	if !ok {
		return sum, nil
	}
	h := sha256.New()
	p := pass.Pass{Image: again{r, size}, Digests: []io.Writer{h}}
	if err := p.Run(ctx); err != nil {
		return sum, err
	}
	h.Sum(sum[:0])
	return sum, nil
}

// again is what was uploaded, as an image.
type again struct {
	disk.Rereader

	size int64
}

func (a again) Size() int64 { return a.size }

func (a again) ReadAt(ctx context.Context, p []byte, off int64) (bool, error) {
	return false, a.Rereader.ReadAt(ctx, p, off)
}

// Digest reads a file from its begin to its end, gives it to w as well, and
// returns its SHA-256 sum and its size.
func Digest(ctx context.Context, f disk.File, w io.Writer) (sum [sha256.Size]byte, n int64, err error) {
	h := sha256.New()
	if s := f.Stat(); s.Ranged && s.Size != disk.Unknown {
		err = pass.Pass{Image: ranged{f}, Digests: []io.Writer{h, w}}.Run(ctx)
		h.Sum(sum[:0])
		return sum, s.Size, err
	}
	r, err := f.Open(ctx, 0, -1)
	if err != nil {
		return sum, 0, err
	}
	defer r.Close() //nolint:errcheck // Closing a reader loses nothing.
	n, err = io.Copy(io.MultiWriter(h, w), r)
	h.Sum(sum[:0])
	return sum, n, err
}

// ranged is a file as an image.
type ranged struct{ disk.File }

func (r ranged) Size() int64 { return r.Stat().Size }

func (r ranged) ReadAt(ctx context.Context, p []byte, off int64) (bool, error) {
	return false, disk.ReadAt(ctx, r.File, p, off)
}
