// SPDX-License-Identifier: Apache-2.0

package file

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/directio"
	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/zeros"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// uploadPart is small enough that several are in memory, and large enough
	// for direct writes.
	uploadPart = 4 << 20

	// sparseBlock is the least run of zeros that becomes a hole.
	sparseBlock = 64 << 10

	// sector is the least that a device writes: of a write that was cut off,
	// each is there or is not.
	sector = 512
)

// UploadOptions say which file an Upload makes.
type UploadOptions struct {
	// Path is the final name. Folders that are missing are made.
	Path string

	// UID, GID and Mode of the file. Nil: as the process makes it.
	UID, GID *int
	Mode     *uint32

	// Overwrite permits to replace a file that is not empty.
	Overwrite bool

	// Note is told, for people, why what an attempt before has written is
	// written again. Nil: nobody is.
	Note func(string)
}

// An Upload is an artifact in a regular file, under another name until Commit.
// It is a disk.Upload and a disk.Rereader.
//
// What an attempt before has written is not written again where it is the
// same: each part is compared with what stands in its place.
type Upload struct {
	opts    UploadOptions
	partial string
	raw     *os.File // the descriptor that directio writes through
	f       *directio.File
	old     int64       // bytes that were there before
	there   fs.FileInfo // what stood under the final name; nil: nothing

	compared sync.Pool // of memory for a part
}

// CreateUpload opens the partial file of an upload, or makes it. Errors have the
// reasons TargetUnusable, TargetChanged (somebody else is writing it) and
// TargetError.
func CreateUpload(o UploadOptions) (*Upload, error) {
	if resolved, err := filepath.EvalSymlinks(o.Path); err == nil {
		o.Path = resolved
	}
	if err := mayReplace(Options{Path: o.Path, Overwrite: o.Overwrite}); err != nil {
		return nil, err
	}
	folder, name := filepath.Split(o.Path)
	if err := os.MkdirAll(filepath.Dir(o.Path), 0o755); err != nil { //nolint:gosec // G301: others may read what is on a claim, as they may the file.
		return nil, directio.Classify("make the folder of", o.Path, err)
	}
	if o.Note == nil {
		o.Note = func(string) {}
	}
	u := &Upload{opts: o, partial: filepath.Join(folder, "."+name+".partial")}
	u.compared.New = func() any { return make([]byte, uploadPart) }
	var err error
	if u.there, err = os.Lstat(o.Path); errors.Is(err, fs.ErrNotExist) {
		u.there = nil
	} else if err != nil {
		return nil, directio.Classify("write", o.Path, err)
	}
	if u.raw, err = openLocked(u.partial); err != nil {
		return nil, err
	}
	if err := u.init(); err != nil {
		return nil, errors.Join(err, u.raw.Close())
	}
	return u, nil
}

func (u *Upload) init() error {
	info, err := u.raw.Stat()
	if err != nil {
		return directio.Classify("look at", u.partial, err)
	}
	u.old = info.Size()
	u.f = directio.Open(u.raw, alignment, disk.Unknown)
	return directio.Classify("change the owner or mode of", u.partial, own(u.raw, u.opts.UID, u.opts.GID, u.opts.Mode))
}

// Parts implements disk.Upload.
func (u *Upload) Parts() disk.Parts { return disk.Parts{Size: uploadPart} }

// Put implements disk.Upload.
func (u *Upload) Put(ctx context.Context, p []byte, off int64) (reused bool, err error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if off < u.old {
		if u.same(p, off) {
			return true, nil
		}
		// Best effort: where no hole can be made, zeros are written.
		if unix.Fallocate(int(u.raw.Fd()), unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, off, int64(len(p))) != nil {
			return false, directio.Classify("write", u.opts.Path, u.f.WriteAt(p, off))
		}
	}
	return false, directio.Classify("write", u.opts.Path, u.writeSparse(p, off))
}

// same reports whether p stands at off already.
func (u *Upload) same(p []byte, off int64) bool {
	mem, ok := u.compared.Get().([]byte)
	if !ok {
		return false
	}
	defer u.compared.Put(mem) //nolint:staticcheck // 24 bytes for each 4 MiB.
	n, err := u.raw.ReadAt(mem[:len(p)], off)
	if err != nil && !errors.Is(err, io.EOF) {
		return false
	}
	if n == len(p) && bytes.Equal(mem[:n], p) {
		return true
	}
	if !cutOff(mem[:n], p) {
		u.opts.Note(disk.SentOther)
	}
	return false
}

