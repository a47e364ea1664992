// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// Whole says that a command sees all of the cluster: its processes, mounts,
// network and name.
func Whole() []string { return []string{"mnt", "net", "uts", "ipc", "pid"} }

// Processes says that a command is one of the cluster's processes, and ends
// with them, but sees the machine's files and network.
func Processes() []string { return []string{"pid"} }

// Run runs a command in the named namespaces of the sandbox and returns what
// it came to. Its program is looked up there, and its folder is as there.
func (b *Sandbox) Run(cmd *exec.Cmd, names []string) error {
	result := make(chan error, 1)
	go func() { result <- b.runHere(cmd, names) }()
	return <-result
}

// Launch starts a command in the named namespaces and leaves it to itself.
func (b *Sandbox) Launch(cmd *exec.Cmd, names []string) error {
	result := make(chan error, 1)
	go func() {
		if err := b.enter(names); err != nil {
			result <- err
			return
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
		result <- cmd.Start()
	}()
	return <-result
}

// runHere enters the namespaces with the calling goroutine's thread, which
// ends with the goroutine: a thread cannot go back. The thread waits for the
// command, because a death signal that the command may have asked for
// (setpriv(1)) is sent when the thread ends. SysProcAttr's own death signal
// does not work across PID namespaces: the child takes its parent for dead.
func (b *Sandbox) runHere(cmd *exec.Cmd, names []string) error {
	if err := b.enter(names); err != nil {
		return err
	}
	return cmd.Run()
}

// enter moves the calling goroutine, on a thread of its own, into namespaces
// (setns(2)). For the PID namespace this holds for the thread's children.
func (b *Sandbox) enter(names []string) error {
	runtime.LockOSThread()
	// A thread that shares its root and working folder cannot change mounts.
	if err := unix.Unshare(unix.CLONE_FS); err != nil {
		return fmt.Errorf("cannot leave shared folders: %w", err)
	}
	var open []*os.File
	defer func() {
		for _, f := range open {
			_ = f.Close()
		}
	}()
	// All are opened first: in another mount namespace, /proc is another.
	for _, name := range names {
		f, err := os.Open(fmt.Sprintf("/proc/%d/ns/%s", b.pid, name))
		if err != nil {
			return fmt.Errorf("cannot open namespace of cluster: %w", err)
		}
		open = append(open, f)
	}
	for _, f := range open {
		if err := unix.Setns(int(f.Fd()), 0); err != nil {
			return fmt.Errorf("cannot enter %s: %w", f.Name(), err)
		}
	}
	return nil
}
