// SPDX-License-Identifier: Apache-2.0

package block

import (
	"fmt"
	"io/fs"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/internal/mover/directio"
)

// IsDevice reports whether the path names a block device.
func IsDevice(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&(fs.ModeDevice|fs.ModeCharDevice) == fs.ModeDevice
}

// Size returns a device's size in bytes. Errors have the reasons of Create.
func Size(path string) (int64, error) {
	f, err := os.Open(path)
	if err != nil {
		return 0, directio.Classify("open", path, err)
	}
	defer f.Close() //nolint:errcheck // It was only asked.
	n, err := sizeOf(f)
	return n, directio.Classify("use", path, err)
}

// sizeOf asks for a device's size in bytes.
func sizeOf(f *os.File) (int64, error) {
	var size uint64
	if err := ioctl(f, unix.BLKGETSIZE64, unsafe.Pointer(&size)); err != nil { //nolint:gosec // The kernel writes eight bytes there.
		return 0, fmt.Errorf("cannot learn its size: %w", err)
	}
	return int64(size), nil
}

// sectorOf asks for a device's logical sector size in bytes.
func sectorOf(f *os.File) (int, error) {
	var size int32
	if err := ioctl(f, unix.BLKSSZGET, unsafe.Pointer(&size)); err != nil { //nolint:gosec // The kernel writes four bytes there.
		return 0, fmt.Errorf("cannot learn its sector size: %w", err)
	}
	return int(size), nil
}

// readOnly asks whether a device refuses writes.
func readOnly(f *os.File) (bool, error) {
	var ro int32
	if err := ioctl(f, unix.BLKROGET, unsafe.Pointer(&ro)); err != nil { //nolint:gosec // The kernel writes four bytes there.
		return false, fmt.Errorf("cannot learn whether it is read-only: %w", err)
	}
	return ro != 0, nil
}

// zeroOut asks the kernel to zero a range, by the device or by writing.
func zeroOut(f *os.File, off, n int64) error {
	r := [2]uint64{uint64(off), uint64(n)}
	return ioctl(f, unix.BLKZEROOUT, unsafe.Pointer(unsafe.SliceData(r[:]))) //nolint:gosec // The kernel reads two numbers there.
}

func ioctl(f *os.File, request uint, arg unsafe.Pointer) error {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, f.Fd(), uintptr(request), uintptr(arg))
	if errno != 0 {
		return errno
	}
	return nil
}
