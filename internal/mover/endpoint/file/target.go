// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
	"github.com/novasphere/provider-wukong/internal/mover/directio"
	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// alignment of direct writes: the block of the file systems and the
	// sector of the disks that are in use. One that wants more refuses
	// direct writes, and gets them through the cache.
	alignment = 4096

	// growStep is by how much a file whose size is not known grows at a
	// time: writes beyond its end would be done one after another.
	growStep = 1 << 30
)

// Options of a Target.
type Options struct {
	// Path is the final name.
	Path string

	// Size of the disk in bytes, or disk.Unknown.
	Size int64

	// Allocated is how many bytes of the disk are surely not holes. Zero: it
	// is not known. Less free space is an error before anything is written.
	Allocated int64

	// UID, GID and Mode of the file. Nil: as the process makes it.
	UID, GID *int
	Mode     *uint32

	// Overwrite permits to replace a file that is not empty.
	Overwrite bool
}

// A Target is a disk in a regular file, under another name until Commit. It is
// a disk.Writer and a disk.Aligner, and reads as zeros where nothing was
// written. Commit or Discard ends it.
type Target struct {
	opts    Options
	partial string
	raw     *os.File // the descriptor that directio writes through
	f       *directio.File

	// While the disk's size is not known, the file is this long.
	growing sync.Mutex
	grown   atomic.Int64
}

// Create makes the partial file of a target, sparse and of the disk's size.
// Errors have the reasons TargetUnusable, OutOfSpace and TargetError.
func Create(opts Options) (*Target, error) {
	if resolved, err := filepath.EvalSymlinks(opts.Path); err == nil {
		opts.Path = resolved
	}
	if err := mayReplace(opts); err != nil {
		return nil, err
	}
	folder, name := filepath.Split(opts.Path)
	if err := enoughSpace(folder, opts); err != nil {
		return nil, err
	}
	t := &Target{opts: opts, partial: filepath.Join(folder, "."+name+".partial")}
	raw, err := createLocked(t.partial)
	if err != nil {
		return nil, err
	}
	t.raw = raw
	t.f = directio.Open(raw, alignment, opts.Size)
	if err := t.shape(); err != nil {
		return nil, errors.Join(err, t.remove())
	}
	return t, nil
}

// mayReplace looks at what stands under the final name.
func mayReplace(opts Options) error {
	info, err := os.Lstat(opts.Path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return directio.Classify("write", opts.Path, err)
	case info.IsDir():
		return transfer.Terminal(transfer.ReasonTargetUnusable, fmt.Errorf("cannot write %s: it is a directory", opts.Path))
	case !info.Mode().IsRegular():
		return transfer.Terminal(transfer.ReasonTargetUnusable,
			fmt.Errorf("cannot write %s: it is neither a regular file nor a block device", opts.Path))
	case info.Size() > 0 && !opts.Overwrite:
		return transfer.Terminal(transfer.ReasonTargetUnusable,
			fmt.Errorf("cannot write %s: it exists and is not empty; remove it, or replace it with --force", opts.Path))
	}
	return nil
}

func enoughSpace(folder string, opts Options) error {
	var s unix.Statfs_t
	if err := unix.Statfs(filepath.Clean(folder), &s); err != nil {
		return directio.Classify("write", opts.Path, err)
	}
	free := int64(s.Bavail) * s.Bsize
	if opts.Allocated > free {
		return transfer.Terminal(transfer.ReasonOutOfSpace, fmt.Errorf("cannot write %s: the disk holds %s, and its file system has %s free",
			opts.Path, bytesize.Exact(opts.Allocated), bytesize.Exact(free)))
	}
	return nil
}

// shape gives the empty file its owner, mode and size.
func (t *Target) shape() error {
	if err := own(t.raw, t.opts.UID, t.opts.GID, t.opts.Mode); err != nil {
		return directio.Classify("change the owner or mode of", t.partial, err)
	}
	if t.opts.Size == disk.Unknown {
		return nil
	}
	return directio.Classify("resize", t.opts.Path, t.raw.Truncate(t.opts.Size))
}

// own gives a file the owner and mode that are not nil.
func own(f *os.File, uid, gid *int, mode *uint32) error {
	if uid != nil || gid != nil {
		if err := f.Chown(orKeep(uid), orKeep(gid)); err != nil {
			return err
		}
	}
	if mode == nil {
		return nil
	}
	return f.Chmod(fs.FileMode(*mode))
}

// orKeep is an owner for chown(2), which keeps the one that is -1.
func orKeep(id *int) int {
	if id == nil {
		return -1
	}
	return *id
}

// Size implements disk.Writer; disk.Unknown when that was asked for.
func (t *Target) Size() int64 { return t.opts.Size }

// Alignment implements disk.Aligner.
func (t *Target) Alignment() int { return alignment }

// WriteAt implements disk.Writer.
func (t *Target) WriteAt(ctx context.Context, p []byte, off int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := t.grow(off + int64(len(p))); err != nil {
		return err
	}
	return directio.Classify("write", t.opts.Path, t.f.WriteAt(p, off))
}

// grow makes the file reach at least to end, when the disk's size is not known.
func (t *Target) grow(end int64) error {
	if t.opts.Size != disk.Unknown || t.grown.Load() >= end {
		return nil
	}
	t.growing.Lock()
	defer t.growing.Unlock()
	if t.grown.Load() >= end {
		return nil
	}
	next := (end/growStep + 1) * growStep
	if err := t.raw.Truncate(next); err != nil {
		return directio.Classify("resize", t.opts.Path, err)
	}
	t.grown.Store(next)
	return nil
}

// Sync implements disk.Writer.
func (t *Target) Sync(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	return directio.Classify("sync", t.opts.Path, t.f.Sync())
}

// Commit gives the file its final size and name, durably. The disk must have
// been synced. On an error the target must be discarded.
func (t *Target) Commit(size int64) error {
	if t.opts.Size == disk.Unknown {
		if err := t.raw.Truncate(size); err != nil {
			return directio.Classify("resize", t.opts.Path, err)
		}
	}
	if err := t.f.Sync(); err != nil {
		return directio.Classify("sync", t.opts.Path, err)
	}
	if err := os.Rename(t.partial, t.opts.Path); err != nil {
		return directio.Classify("rename "+t.partial+" to", t.opts.Path, err)
	}
	if err := syncFolder(filepath.Dir(t.opts.Path)); err != nil {
		return directio.Classify("sync the folder of", t.opts.Path, err)
	}
	return directio.Classify("close", t.opts.Path, t.f.Close())
}

// Discard removes the partial file.
func (t *Target) Discard(context.Context) error { return t.remove() }

func (t *Target) remove() error {
	err := os.Remove(t.partial)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(directio.Classify("remove", t.partial, err), t.f.Close())
}

// syncFolder makes a rename in a folder durable.
func syncFolder(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
