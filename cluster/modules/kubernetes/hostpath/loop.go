// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// attachLoop attaches a file to a free loop device, which detaches itself when
// the last user, a mount or an open file, is gone (loop(4), LO_FLAGS_AUTOCLEAR).
// The caller closes the returned file when it no longer needs the device.
func attachLoop(image string) (*os.File, error) {
	backing, err := os.OpenFile(image, os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open volume: %w", err)
	}
	defer func() { _ = backing.Close() }()
	control, err := os.OpenFile("/dev/loop-control", os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open loop control: %w", err)
	}
	defer func() { _ = control.Close() }()
	for {
		device, err := tryLoop(control, backing)
		if !errors.Is(err, unix.EBUSY) {
			return device, err
		}
	}
}

// tryLoop returns EBUSY if somebody else was quicker to take the free device.
func tryLoop(control, backing *os.File) (*os.File, error) {
	number, err := unix.IoctlRetInt(int(control.Fd()), unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, fmt.Errorf("cannot find free loop device: %w", err)
	}
	device, err := os.OpenFile(fmt.Sprintf("/dev/loop%d", number), os.O_RDWR, 0)
	if err != nil {
		return nil, fmt.Errorf("cannot open loop device: %w", err)
	}
	config := &unix.LoopConfig{Fd: uint32(backing.Fd()), Info: unix.LoopInfo64{Flags: unix.LO_FLAGS_AUTOCLEAR}}
	copy(config.Info.File_name[:], backing.Name())
	if err := unix.IoctlLoopConfigure(int(device.Fd()), config); err != nil {
		_ = device.Close()
		return nil, fmt.Errorf("cannot attach %s: %w", device.Name(), err)
	}
	return device, nil
}

// loopOf returns the loop device of an image, or nothing.
func loopOf(image string) (string, error) {
	files, err := filepath.Glob("/sys/block/loop*/loop/backing_file")
	if err != nil {
		return "", fmt.Errorf("cannot list loop devices: %w", err)
	}
	for _, f := range files {
		// A device that went away since the listing has no file to read.
		if backing, err := os.ReadFile(f); err == nil && strings.TrimSpace(string(backing)) == image {
			return "/dev/" + strings.Split(f, "/")[3], nil
		}
	}
	return "", nil
}

// mountOf returns a place where a device is mounted, or nothing.
func mountOf(device string) (string, error) {
	return findMount(func(at, source string) bool { return source == device })
}

// findMount returns the first mount that matches (proc(5), mountinfo).
func findMount(match func(at, source string) bool) (string, error) {
	f, err := os.Open("/proc/self/mountinfo")
	if err != nil {
		return "", fmt.Errorf("cannot list mounts: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		before, after, ok := strings.Cut(lines.Text(), " - ")
		mount, origin := strings.Fields(before), strings.Fields(after)
		if ok && len(mount) > 4 && len(origin) > 1 && match(mount[4], origin[1]) {
			return mount[4], nil
		}
	}
	return "", lines.Err()
}

// bind binds a file or folder to a target, once.
func bind(source, target string, readOnly bool) error {
	there, err := findMount(func(at, _ string) bool { return at == target })
	if err != nil || there != "" {
		return err
	}
	if err := unix.Mount(source, target, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cannot bind %s to %s: %w", source, target, err)
	}
	if !readOnly {
		return nil
	}
	if err := unix.Mount("", target, "", unix.MS_BIND|unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		return fmt.Errorf("cannot make %s read-only: %w", target, err)
	}
	return nil
}

// unmount removes a mount; a target that is none is no error.
func unmount(target string) error {
	err := unix.Unmount(target, 0)
	if err == nil || errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) {
		return nil
	}
	return fmt.Errorf("cannot unmount %s: %w", target, err)
}
