// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

// resolvConf is what a program asks for name servers.
const resolvConf = "/etc/resolv.conf"

// networkCommands make the node's interface: one end of a veth pair, whose
// other end is there only to keep the link up. Nothing leads out of it.
func networkCommands() []string {
	return []string{
		"ip link set lo up",
		"ip link add node type veth peer name wire",
		"ip addr add " + layout.NodeIP + "/24 dev node",
		"ip link set node up",
		"ip link set wire up",
		"ip route add default dev node",
	}
}

// setNetwork makes the node's network.
func setNetwork(ctx context.Context) error {
	for _, c := range networkCommands() {
		words := strings.Fields(c)
		if output, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("cannot run %s: %w: %s", c, err, output)
		}
	}
	for _, setting := range []string{"net/ipv4/ip_forward", "net/ipv4/conf/all/route_localnet"} {
		if err := os.WriteFile("/proc/sys/"+setting, []byte("1"), 0o644); err != nil {
			return fmt.Errorf("cannot set network: %w", err)
		}
	}
	if err := unix.Sethostname([]byte(layout.NodeName)); err != nil {
		return fmt.Errorf("cannot set host name: %w", err)
	}
	return nil
}

// setMounts gives the node folders of its own in place of the machine's, where
// programs have paths built in, and its own name resolution.
func setMounts(s layout.State) error {
	// Looked up before /run, which it may point into, is another.
	resolver, err := filepath.EvalSymlinks(resolvConf)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("cannot find %s: %w", resolvConf, err)
	}
	for _, dir := range []string{"/run", "/var/log", "/var/lib/cni"} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot make folder to mount on: %w", err)
		}
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "mode=0755"); err != nil {
			return fmt.Errorf("cannot mount on %s: %w", dir, err)
		}
	}
	// Pods' network namespaces and volumes are mounts that containerd and the
	// kubelet share with what they start.
	for _, dir := range []string{"/run/netns", s.Kubelet()} {
		if err := shared(dir); err != nil {
			return err
		}
	}
	// crun wants one version of cgroups: where there are both, pods are in v1's.
	err = unix.Unmount("/sys/fs/cgroup/unified", unix.MNT_DETACH)
	if err != nil && !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EINVAL) {
		return fmt.Errorf("cannot leave cgroup v2: %w", err)
	}
	if err := cover(s.Etc("hosts"), "/etc/hosts"); err != nil {
		return err
	}
	return cover(s.Etc("resolv.conf"), resolver)
}

// shared makes a folder a mount that passes on the mounts below it.
func shared(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make %s: %w", dir, err)
	}
	if err := unix.Mount(dir, dir, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cannot bind %s: %w", dir, err)
	}
	if err := unix.Mount("", dir, "", unix.MS_SHARED|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("cannot share %s: %w", dir, err)
	}
	return nil
}

// cover puts a file of ours over one of the machine's. One that went away with
// the machine's /run is written anew; one that never was is not needed.
func cover(ours, theirs string) error {
	if theirs == "" {
		return nil
	}
	if _, err := os.Stat(theirs); errors.Is(err, os.ErrNotExist) && strings.HasPrefix(theirs, "/run/") {
		if err := os.MkdirAll(filepath.Dir(theirs), 0o755); err != nil {
			return fmt.Errorf("cannot make folder of %s: %w", theirs, err)
		}
		return os.Symlink(ours, theirs)
	}
	if err := unix.Mount(ours, theirs, "", unix.MS_BIND, ""); err != nil {
		return fmt.Errorf("cannot cover %s: %w", theirs, err)
	}
	return nil
}
