// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

// namespaces are those of the cluster's own.
const namespaces = unix.CLONE_NEWNS | unix.CLONE_NEWNET | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC

// poll is how often something that takes a moment is looked at again.
const poll = 20 * time.Millisecond

// ErrNotRunning is returned when there is no cluster.
var ErrNotRunning = errors.New("no cluster is running; start one with: go run ./cluster up")

// processName is what the cluster's own processes are called in a listing.
const processName = "wukong-cluster"

// Self returns the command that is this program with other arguments.
func Self(args ...string) *exec.Cmd {
	cmd := exec.Command(self, args...)
	cmd.Args[0] = processName
	return cmd
}

// Sandbox is the set of namespaces of a running cluster.
type Sandbox struct {
	pid  int
	keep *os.File // nil unless this process started it
}

// Start starts init: this program with other arguments, which is to call Init.
// What it says goes to a log. The sandbox ends with this process, unless Keep
// is called.
func Start(args []string, log *os.File) (*Sandbox, error) {
	reader, writer, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("cannot make pipe: %w", err)
	}
	defer func() { _ = reader.Close() }()
	cmd := Self(args...)
	cmd.Stdout, cmd.Stderr, cmd.ExtraFiles = log, log, []*os.File{reader}
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: namespaces, Setsid: true}
	if err := cmd.Start(); err != nil {
		_ = writer.Close()
		return nil, fmt.Errorf("cannot start cluster's first process: %w", err)
	}
	// Collects init when it ends before this process does.
	go func() { _ = cmd.Wait() }()
	return &Sandbox{pid: cmd.Process.Pid, keep: writer}, nil
}

// Keep makes the sandbox outlive this process.
func (b *Sandbox) Keep() error {
	if _, err := b.keep.Write([]byte{keepByte}); err != nil {
		return fmt.Errorf("cannot leave cluster to itself: %w", err)
	}
	return nil
}

// Open returns the running sandbox, or ErrNotRunning.
func Open(s layout.State) (*Sandbox, error) {
	f, err := os.Open(s.InitLock())
	if errors.Is(err, os.ErrNotExist) {
		return nil, ErrNotRunning
	}
	if err != nil {
		return nil, fmt.Errorf("cannot look for cluster: %w", err)
	}
	defer func() { _ = f.Close() }()
	err = unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB)
	if err == nil {
		return nil, ErrNotRunning
	}
	if !errors.Is(err, unix.EWOULDBLOCK) {
		return nil, fmt.Errorf("cannot look for cluster: %w", err)
	}
	content, err := os.ReadFile(s.InitLock())
	if err != nil {
		return nil, fmt.Errorf("cannot look for cluster: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(content)))
	if err != nil {
		return nil, fmt.Errorf("cannot read cluster's process number: %w", err)
	}
	return &Sandbox{pid: pid}, nil
}

// PID returns init's process number, as the machine sees it.
func (b *Sandbox) PID() int { return b.pid }

// Stop ends the sandbox: it asks init to, and makes the kernel do it if init
// takes longer than patience.
func (b *Sandbox) Stop(ctx context.Context, s layout.State, patience time.Duration) error {
	if err := unix.Kill(b.pid, unix.SIGTERM); err != nil && !errors.Is(err, unix.ESRCH) {
		return fmt.Errorf("cannot end cluster: %w", err)
	}
	deadline := time.Now().Add(patience)
	killed := false
	for {
		if _, err := Open(s); errors.Is(err, ErrNotRunning) {
			return nil
		}
		if !killed && time.Now().After(deadline) {
			killed = true
			if err := unix.Kill(b.pid, unix.SIGKILL); err != nil && !errors.Is(err, unix.ESRCH) {
				return fmt.Errorf("cannot kill cluster: %w", err)
			}
		}
		select {
		case <-time.After(poll):
		case <-ctx.Done():
			return fmt.Errorf("cannot wait for cluster to end: %w", ctx.Err())
		}
	}
}
