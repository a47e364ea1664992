// SPDX-License-Identifier: Apache-2.0

// Package directio writes to a file or a block device past the page cache.
//
// Through the page cache, a large write costs a copy and several times the
// processor time, evicts what the machine's other programs use, and leaves its
// last minute to fsync. Writes that are aligned go to a descriptor with
// O_DIRECT. Where the file system or the device refuses those, or when a write
// comes that is not aligned, all later ones go through the cache, and dirty
// pages are written back steadily and dropped.
package directio

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// syncStep is how many bytes are written, at least, before they are made durable
// while others are written. Disks have caches as well: a sync that comes once,
// at the end, waits for all that is in them, with nothing else to do. Many disks
// write nothing while they sync: what the writers have in memory must be enough to
// go on with until then.
const syncStep = 16 << 20

// A File is a file or device that is written. Its methods may be called by many
// goroutines at once, on ranges that do not overlap.
type File struct {
	cached *os.File
	align  int64
	end    int64 // of the disk; a write that ends here need not be aligned there

	mu     sync.RWMutex // held for reading by direct writes
	direct *os.File     // nil: everything goes through the cache
	back   writeback

	fresh atomic.Int64 // bytes that were written since the last sync began
	early sync.Mutex   // held by the one that syncs early
}

// Open returns a File that writes to cached, which it takes over, with direct
// writes in multiples of align bytes. A write that ends at end, the size of the
// disk, may have a tail, which goes through the cache alone.
func Open(cached *os.File, align int, end int64) *File {
	f := &File{cached: cached, align: int64(align), end: end, back: writeback{fd: int(cached.Fd())}}
	// The descriptor, not the path: nobody can put another file in between.
	self := fmt.Sprintf("/proc/self/fd/%d", cached.Fd())
	direct, err := os.OpenFile(self, os.O_WRONLY|unix.O_DIRECT, 0)
	if err == nil {
		f.direct = direct
	}
	return f
}

// Direct reports whether writes go past the page cache.
func (f *File) Direct() bool {
	f.mu.RLock()
	defer f.mu.RUnlock()
	return f.direct != nil
}

// WriteAt writes all of p at off. Its error is the operating system's, and may be
// of an earlier write.
func (f *File) WriteAt(p []byte, off int64) error {
	if err := f.write(p, off); err != nil {
		return err
	}
	return f.syncEarly(int64(len(p)))
}

// syncEarly counts n bytes, and makes all durable each time that it is enough and
// nobody does so: the slower a disk syncs, the more it is given at once.
func (f *File) syncEarly(n int64) error {
	if f.fresh.Add(n) < syncStep || !f.early.TryLock() {
		return nil
	}
	defer f.early.Unlock()
	f.fresh.Store(0)
	return unix.Fdatasync(int(f.cached.Fd()))
}

func (f *File) write(p []byte, off int64) error {
	done, err := f.writeDirect(p, off)
	if done || err != nil {
		return err
	}
	if _, err := f.cached.WriteAt(p, off); err != nil {
		return err
	}
	return f.back.wrote(off, int64(len(p)))
}

// writeDirect writes p past the page cache; false when it cannot be, now and in
// future.
func (f *File) writeDirect(p []byte, off int64) (bool, error) {
	f.mu.RLock()
	direct := f.direct
	if direct != nil && f.aligned(p, off) {
		defer f.mu.RUnlock()
		n := int64(len(p)) / f.align * f.align
		_, err := direct.WriteAt(p[:n], off)
		switch {
		case errors.Is(err, unix.EINVAL):
			// Refused although it is aligned: this file system wants more,
			// or does not do it at all. The cache can always.
			return false, nil
		case err == nil && n < int64(len(p)):
			_, err = f.cached.WriteAt(p[n:], off+n)
		}
		return true, err
	}
	f.mu.RUnlock()
	if direct != nil {
		f.stopDirect()
	}
	return false, nil
}

// stopDirect waits for the direct writes and lets no more begin. A block that
// is written both ways at once would lose one of the writes.
func (f *File) stopDirect() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.direct != nil {
		_ = f.direct.Close() // Nothing is buffered in it.
		f.direct = nil
	}
}

func (f *File) aligned(p []byte, off int64) bool {
	n := int64(len(p))
	address := int64(uintptr(unsafe.Pointer(unsafe.SliceData(p)))) //nolint:gosec // Only the address is looked at.
	return off%f.align == 0 && address%f.align == 0 && (n%f.align == 0 || off+n == f.end)
}

// Sync makes what was written durable.
func (f *File) Sync() error { return f.cached.Sync() }

// Close closes the file and lets go of it.
func (f *File) Close() error {
	f.stopDirect()
	return f.cached.Close()
}
