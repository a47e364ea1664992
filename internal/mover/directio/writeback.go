// SPDX-License-Identifier: Apache-2.0

package directio

import (
	"errors"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

const (
	// backStep is how much is handed to the kernel to write back at a time.
	backStep = 4 << 20

	// backWindow is how much may be on its way to the disk before a writer
	// waits. It keeps the dirty pages of a transfer flat.
	backWindow = 32 << 20
)

// writeback keeps the pages that are dirty few: what was written starts on its
// way to the disk at once, and is waited for and dropped from the cache when
// backWindow more has been written.
type writeback struct {
	fd int

	mu      sync.Mutex
	run     disk.Extent   // of touching writes that are not on their way
	queue   []disk.Extent // on their way, oldest first
	pending int64         // bytes in queue
	off     bool          // the file system does not do it
}

// wrote is told of each write through the cache. Its error is one that the
// disk reported for an earlier write, which fsync would not repeat.
func (b *writeback) wrote(off, n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.off {
		return nil
	}
	if b.run.Length > 0 && b.run.End() == off {
		b.run.Length += n
	} else {
		if err := b.start(); err != nil {
			return err
		}
		b.run = disk.Extent{Offset: off, Length: n}
	}
	if b.run.Length < backStep {
		return nil
	}
	return b.start()
}

// start sends the run on its way, and waits for what is in front of it in a
// queue that is full.
func (b *writeback) start() error {
	if b.run.Length == 0 {
		return nil
	}
	if err := b.sync(b.run, unix.SYNC_FILE_RANGE_WRITE); err != nil {
		return err
	}
	b.queue = append(b.queue, b.run)
	b.pending += b.run.Length
	b.run = disk.Extent{}
	for b.pending > backWindow && !b.off {
		e := b.queue[0]
		b.queue = b.queue[1:]
		b.pending -= e.Length
		err := b.sync(e, unix.SYNC_FILE_RANGE_WAIT_BEFORE|unix.SYNC_FILE_RANGE_WRITE|unix.SYNC_FILE_RANGE_WAIT_AFTER)
		if err != nil {
			return err
		}
		// Advice: nothing is lost when it is not taken.
		_ = unix.Fadvise(b.fd, e.Offset, e.Length, unix.FADV_DONTNEED)
	}
	return nil
}

// sync calls sync_file_range(2).
func (b *writeback) sync(e disk.Extent, flags int) error {
	err := unix.SyncFileRange(b.fd, e.Offset, e.Length, flags)
	switch {
	case errors.Is(err, unix.ENOSYS), errors.Is(err, unix.EINVAL), errors.Is(err, unix.ESPIPE), errors.Is(err, unix.EOPNOTSUPP):
		b.off = true
		return nil
	case err != nil:
		return fmt.Errorf("cannot write back %d bytes at %d: %w", e.Length, e.Offset, err)
	}
	return nil
}