// cutOff reports whether old is what a write of p leaves that was cut off: each
// sector is p's or was not written.
func cutOff(old, p []byte) bool {
	for at := 0; at < len(old); at += sector {
		end := min(at+sector, len(old))
		if !bytes.Equal(old[at:end], p[at:end]) && !zeros.Only(old[at:end]) {
			return false
		}
	}
	return true
}

// writeSparse writes p but for its runs of zeros, where nothing stands yet.
func (u *Upload) writeSparse(p []byte, off int64) error {
	start := 0 // of the run that is not zero
	for at := 0; at < len(p); {
		next := min(len(p), at+sparseBlock)
		if zeros.Only(p[at:next]) {
			if err := u.write(p[start:at], off+int64(start)); err != nil {
				return err
			}
			start = next
		}
		at = next
	}
	return u.write(p[start:], off+int64(start))
}

func (u *Upload) write(p []byte, off int64) error {
	if len(p) == 0 {
		return nil
	}
	return u.f.WriteAt(p, off)
}

// ReadAt implements disk.Rereader.
func (u *Upload) ReadAt(ctx context.Context, p []byte, off int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	_, err := u.raw.ReadAt(p, off)
	return directio.Classify("read", u.partial, err)
}

// Commit implements disk.Upload. The file system keeps what it was given, or has
// reported that it cannot by the time of the fsync: the sum is not looked at.
func (u *Upload) Commit(ctx context.Context, s disk.Sum) (disk.Placed, error) {
	if err := ctx.Err(); err != nil {
		return disk.Placed{}, err
	}
	if err := u.raw.Truncate(s.Size); err != nil {
		return disk.Placed{}, directio.Classify("resize", u.opts.Path, err)
	}
	if err := u.f.Sync(); err != nil {
		return disk.Placed{}, directio.Classify("sync", u.opts.Path, err)
	}
	if err := u.rename(); err != nil {
		return disk.Placed{}, err
	}
	if err := syncFolder(filepath.Dir(u.opts.Path)); err != nil {
		return disk.Placed{}, directio.Classify("sync the folder of", u.opts.Path, err)
	}
	info, err := u.raw.Stat()
	if err != nil {
		return disk.Placed{}, directio.Classify("look at", u.opts.Path, err)
	}
	placed := disk.Placed{URI: u.opts.Path, Validator: validator(info)}
	return placed, directio.Classify("close", u.opts.Path, u.f.Close())
}

// rename gives the file its final name, unless another writer was faster.
func (u *Upload) rename() error {
	taken := transfer.Terminal(transfer.ReasonTargetChanged,
		fmt.Errorf("cannot write %s: another writer has put a file there meanwhile", u.opts.Path))
	if !isAt(u.raw, u.partial) {
		return transfer.Terminal(transfer.ReasonTargetChanged,
			fmt.Errorf("cannot write %s: another writer has taken %s away", u.opts.Path, u.partial))
	}
	if u.there == nil {
		err := unix.Renameat2(unix.AT_FDCWD, u.partial, unix.AT_FDCWD, u.opts.Path, unix.RENAME_NOREPLACE)
		switch {
		case errors.Is(err, unix.EEXIST):
			return taken
		case !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOSYS):
			return directio.Classify("rename "+u.partial+" to", u.opts.Path, err)
		}
	}
	// This file system has no such rename, or there is a file to replace.
	now, err := os.Lstat(u.opts.Path)
	switch {
	case err == nil && (u.there == nil || validator(now) != validator(u.there)):
		return taken
	case err != nil && !errors.Is(err, fs.ErrNotExist):
		return directio.Classify("look at", u.opts.Path, err)
	}
	return directio.Classify("rename "+u.partial+" to", u.opts.Path, os.Rename(u.partial, u.opts.Path))
}

// Abort implements disk.Upload.
func (u *Upload) Abort(_ context.Context, keep bool) error {
	if keep {
		return directio.Classify("close", u.partial, u.f.Close())
	}
	err := os.Remove(u.partial)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(directio.Classify("remove", u.partial, err), u.f.Close())
}

// Remove removes the file at path if it is still the version that a Placed of
// this package names, and what an upload to it has left behind. It reports
// whether the file was there and was that version. An empty validator removes
// only the latter.
func Remove(path, version string) (bool, error) {
	folder, name := filepath.Split(path)
	partial := filepath.Join(folder, "."+name+".partial")
	if err := removeStale(partial); err != nil {
		return false, err
	}
	if version == "" {
		return false, nil
	}
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, directio.Classify("look at", path, err)
	}
	if validator(info) != version {
		return false, nil
	}
	return true, directio.Classify("remove", path, os.Remove(path))
}
