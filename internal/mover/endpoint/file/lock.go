// SPDX-License-Identifier: Apache-2.0

package file

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/directio"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// lockTries bounds how often the partial file may vanish while it is locked.
const lockTries = 10

// errRaced says that another process took the file's place meanwhile.
var errRaced = errors.New("other processes keep replacing it")

// createLocked makes a new, empty file and locks it, so that two processes
// never write one disk. What a process that was killed left under the name is
// removed; what a living one writes is an error.
func createLocked(path string) (*os.File, error) {
	for range lockTries {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o666) //nolint:gosec // The umask decides, as for any file.
		switch {
		case errors.Is(err, fs.ErrExist):
			if err := removeStale(path); err != nil {
				return nil, err
			}
			continue
		case err != nil:
			return nil, directio.Classify("create", path, err)
		}
		if err := lock(f, path); err != nil {
			return nil, errors.Join(err, f.Close())
		}
		if isAt(f, path) {
			return f, nil
		}
		_ = f.Close() // Another process took it for stale before it was locked.
	}
	return nil, directio.Classify("lock", path, errRaced)
}

// openLocked opens the file at path, or makes it, and locks it. What it holds
// stays. A file that a living process writes is transfer.ReasonTargetChanged.
func openLocked(path string) (*os.File, error) {
	for range lockTries {
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW, 0o666) //nolint:gosec // The umask decides, as for any file.
		if err != nil {
			return nil, directio.Classify("open", path, err)
		}
		err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
		if errors.Is(err, unix.EWOULDBLOCK) {
			_ = f.Close() // Nothing was written.
			return nil, transfer.Terminal(transfer.ReasonTargetChanged, fmt.Errorf("cannot write %s: another transfer is writing it", path))
		}
		if err != nil {
			return nil, errors.Join(directio.Classify("lock", path, err), f.Close())
		}
		if isAt(f, path) {
			return f, nil
		}
		_ = f.Close() // It was renamed or removed before it was locked.
	}
	return nil, directio.Classify("lock", path, errRaced)
}

// removeStale removes the file at path unless a living process has locked it.
func removeStale(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return directio.Classify("open", path, err)
	}
	defer f.Close() //nolint:errcheck // Nothing was written.
	if err := lock(f, path); err != nil {
		return err
	}
	if !isAt(f, path) {
		return nil
	}
	return directio.Classify("remove", path, os.Remove(path))
}

func lock(f *os.File, path string) error {
	err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		return transfer.Retryable(transfer.ReasonTargetError, fmt.Errorf("cannot lock %s: another transfer writes it", path))
	}
	return directio.Classify("lock", path, err)
}

// isAt reports whether f is still what its path names.
func isAt(f *os.File, path string) bool {
	mine, err := f.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(path)
	return err == nil && os.SameFile(mine, there)
}
