// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
	"github.com/novasphere/provider-wukong/cluster/internal/node"
	"github.com/novasphere/provider-wukong/cluster/internal/sandbox"
)

// Verbs that this program calls itself with.
const (
	verbInit  = "_init"  // the first process of the cluster
	verbNode  = "_node"  // its child, which runs the components
	verbAddon = "_addon" // builds and installs an addon, in the background
)

func innerVerb(verb string) func(args []string) error {
	switch verb {
	case verbInit:
		return runInit
	case verbNode:
		return runNode
	case verbAddon:
		return runAddon
	}
	return nil
}

func runInit(args []string) error {
	return sandbox.Init(layout.State(args[0]), []string{verbNode, args[0]})
}

func runNode(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	// Components look for runc, iptables, mkfs and the like.
	if err := os.Setenv("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"); err != nil {
		return fmt.Errorf("cannot set search path: %w", err)
	}
	state := layout.State(args[0])
	programs, err := loadPrograms(state)
	if err != nil {
		return err
	}
	return (&node.Node{State: state, Bin: programs, Log: os.Stdout}).Run(ctx)
}

// run runs a command inside the cluster, in the current folder, and returns
// its exit status as an error.
func (c *cluster) run(args []string) error {
	if len(args) > 0 && args[0] == "--" {
		args = args[1:]
	}
	if len(args) == 0 {
		return errUsage
	}
	b, err := sandbox.Open(c.state)
	if err != nil {
		return err
	}
	environment, err := c.environment()
	if err != nil {
		return err
	}
	// The terminal sends its signals to the command too, which answers to them.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGINT, syscall.SIGQUIT)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// setpriv looks the command up inside, with the PATH that it is to have,
	// and sees to it that the command does not outlive this process.
	cmd := exec.CommandContext(ctx, "/usr/bin/setpriv", append([]string{"--pdeathsig", "KILL", "--"}, args...)...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.Stdin, cmd.Stdout, cmd.Stderr, cmd.Env = os.Stdin, os.Stdout, os.Stderr, environment
	if cmd.Dir, err = os.Getwd(); err != nil {
		return fmt.Errorf("cannot find working folder: %w", err)
	}
	return exitStatus(b.Run(cmd, sandbox.Whole()))
}

// exitStatus returns a command's exit status the way a shell would.
func exitStatus(err error) error {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return err
	}
	if w, ok := exit.Sys().(syscall.WaitStatus); ok && w.Signaled() {
		return exitError(128 + int(w.Signal()))
	}
	return exitError(exit.ExitCode())
}
