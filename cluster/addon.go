// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/novasphere/provider-wukong/cluster/internal/build"
	"github.com/novasphere/provider-wukong/cluster/internal/images"
	"github.com/novasphere/provider-wukong/cluster/internal/install"
	"github.com/novasphere/provider-wukong/cluster/internal/sandbox"
)

// What the file of an addon holds, or the reason why it could not be installed.
const (
	addonInstalling = "installing"
	addonAvailable  = "available"
)

// An addon is what a cluster can have beyond Kubernetes and Crossplane. It is
// built and installed in the background: nobody has to wait who needs it not.
type addon struct {
	title   string
	unit    string // of its programs; the addon goes by this name
	images  func(*images.Maker, context.Context) (string, error)
	install func(*install.Installer, context.Context, string) error
}

func cdi() addon {
	return addon{title: "CDI", unit: build.CDI, images: (*images.Maker).CDI, install: (*install.Installer).CDI}
}

func kubevirt() addon {
	return addon{
		title: "KubeVirt", unit: build.KubeVirt,
		images: (*images.Maker).KubeVirt, install: (*install.Installer).KubeVirt,
	}
}

func addons() []addon { return []addon{cdi(), kubevirt()} }

// isAddon tells whether a unit's programs are those of an addon.
func isAddon(u build.Unit) bool {
	for _, a := range addons() {
		if a.unit == u.Name {
			return true
		}
	}
	return false
}

// launchAddon starts an addon's installation in the background. It is one of the
// cluster's processes, so it ends with the cluster, but it sees the machine's
// network, as it may have to fetch modules.
func (c *cluster) launchAddon(b *sandbox.Sandbox, a addon) error {
	if err := c.noteAddon(a, addonInstalling); err != nil {
		return err
	}
	log, err := os.Create(c.state.Logs(a.unit + ".log"))
	if err != nil {
		return fmt.Errorf("cannot make log: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := sandbox.Self(verbAddon, a.unit)
	cmd.Stdout, cmd.Stderr = log, log
	if err := b.Launch(cmd, sandbox.Processes()); err != nil {
		return fmt.Errorf("cannot start installation of %s: %w", a.title, err)
	}
	c.say("%s follows in the background: %s", a.title, log.Name())
	return nil
}

func runAddon(args []string) error {
	c, err := newCluster()
	if err != nil {
		return err
	}
	for _, a := range addons() {
		if len(args) == 1 && a.unit == args[0] {
			return c.runAddon(a)
		}
	}
	return errUsage
}

func (c *cluster) runAddon(a addon) error {
	err := c.enterCheckout()
	if err == nil {
		err = c.installAddon(context.Background(), a)
	}
	if err != nil {
		return errors.Join(err, c.noteAddon(a, "failed: "+err.Error()))
	}
	return c.noteAddon(a, addonAvailable)
}

func (c *cluster) installAddon(ctx context.Context, a addon) error {
	start := time.Now()
	b, err := sandbox.Open(c.state)
	if err != nil {
		return err
	}
	folder, err := a.images(c.maker(), ctx)
	if err != nil {
		return err
	}
	if err := a.install(c.installer(b), ctx, folder); err != nil {
		return err
	}
	c.say("%5.1f s  %s ready", time.Since(start).Seconds(), a.title)
	return nil
}

// noteAddon writes how far an addon's installation is, in one piece.
func (c *cluster) noteAddon(a addon, what string) error {
	next := c.state.Addon(a.unit) + ".new"
	if err := os.WriteFile(next, []byte(what), 0o644); err != nil {
		return fmt.Errorf("cannot note how far %s is: %w", a.title, err)
	}
	if err := os.Rename(next, c.state.Addon(a.unit)); err != nil {
		return fmt.Errorf("cannot note how far %s is: %w", a.title, err)
	}
	return nil
}

// waitAddon waits for an installation in the background.
func (c *cluster) waitAddon(ctx context.Context, a addon) error {
	start, told := time.Now(), time.Now()
	for {
		content, err := os.ReadFile(c.state.Addon(a.unit))
		if err != nil {
			return fmt.Errorf("cannot read how far %s is: %w", a.title, err)
		}
		switch what := string(content); {
		case what == addonAvailable:
			c.say("%5.1f s  %s ready", time.Since(start).Seconds(), a.title)
			return nil
		case strings.HasPrefix(what, "failed"):
			return fmt.Errorf("cannot install %s: %s", a.title, what)
		}
		if _, err := sandbox.Open(c.state); err != nil {
			return err
		}
		if time.Since(told) > 10*time.Second {
			told = time.Now()
			c.say("waiting for %s, %s; see %s", a.title, time.Since(start).Round(time.Second), c.state.Logs(a.unit+".log"))
		}
		select {
		case <-time.After(300 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
