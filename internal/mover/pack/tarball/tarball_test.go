// SPDX-License-Identifier: Apache-2.0

package tarball_test

import (
	"archive/tar"
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/pack/tarball"
)

// memory is an image in memory.
type memory []byte

func (m memory) Size() int64 { return int64(len(m)) }

func (m memory) ReadAt(_ context.Context, p []byte, off int64) (bool, error) {
	copy(p, m[off:])
	return false, nil
}

// big is an image of zeros that is larger than the oldest headers can say.
type big int64

func (b big) Size() int64 { return int64(b) }

func (big) ReadAt(context.Context, []byte, int64) (bool, error) { return true, nil }

// TestImage reads the archive as others do, whatever the pieces in which it was
// made.
func TestImage(t *testing.T) {
	for _, n := range []int{0, 1, 511, 512, 513, 4097} {
		want := bytes.Repeat([]byte{1, 2, 3}, n)[:n]
		img, err := tarball.New(memory(want), "disk/disk.qcow2", 107)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []int64{1 << 20, 512, 100} {
			var archive, inner bytes.Buffer
			w := img.Inner(&inner)
			for off := int64(0); off < img.Size(); off += step {
				p := bytes.Repeat([]byte{0xAA}, int(min(step, img.Size()-off)))
				if _, err := img.ReadAt(t.Context(), p, off); err != nil {
					t.Fatal(err)
				}
				archive.Write(p)
				if n, err := w.Write(p); err != nil || n != len(p) {
					t.Fatalf("inner: wrote %d of %d bytes: %v", n, len(p), err)
				}
			}
			if !bytes.Equal(inner.Bytes(), want) {
				t.Errorf("%d bytes in steps of %d: inner is another", n, step)
			}
			r := tar.NewReader(&archive)
			folder, err := r.Next()
			if err != nil || folder.Name != "disk/" || folder.Typeflag != tar.TypeDir {
				t.Fatalf("folder: got %+v, %v", folder, err)
			}
			file, err := r.Next()
			if err != nil {
				t.Fatal(err)
			}
			facts := []any{file.Name, file.Uid, file.Gid, file.Mode, file.ModTime.Unix(), file.Size}
			if diff := cmp.Diff([]any{"disk/disk.qcow2", 107, 107, int64(0o644), int64(0), int64(n)}, facts); diff != "" {
				t.Errorf("file: -want, +got:\n%s", diff)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%d bytes in steps of %d: got another file (%v)", n, step, err)
			}
			if _, err := r.Next(); err != io.EOF {
				t.Errorf("end: got %v", err)
			}
		}
	}
}

// TestImageSize has files that need more than the oldest header.
func TestImageSize(t *testing.T) {
	img, err := tarball.New(big(1<<40), "disk/disk.qcow2", 107)
	if err != nil {
		t.Fatal(err)
	}
	head := make([]byte, 1<<16)
	if _, err := img.ReadAt(t.Context(), head, 0); err != nil {
		t.Fatal(err)
	}
	r := tar.NewReader(bytes.NewReader(head))
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	if h, err := r.Next(); err != nil || h.Size != 1<<40 {
		t.Errorf("got %+v, %v", h, err)
	}
	if img.Size()%512 != 0 || img.Size() <= 1<<40+2048 {
		t.Errorf("size: got %d", img.Size())
	}
}
