// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

// Clean removes what a cluster that is no longer running may have left on the
// machine: cgroups, and loop devices of its volumes.
func Clean(ctx context.Context, s layout.State) error {
	return errors.Join(removeCgroups(s.CgroupRoot()), detachLoops(ctx, string(s)))
}

// MakeCgroups makes the cgroup that pods are below, in every hierarchy of
// cgroup v1, or in the one of v2 with all controllers passed on to it.
func MakeCgroups(root string) error {
	for _, h := range hierarchies() {
		dir := filepath.Join(h, root)
		if _, err := os.Stat(filepath.Join(h, "cgroup.controllers")); err == nil {
			passOn(h)
		}
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot make cgroup: %w", err)
		}
		if err := inherit(h, dir); err != nil {
			return err
		}
	}
	return nil
}

// hierarchies returns where cgroups are mounted: several for v1, one for v2,
// and all of them on a machine that has both.
func hierarchies() []string {
	content, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return nil
	}
	return cgroupMounts(string(content))
}

// cgroupMounts returns the cgroup mounts of a mountinfo (proc(5)).
func cgroupMounts(mountinfo string) []string {
	var all []string
	for line := range strings.Lines(mountinfo) {
		before, after, _ := strings.Cut(line, " - ")
		mount, origin := strings.Fields(before), strings.Fields(after)
		if len(mount) < 5 || len(origin) == 0 || !strings.HasPrefix(origin[0], "cgroup") {
			continue
		}
		if !slices.Contains(all, mount[4]) {
			all = append(all, mount[4])
		}
	}
	return all
}

// passOn enables each controller of cgroup v2 for the children, as far as the
// kernel allows it for each: some cannot be, and then nobody needs them.
func passOn(dir string) {
	controllers, err := os.ReadFile(filepath.Join(dir, "cgroup.controllers"))
	if err != nil {
		return
	}
	for _, c := range strings.Fields(string(controllers)) {
		_ = os.WriteFile(filepath.Join(dir, "cgroup.subtree_control"), []byte("+"+c), 0o644)
	}
}

// inherit gives a new cgroup of v1's cpuset the processors and memory nodes of
// its parent, without which no process can be in it.
func inherit(parent, dir string) error {
	for _, f := range []string{"cpuset.cpus", "cpuset.mems"} {
		value, err := os.ReadFile(filepath.Join(parent, f))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("cannot read cpuset: %w", err)
		}
		if err := os.WriteFile(filepath.Join(dir, f), value, 0o644); err != nil {
			return fmt.Errorf("cannot set cpuset: %w", err)
		}
	}
	return nil
}

// removeCgroups removes a cgroup and all below it, in every hierarchy. The
// kernel may take a moment to let the last process go.
func removeCgroups(root string) error {
	var err error
	for range 100 {
		err = nil
		for _, h := range hierarchies() {
			err = errors.Join(err, removeTree(filepath.Join(h, root)))
		}
		if err == nil {
			return nil
		}
		time.Sleep(poll)
	}
	return fmt.Errorf("cannot remove cgroups: %w", err)
}

// removeTree removes the folders of a cgroup from the leaves up; the files in
// them are the kernel's.
func removeTree(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() {
			continue
		}
		if err := removeTree(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	if err := unix.Rmdir(dir); err != nil && !errors.Is(err, unix.ENOENT) {
		return &fs.PathError{Op: "rmdir", Path: dir, Err: err}
	}
	return nil
}

// detachLoops detaches the loop devices with files below a folder, and waits
// until they are gone. Those of the CSI driver go by themselves; those that the
// kubelet puts over block volumes do not, and they keep the driver's.
func detachLoops(ctx context.Context, dir string) error {
	for range 100 {
		names, err := loopNames()
		if err != nil {
			return err
		}
		devices := loopsBelow(names, dir)
		if len(devices) == 0 {
			return nil
		}
		for _, d := range devices {
			// The next look tells whether it helped.
			_ = exec.CommandContext(ctx, "losetup", "--detach", d).Run()
		}
		select {
		case <-time.After(2 * poll):
		case <-ctx.Done():
			return fmt.Errorf("cannot wait for loop devices to go: %w", ctx.Err())
		}
	}
	return fmt.Errorf("cannot detach the loop devices of %s", dir)
}

// loopNames returns the file of each loop device, as it was called when it was
// attached. What sysfs shows instead is lost with the mount that it was under.
func loopNames() (map[string]string, error) {
	devices, err := filepath.Glob("/dev/loop[0-9]*")
	if err != nil {
		return nil, fmt.Errorf("cannot list loop devices: %w", err)
	}
	names := map[string]string{}
	for _, d := range devices {
		f, err := os.Open(d)
		if err != nil {
			continue // gone since it was listed
		}
		// A device that nothing is attached to has no status.
		if status, err := unix.IoctlLoopGetStatus64(int(f.Fd())); err == nil {
			names[d] = unix.ByteSliceToString(status.File_name[:])
		}
		_ = f.Close()
	}
	return names, nil
}

// loopsBelow returns the devices whose files are below a folder.
func loopsBelow(names map[string]string, dir string) []string {
	var devices []string
	for _, d := range slices.Sorted(maps.Keys(names)) {
		if strings.HasPrefix(names[d], dir+string(filepath.Separator)) {
			devices = append(devices, d)
		}
	}
	return devices
}
