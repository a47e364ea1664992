// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

// keepByte tells init that the cluster is complete.
const keepByte = 'k'

// pipeDescriptor is the pipe's reading end in init (os/exec, ExtraFiles).
const pipeDescriptor = 3

// self is this program, also after its file has gone, as go run's does.
const self = "/proc/self/exe"

// Init is the life of the first process: it mounts /proc, starts the node,
// which is this program with other arguments, and reaps until it is told to
// end or the node does. It returns when no other process is left.
func Init(s layout.State, node []string) error {
	// Terminals and shells must not reach init by accident. The signals are
	// not ignored, since every pod would inherit that.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGHUP)
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGTERM)

	release, err := claim(s)
	if err != nil {
		return err
	}
	defer release()
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("cannot keep mounts private: %w", err)
	}
	if err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, ""); err != nil {
		return fmt.Errorf("cannot mount /proc: %w", err)
	}
	child, err := syscall.ForkExec(self, append([]string{processName}, node...), &syscall.ProcAttr{
		Env: os.Environ(), Files: []uintptr{0, 1, 2}, Sys: &syscall.SysProcAttr{Setpgid: true},
	})
	if err != nil {
		return fmt.Errorf("cannot start node: %w", err)
	}
	go func() {
		select {
		case <-stop:
		case <-abandoned():
		}
		killAll()
	}()
	reap(child)
	return Clean(context.Background(), s)
}

// claim locks the state folder and writes init's process number, as the
// machine sees it, to the lock. It must come before /proc is mounted.
func claim(s layout.State) (func(), error) {
	number, err := os.Readlink("/proc/self")
	if err != nil {
		return nil, fmt.Errorf("cannot ask for own process number: %w", err)
	}
	f, err := os.OpenFile(s.InitLock(), os.O_CREATE|os.O_RDWR|os.O_TRUNC, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open lock: %w", err)
	}
	// Without waiting for ever: only somebody who looks holds it, for a moment.
	for range 50 {
		if err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			break
		}
		time.Sleep(poll)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot lock %s: %w", f.Name(), err)
	}
	if _, err := f.WriteString(number); err != nil {
		return nil, fmt.Errorf("cannot write process number: %w", err)
	}
	return func() { _ = f.Close() }, nil
}

// abandoned returns a channel that closes when the process that started init
// ends without having called Keep.
func abandoned() <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		b := make([]byte, 1)
		n, err := os.NewFile(pipeDescriptor, "keep").Read(b)
		if n == 1 && b[0] == keepByte {
			return
		}
		if err == nil || errors.Is(err, io.EOF) {
			close(gone)
		}
	}()
	return gone
}

// reap collects children, init's own and those that lost their parent, until
// there are none. When the node ends, all else ends too.
func reap(node int) {
	for {
		pid, err := syscall.Wait4(-1, nil, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil: // ECHILD
			return
		case pid == node:
			go killAll()
		}
	}
}

// killAll kills every process of the namespace but init. A process may fork
// while the others are being killed, so it is done again until none is left.
func killAll() {
	for syscall.Kill(-1, syscall.SIGKILL) == nil {
		time.Sleep(20 * time.Millisecond)
	}
}
