// SPDX-License-Identifier: Apache-2.0

package file_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/file"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

type store struct{ path string }

func (s store) Put(t *testing.T, content []byte) disk.File {
	t.Helper()
	if err := os.WriteFile(s.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := file.Open(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (s store) Change(t *testing.T, content []byte) {
	t.Helper()
	if err := os.WriteFile(s.path, content, 0o600); err != nil {
		t.Fatal(err)
	}
}

func (s store) Missing(*testing.T) error {
	_, err := file.Open(s.path + ".missing")
	return err
}

func TestSource(t *testing.T) {
	endpointtest.Run(t, func(t *testing.T) endpointtest.Store {
		return store{filepath.Join(t.TempDir(), "image")}
	})
}

func TestSourceRefused(t *testing.T) {
	_, err := file.Open(t.TempDir())
	if got, want := transfer.ReasonOf(err), transfer.ReasonSourceRefused; got != want {
		t.Errorf("a folder: got %q (%v), want %q", got, err, want)
	}
}

// aligned returns n bytes of one value at an address that suits direct writes.
func aligned(n int, value byte) []byte {
	b := bytes.Repeat([]byte{value}, n+4096)
	skip := -int(uintptr(unsafe.Pointer(unsafe.SliceData(b)))) & 4095
	return b[skip : skip+n]
}

func ptr[T any](v T) *T { return &v }

func TestTarget(t *testing.T) {
	type write struct {
		p   []byte
		off int64
	}
	cases := map[string]struct {
		reason string
		opts   file.Options
		writes []write
		size   int64 // that is committed
	}{
		"Aligned":     {"whole blocks", file.Options{Size: 64 << 10}, []write{{aligned(8192, 1), 4096}}, 64 << 10},
		"Tail":        {"a disk whose end is no block's", file.Options{Size: 10000}, []write{{aligned(4096, 1), 0}, {aligned(10000-4096, 2), 4096}}, 10000},
		"Sectors":     {"writes of a sector each share blocks", file.Options{Size: 8192}, []write{{aligned(512, 1), 512}, {aligned(4096, 2), 4096}, {aligned(512, 3), 1024}}, 8192},
		"Unaligned":   {"memory that stands anywhere", file.Options{Size: 8192}, []write{{aligned(4097, 1)[1:], 4096}}, 8192},
		"UnknownSize": {"a disk whose size shows at the end", file.Options{Size: disk.Unknown}, []write{{aligned(8192, 1), 0}, {aligned(8192, 2), 3 << 30}}, 3<<30 + 5000},
		"Nothing":     {"a disk of zeros", file.Options{Size: 1 << 40}, nil, 1 << 40},
		"Empty":       {"a disk of nothing", file.Options{Size: 0}, nil, 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			tc.opts.Path = filepath.Join(folder, "disk.img")
			w, err := file.Create(tc.opts)
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			for _, x := range tc.writes {
				if err := w.WriteAt(t.Context(), x.p, x.off); err != nil {
					t.Fatalf("%s: WriteAt(%d bytes, %d): %v", tc.reason, len(x.p), x.off, err)
				}
			}
			if _, err := os.Stat(tc.opts.Path); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%s: the disk is visible before it is whole: %v", tc.reason, err)
			}
			if err := errors.Join(w.Sync(t.Context()), w.Commit(tc.size)); err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			if diff := cmp.Diff([]string{"disk.img"}, names(t, folder)); diff != "" {
				t.Errorf("%s: files -want, +got:\n%s", tc.reason, diff)
			}
			f, err := os.Open(tc.opts.Path)
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			info, err := f.Stat()
			if err != nil || info.Size() != tc.size {
				t.Errorf("%s: got %d bytes, %v, want %d", tc.reason, info.Size(), err, tc.size)
			}
			for _, x := range tc.writes {
				got := make([]byte, min(int64(len(x.p)), tc.size-x.off))
				if _, err := f.ReadAt(got, x.off); err != nil || !bytes.Equal(got, x.p[:len(got)]) {
					t.Errorf("%s: the bytes at %d are not those that were written: %v", tc.reason, x.off, err)
				}
			}
		})
	}
}

func names(t *testing.T, folder string) []string {
	t.Helper()
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, e := range entries {
		out = append(out, e.Name())
	}
	return out
}

func TestTargetOwner(t *testing.T) {
	if os.Getuid() != 0 {
		t.Fatal("this test gives files to other users, which only root may: run it as root")
	}
	path := filepath.Join(t.TempDir(), "disk.img")
	w, err := file.Create(file.Options{Path: path, Size: 512, UID: ptr(107), GID: ptr(108), Mode: ptr(uint32(0o660))})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Commit(512); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	uid, gid := owner(t, info)
	if uid != 107 || gid != 108 || info.Mode() != 0o660 {
		t.Errorf("got %d:%d %v, want 107:108 -rw-rw----", uid, gid, info.Mode())
	}
}

func TestCreateRefused(t *testing.T) {
	cases := map[string]struct {
		reason string
		path   func(t *testing.T, folder string) string
		opts   file.Options
		want   transfer.Reason
	}{
		"Folder": {
			reason: "a folder is no disk",
			path:   func(_ *testing.T, folder string) string { return folder },
			want:   transfer.ReasonTargetUnusable,
		},
		"NoFolder": {
			reason: "a folder that does not exist is not made",
			path:   func(_ *testing.T, folder string) string { return filepath.Join(folder, "none", "disk.img") },
			want:   transfer.ReasonTargetUnusable,
		},
		"Exists": {
			reason: "a file that holds something is not replaced unasked",
			path: func(t *testing.T, folder string) string {
				path := filepath.Join(folder, "disk.img")
				if err := os.WriteFile(path, []byte("dear"), 0o600); err != nil {
					t.Fatal(err)
				}
				return path
			},
			want: transfer.ReasonTargetUnusable,
		},
		"Device": {
			reason: "a character device is no disk",
			path:   func(*testing.T, string) string { return os.DevNull },
			want:   transfer.ReasonTargetUnusable,
		},
		"NoSpace": {
			reason: "a disk that surely does not fit is refused before a byte is moved",
			path:   func(_ *testing.T, folder string) string { return filepath.Join(folder, "disk.img") },
			opts:   file.Options{Size: 1 << 60, Allocated: 1 << 60},
			want:   transfer.ReasonOutOfSpace,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			folder := t.TempDir()
			tc.opts.Path = tc.path(t, folder)
			before := names(t, folder)
			_, err := file.Create(tc.opts)
			if got := transfer.ReasonOf(err); got != tc.want {
				t.Errorf("%s: got %q (%v), want %q", tc.reason, got, err, tc.want)
			}
			if diff := cmp.Diff(before, names(t, folder)); diff != "" {
				t.Errorf("%s: it leaves files behind: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestOverwrite(t *testing.T) {
	folder := t.TempDir()
	path := filepath.Join(folder, "disk.img")
	link := filepath.Join(folder, "link")
	if err := errors.Join(os.WriteFile(path, []byte("old"), 0o600), os.Symlink("disk.img", link)); err != nil {
		t.Fatal(err)
	}
	w, err := file.Create(file.Options{Path: link, Size: 4096, Overwrite: true})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.WriteAt(t.Context(), aligned(4096, 7), 0); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); string(got) != "old" {
		t.Errorf("before it is committed: got %d bytes, want the old ones", len(got))
	}
	if err := w.Commit(4096); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(path); !bytes.Equal(got, aligned(4096, 7)) {
		t.Error("after it is committed: the file that the link names is not the new one")
	}
}

// TestLock has two targets of one name, one that is alive and one that was
// killed.
func TestLock(t *testing.T) {
	folder := t.TempDir()
	opts := file.Options{Path: filepath.Join(folder, "disk.img"), Size: 4096}
	first, err := file.Create(opts)
	if err != nil {
		t.Fatal(err)
	}
	_, err = file.Create(opts)
	if got, want := transfer.ReasonOf(err), transfer.ReasonTargetError; got != want {
		t.Errorf("while another writes: got %q (%v), want %q", got, err, want)
	}
	if err := first.Discard(context.Background()); err != nil {
		t.Fatal(err)
	}
	if got := names(t, folder); len(got) != 0 {
		t.Errorf("after it is discarded: %v is left", got)
	}
	if err := os.WriteFile(filepath.Join(folder, ".disk.img.partial"), bytes.Repeat([]byte{9}, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	second, err := file.Create(opts)
	if err != nil {
		t.Fatalf("after another was killed: %v", err)
	}
	if err := second.Commit(4096); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(opts.Path); !bytes.Equal(got, make([]byte, 4096)) {
		t.Error("what the killed one wrote is still there")
	}
}

func TestCancelled(t *testing.T) {
	w, err := file.Create(file.Options{Path: filepath.Join(t.TempDir(), "disk.img"), Size: 4096})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Discard(context.Background())
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := w.WriteAt(ctx, aligned(4096, 1), 0); !errors.Is(err, context.Canceled) {
		t.Errorf("WriteAt with a context that has ended: got %v", err)
	}
	if err := w.Sync(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Sync with a context that has ended: got %v", err)
	}
}

var _ io.Closer = (*file.Source)(nil)
