// SPDX-License-Identifier: Apache-2.0

// Package host checks that this machine can run the cluster, and installs what
// is missing of it from Debian.
package host

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// ErrUnsupported is returned where a cluster cannot run at all.
var ErrUnsupported = errors.New("the cluster needs Linux and root; elsewhere, point KUBECONFIG at a cluster of your own, such as kind's")

// Check returns ErrUnsupported where a cluster cannot run.
func Check() error {
	if runtime.GOOS != "linux" || os.Geteuid() != 0 {
		return ErrUnsupported
	}
	return nil
}

// A need is a file that must be there, and the package that brings it. Asking
// for the file leaves alone a machine that has the program from elsewhere.
type need struct{ file, pkg string }

// needs returns what the cluster takes from Debian: the container runtime and
// its network plugins, the node's tools, the image server, and what CDI's
// images are assembled from.
func needs() []need {
	return []need{
		{file: "containerd", pkg: "containerd"},
		{file: "crun", pkg: "crun"},
		{file: "/usr/lib/cni/ptp", pkg: "containernetworking-plugins"},
		{file: "iptables", pkg: "iptables"},
		{file: "ip", pkg: "iproute2"},
		{file: "mkfs.ext4", pkg: "e2fsprogs"},
		{file: "losetup", pkg: "mount"},
		{file: "fsfreeze", pkg: "util-linux"},
		{file: "nginx", pkg: "nginx-light"},
		{file: "qemu-img", pkg: "qemu-utils"},
		{file: "nbdkit", pkg: "nbdkit"},
		{file: "curl", pkg: "curl"},
		{file: "xz", pkg: "xz-utils"},
		{file: "/usr/include/libdeflate.h", pkg: "libdeflate-dev"},
		{file: "/etc/ssl/certs/ca-certificates.crt", pkg: "ca-certificates"},
	}
}

// Install installs what is missing, and says so in a line.
func Install(ctx context.Context, log io.Writer) error {
	missing := missing()
	if len(missing) == 0 {
		return nil
	}
	if _, err := exec.LookPath("apt-get"); err != nil {
		return fmt.Errorf("cannot install %s: this is no Debian; install them by hand", strings.Join(missing, ", "))
	}
	_, _ = fmt.Fprintf(log, "installing Debian packages: %s\n", strings.Join(missing, " "))
	allow, err := forbidServices()
	if err != nil {
		return err
	}
	defer allow()
	if err := apt(ctx, missing); err != nil {
		// The lists may be older than the archive, or not there at all.
		if err := run(ctx, "apt-get", "-q", "update"); err != nil {
			return err
		}
		if err := apt(ctx, missing); err != nil {
			return err
		}
	}
	return disableServices(ctx, missing)
}

func missing() []string {
	var packages []string
	for _, n := range needs() {
		if !there(n.file) && !slices.Contains(packages, n.pkg) {
			packages = append(packages, n.pkg)
		}
	}
	return packages
}

func there(file string) bool {
	if filepath.IsAbs(file) {
		_, err := os.Stat(file)
		return err == nil
	}
	return Find(file) != ""
}

// Find returns the path of a program of the machine, or nothing. It looks into
// the folders of system programs too, which a user's PATH may lack.
func Find(program string) string {
	for _, dir := range []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin"} {
		file := filepath.Join(dir, program)
		if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
			return file
		}
	}
	return ""
}

// apt never removes a package: another container runtime stays.
func apt(ctx context.Context, packages []string) error {
	return run(ctx, "apt-get", append([]string{
		"-q", "install", "--yes", "--no-install-recommends", "--no-remove",
	}, packages...)...)
}

func run(ctx context.Context, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DEBIAN_FRONTEND=noninteractive")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cannot run %s %s: %w\n%s", name, strings.Join(args, " "), err, output)
	}
	return nil
}

// forbidServices keeps packages from starting their services while they are
// installed, by Debian's own means; the returned function ends that.
func forbidServices() (func(), error) {
	const policy = "/usr/sbin/policy-rc.d"
	f, err := os.OpenFile(policy, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o755)
	if errors.Is(err, os.ErrExist) {
		return func() {}, nil // the machine has a policy of its own
	}
	if err != nil {
		return nil, fmt.Errorf("cannot forbid services to start: %w", err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString("#!/bin/sh\nexit 101\n"); err != nil {
		return nil, fmt.Errorf("cannot forbid services to start: %w", err)
	}
	return func() { _ = os.Remove(policy) }, nil
}

// disableServices keeps the services of packages that were just installed from
// starting with the machine. Nobody can rely on them yet.
func disableServices(ctx context.Context, installed []string) error {
	if _, err := os.Stat("/run/systemd/system"); err != nil {
		return nil //nolint:nilerr // No systemd, no services.
	}
	for pkg, service := range map[string]string{"containerd": "containerd.service", "nginx-light": "nginx.service"} {
		if !slices.Contains(installed, pkg) {
			continue
		}
		if err := run(ctx, "systemctl", "disable", service); err != nil {
			return err
		}
	}
	return nil
}
