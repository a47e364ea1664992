// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/novasphere/provider-wukong/cluster/internal/build"
	"github.com/novasphere/provider-wukong/cluster/internal/config"
	"github.com/novasphere/provider-wukong/cluster/internal/host"
	"github.com/novasphere/provider-wukong/cluster/internal/install"
	"github.com/novasphere/provider-wukong/cluster/internal/layout"
	"github.com/novasphere/provider-wukong/cluster/internal/node"
	"github.com/novasphere/provider-wukong/cluster/internal/sandbox"
)

const (
	// gentle is how long init has to end everything by itself.
	gentle = 10 * time.Second
	// longest is how long one up may wait for another, which may build.
	longest = time.Hour
)

// up brings the cluster up, unless it is, and starts the installation of the
// addons that it does not have.
func (c *cluster) up(ctx context.Context, with []addon) error {
	if err := host.Check(); err != nil {
		return err
	}
	unlock, err := c.exclusive(ctx, longest)
	if err != nil {
		return err
	}
	defer unlock()
	b, err := sandbox.Open(c.state)
	if err != nil && !errors.Is(err, sandbox.ErrNotRunning) {
		return err
	}
	if err == nil && exists(c.state.Ready()) {
		c.say("the cluster is already up")
	} else if b, err = c.start(ctx); err != nil {
		return err
	}
	for _, a := range with {
		if exists(c.state.Addon(a.unit)) {
			continue
		}
		if err := c.launchAddon(b, a); err != nil {
			return err
		}
	}
	return nil
}

func exists(file string) bool {
	_, err := os.Stat(file)
	return err == nil
}

// start builds what is not built, and brings up a new cluster.
func (c *cluster) start(ctx context.Context) (*sandbox.Sandbox, error) {
	if err := host.Install(ctx, os.Stderr); err != nil {
		return nil, err
	}
	var units []build.Unit
	for _, u := range build.Units() {
		if !isAddon(u) {
			units = append(units, u)
		}
	}
	programs, err := c.programs(ctx, units)
	if err != nil {
		return nil, err
	}
	crossplane, err := c.maker().Crossplane(ctx)
	if err != nil {
		return nil, err
	}
	if err := c.prepare(ctx, programs); err != nil {
		return nil, err
	}
	start := time.Now()
	b, err := c.launch()
	if err != nil {
		return nil, err
	}
	if err := c.install(ctx, c.installer(b), crossplane, start); err != nil {
		return nil, errors.Join(err, c.abandon(ctx, b))
	}
	if err := os.WriteFile(c.state.Ready(), []byte(time.Now().Format(time.RFC3339)+"\n"), 0o644); err != nil {
		return nil, errors.Join(fmt.Errorf("cannot note that the cluster is up: %w", err), c.abandon(ctx, b))
	}
	if err := b.Keep(); err != nil {
		return nil, err
	}
	c.say("look around: go run ./cluster run kubectl get pods -A; end it: go run ./cluster down")
	return b, nil
}

// prepare makes a state folder as new, but for what the image server serves.
func (c *cluster) prepare(ctx context.Context, programs node.Programs) error {
	// One that is about to end, since the up that started it has.
	if b, err := sandbox.Open(c.state); err == nil {
		if err := b.Stop(ctx, c.state, gentle); err != nil {
			return err
		}
	}
	if err := sandbox.Clean(ctx, c.state); err != nil {
		return err
	}
	if err := wipe(c.state, c.state.WWW(), c.state.UpLock()); err != nil {
		return err
	}
	for _, dir := range []string{c.state.Logs(), c.state.WWW(), c.state.Data(), c.state.Kubelet()} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("cannot make state folder: %w", err)
		}
	}
	if err := config.Write(c.state); err != nil {
		return err
	}
	return c.savePrograms(programs)
}

// wipe removes what is in the state folder, but for some.
func wipe(s layout.State, but ...string) error {
	entries, err := os.ReadDir(string(s))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("cannot look into state folder: %w", err)
	}
	kept := map[string]bool{}
	for _, k := range but {
		kept[k] = true
	}
	for _, e := range entries {
		path := filepath.Join(string(s), e.Name())
		if kept[path] {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("cannot wipe state folder: %w", err)
		}
	}
	return nil
}

// launch starts the first process of a new cluster.
func (c *cluster) launch() (*sandbox.Sandbox, error) {
	log, err := os.Create(c.state.Logs("node.log"))
	if err != nil {
		return nil, fmt.Errorf("cannot make log: %w", err)
	}
	defer func() { _ = log.Close() }()
	return sandbox.Start([]string{verbInit, string(c.state)}, log)
}

// install installs what runs on the node, and says how long it took.
func (c *cluster) install(ctx context.Context, i *install.Installer, crossplane string, start time.Time) error {
	for _, step := range []struct {
		what string // said once it is done; nothing if it is of no interest
		do   func(context.Context) error
	}{
		{what: "Kubernetes API", do: i.APIReady},
		{do: func(ctx context.Context) error { return i.Crossplane(ctx, crossplane) }},
		{what: "storage classes", do: i.Storage},
		{what: "node", do: i.NodeReady},
		{what: "Crossplane", do: i.CrossplaneReady},
	} {
		if err := step.do(ctx); err != nil {
			return fmt.Errorf("%w\nthe logs are in %s", err, c.state.Logs())
		}
		if step.what != "" {
			c.say("%5.1f s  %s ready", time.Since(start).Seconds(), step.what)
		}
	}
	return nil
}

// abandon ends a cluster that did not become complete; its logs stay.
func (c *cluster) abandon(ctx context.Context, b *sandbox.Sandbox) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*gentle)
	defer cancel()
	return errors.Join(b.Stop(ctx, c.state, gentle), sandbox.Clean(ctx, c.state))
}

// down ends the cluster, if there is one, and removes all that it made.
func (c *cluster) down(ctx context.Context) error {
	if err := host.Check(); err != nil {
		return err
	}
	if !exists(string(c.state)) {
		c.say("no cluster is there")
		return nil
	}
	b, err := sandbox.Open(c.state)
	if err == nil {
		err = b.Stop(ctx, c.state, gentle)
	}
	if err != nil && !errors.Is(err, sandbox.ErrNotRunning) {
		return err
	}
	// An up whose cluster has just been ended needs a moment to see it.
	unlock, err := c.exclusive(ctx, 3*gentle)
	if err != nil {
		return err
	}
	defer unlock()
	if err := sandbox.Clean(ctx, c.state); err != nil {
		return err
	}
	if err := os.RemoveAll(string(c.state)); err != nil {
		return fmt.Errorf("cannot remove state folder: %w", err)
	}
	c.say("the cluster is down")
	return nil
}
