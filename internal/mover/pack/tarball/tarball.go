// SPDX-License-Identifier: Apache-2.0

// Package tarball makes an image the one file in a tar archive (POSIX.1-2001,
// "pax"), as a layer of a container image holds it: a folder and the file in
// it, of one owner, with times that do not change.
package tarball

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"path"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

const (
	// block is the unit of a tar archive. Two empty ones end it.
	block = 512

	folderMode, fileMode = 0o755, 0o644
)

// An Image is a tar archive of one file. It is a disk.Image.
type Image struct {
	inner disk.Image
	head  []byte
}

// New returns the archive in which inner is the file name, such as
// "disk/disk.qcow2", in a folder that stands before it. Both belong to the
// owner, a user and group of the same number.
func New(inner disk.Image, name string, owner int) (*Image, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	epoch := time.Unix(0, 0)
	folder := tar.Header{
		Typeflag: tar.TypeDir, Name: path.Dir(name) + "/", Mode: folderMode, Uid: owner, Gid: owner, ModTime: epoch,
	}
	file := tar.Header{
		Typeflag: tar.TypeReg, Name: name, Mode: fileMode, Uid: owner, Gid: owner, ModTime: epoch, Size: inner.Size(),
	}
	for _, h := range []*tar.Header{&folder, &file} {
		if err := w.WriteHeader(h); err != nil {
			return nil, fmt.Errorf("cannot write the tar header of %s: %w", h.Name, err)
		}
	}
	return &Image{inner: inner, head: b.Bytes()}, nil
}

// Size implements disk.Image.
func (i *Image) Size() int64 {
	return (i.end()+block-1)/block*block + 2*block
}

// end is where the file ends.
func (i *Image) end() int64 { return int64(len(i.head)) + i.inner.Size() }

// ReadAt implements disk.Image.
func (i *Image) ReadAt(ctx context.Context, p []byte, off int64) (bool, error) {
	if off < int64(len(i.head)) {
		n := copy(p, i.head[off:])
		p, off = p[n:], off+int64(n)
	}
	if n := min(int64(len(p)), i.end()-off); n > 0 {
		zero, err := i.inner.ReadAt(ctx, p[:n], off-int64(len(i.head)))
		if err != nil {
			return false, err
		}
		if zero {
			clear(p[:n])
		}
		p = p[n:]
	}
	clear(p)
	return false, nil
}

// Inner returns a writer that is given the archive, in order, and hands on to
// w what is the file's.
func (i *Image) Inner(w io.Writer) io.Writer {
	return &inner{w: w, skip: int64(len(i.head)), left: i.inner.Size()}
}

type inner struct {
	w          io.Writer
	skip, left int64
}

// Write implements io.Writer.
func (i *inner) Write(p []byte) (int, error) {
	n := len(p)
	over := min(i.skip, int64(len(p)))
	i.skip -= over
	p = p[over:]
	p = p[:min(i.left, int64(len(p)))]
	i.left -= int64(len(p))
	if len(p) == 0 {
		return n, nil
	}
	if _, err := i.w.Write(p); err != nil {
		return 0, err
	}
	return n, nil
}
