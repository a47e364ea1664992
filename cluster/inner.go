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
	"strings"
	"syscall"
	"time"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
	"github.com/novasphere/provider-wukong/cluster/internal/node"
	"github.com/novasphere/provider-wukong/cluster/internal/sandbox"
)

// Verbs that this program calls itself with.
const (
	verbInit = "_init" // the first process of the cluster
	verbNode = "_node" // its child, which runs the components
	verbCDI  = "_cdi"  // builds and installs CDI, in the background
)

// What the CDI file holds, or the reason why it could not be installed.
const (
	cdiInstalling = "installing"
	cdiAvailable  = "available"
)

func innerVerb(verb string) func(args []string) error {
	switch verb {
	case verbInit:
		return runInit
	case verbNode:
		return runNode
	case verbCDI:
		return runCDI
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

// launchCDI starts CDI's installation in the background. It is one of the
// cluster's processes, so it ends with the cluster, but it sees the machine's
// network, as it may have to fetch modules.
func (c *cluster) launchCDI(b *sandbox.Sandbox) error {
	if err := c.noteCDI(cdiInstalling); err != nil {
		return err
	}
	log, err := os.Create(c.state.Logs("cdi.log"))
	if err != nil {
		return fmt.Errorf("cannot make log: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := sandbox.Self(verbCDI)
	cmd.Stdout, cmd.Stderr = log, log
	if err := b.Launch(cmd, sandbox.Processes()); err != nil {
		return fmt.Errorf("cannot start CDI's installation: %w", err)
	}
	c.say("CDI follows in the background: %s", log.Name())
	return nil
}

func runCDI([]string) error {
	c, err := newCluster()
	if err != nil {
		return err
	}
	err = c.enterCheckout()
	if err == nil {
		err = c.installCDI(context.Background())
	}
	if err != nil {
		return errors.Join(err, c.noteCDI("failed: "+err.Error()))
	}
	return c.noteCDI(cdiAvailable)
}

func (c *cluster) installCDI(ctx context.Context) error {
	start := time.Now()
	b, err := sandbox.Open(c.state)
	if err != nil {
		return err
	}
	folder, err := c.maker().CDI(ctx)
	if err != nil {
		return err
	}
	if err := c.installer(b).CDI(ctx, folder); err != nil {
		return err
	}
	c.say("%5.1f s  CDI ready", time.Since(start).Seconds())
	return nil
}

// noteCDI writes how far CDI's installation is, in one piece.
func (c *cluster) noteCDI(what string) error {
	next := c.state.CDI() + ".new"
	if err := os.WriteFile(next, []byte(what), 0o644); err != nil {
		return fmt.Errorf("cannot note how far CDI is: %w", err)
	}
	if err := os.Rename(next, c.state.CDI()); err != nil {
		return fmt.Errorf("cannot note how far CDI is: %w", err)
	}
	return nil
}

// waitCDI waits for the installation in the background.
func (c *cluster) waitCDI(ctx context.Context) error {
	start, told := time.Now(), time.Now()
	for {
		content, err := os.ReadFile(c.state.CDI())
		if err != nil {
			return fmt.Errorf("cannot read how far CDI is: %w", err)
		}
		switch what := string(content); {
		case what == cdiAvailable:
			c.say("%5.1f s  CDI ready", time.Since(start).Seconds())
			return nil
		case strings.HasPrefix(what, "failed"):
			return fmt.Errorf("cannot install CDI: %s", what)
		}
		if _, err := sandbox.Open(c.state); err != nil {
			return err
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			c.say("waiting for CDI, %s; see %s", time.Since(start).Round(time.Second), c.state.Logs("cdi.log"))
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
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
