// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"

	"github.com/novasphere/provider-wukong/cluster/internal/build"
	"github.com/novasphere/provider-wukong/cluster/internal/images"
	"github.com/novasphere/provider-wukong/cluster/internal/install"
	"github.com/novasphere/provider-wukong/cluster/internal/layout"
	"github.com/novasphere/provider-wukong/cluster/internal/node"
	"github.com/novasphere/provider-wukong/cluster/internal/sandbox"
)

const (
	defaultState = "/var/lib/provider-wukong"
	modulePath   = "module github.com/novasphere/provider-wukong\n"
)

// cluster is the cluster of one state folder, whether it runs or not.
type cluster struct {
	state   layout.State
	builder *build.Builder
}

// newCluster reads the environment. Messages go to standard error, so that the
// output of path and run is only what was asked for.
func newCluster() (*cluster, error) {
	cache, err := cacheFolder()
	if err != nil {
		return nil, err
	}
	state := os.Getenv("WUKONG_STATE")
	if state == "" {
		state = defaultState
	}
	if state, err = filepath.Abs(state); err != nil {
		return nil, fmt.Errorf("cannot find state folder: %w", err)
	}
	return &cluster{
		state:   layout.State(state),
		builder: &build.Builder{Cache: cache, Log: os.Stderr},
	}, nil
}

// enterCheckout finds the modules that programs are built from, which running
// and ending a cluster can do without.
func (c *cluster) enterCheckout() error {
	root, err := repository()
	if err != nil {
		return err
	}
	c.builder.Modules = filepath.Join(root, "cluster", "modules")
	return nil
}

// repository returns the checkout that the working folder is in.
func repository() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("cannot find working folder: %w", err)
	}
	for {
		content, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && bytes.Contains(content, []byte(modulePath)) {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", errors.New("cannot find provider-wukong's checkout: run this inside of it")
		}
		dir = filepath.Dir(dir)
	}
}

func cacheFolder() (string, error) {
	if dir := os.Getenv("WUKONG_CACHE"); dir != "" {
		return filepath.Abs(dir)
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("cannot find cache folder: %w", err)
	}
	return filepath.Join(dir, "provider-wukong"), nil
}

func (c *cluster) say(format string, args ...any) {
	fmt.Fprintf(os.Stderr, format+"\n", args...)
}

func (c *cluster) maker() *images.Maker {
	return &images.Maker{Builder: c.builder, Log: os.Stderr}
}

func (c *cluster) installer(b *sandbox.Sandbox) *install.Installer {
	return &install.Installer{State: c.state, Sandbox: b, Builder: c.builder, Log: os.Stderr}
}

// build builds units, or all of them.
func (c *cluster) build(ctx context.Context, names []string) error {
	units := build.Units()
	if len(names) > 0 {
		units = nil
	}
	for _, n := range names {
		u, ok := build.Find(n)
		if !ok {
			return fmt.Errorf("cannot find unit or program %q", n)
		}
		units = append(units, u)
	}
	_, err := c.programs(ctx, units)
	return err
}

// programs builds units and returns the folder of each.
func (c *cluster) programs(ctx context.Context, units []build.Unit) (node.Programs, error) {
	dirs := node.Programs{}
	for _, u := range units {
		dir, err := c.builder.Build(ctx, u)
		if err != nil {
			return nil, err
		}
		dirs[u.Name] = dir
	}
	return dirs, nil
}

// images makes the images of Crossplane, CDI and KubeVirt.
func (c *cluster) images(ctx context.Context) error {
	for _, make := range []func(context.Context) (string, error){c.maker().Crossplane, c.maker().CDI, c.maker().KubeVirt} {
		folder, err := make(ctx)
		if err != nil {
			return err
		}
		fmt.Println(folder)
	}
	return nil
}

// path prints the path of a program, and builds it first if need be.
func (c *cluster) path(ctx context.Context, args []string) error {
	if len(args) != 1 {
		return errUsage
	}
	if err := c.build(ctx, args); err != nil {
		return err
	}
	path, err := c.builder.Path(ctx, args[0])
	if err != nil {
		return err
	}
	fmt.Println(path)
	return nil
}

// savePrograms writes down which programs the running cluster has: those of
// the checkout may be others by the time that somebody asks.
func (c *cluster) savePrograms(p node.Programs) error {
	content, err := json.Marshal(p)
	if err != nil {
		return fmt.Errorf("cannot note programs: %w", err)
	}
	if err := os.WriteFile(c.state.Programs(), content, 0o644); err != nil {
		return fmt.Errorf("cannot note programs: %w", err)
	}
	return nil
}

func loadPrograms(s layout.State) (node.Programs, error) {
	content, err := os.ReadFile(s.Programs())
	if err != nil {
		return nil, fmt.Errorf("cannot read which programs the cluster has: %w", err)
	}
	p := node.Programs{}
	if err := json.Unmarshal(content, &p); err != nil {
		return nil, fmt.Errorf("cannot read which programs the cluster has: %w", err)
	}
	return p, nil
}

// exclusive lets one process at a time bring the cluster up or down.
func (c *cluster) exclusive(ctx context.Context, patience time.Duration) (func(), error) {
	if err := os.MkdirAll(string(c.state), 0o755); err != nil {
		return nil, fmt.Errorf("cannot make state folder: %w", err)
	}
	f, err := os.OpenFile(c.state.UpLock(), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("cannot open lock: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for waiting := false; ; waiting = true {
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err == nil {
			return func() { _ = f.Close() }, nil
		}
		if !waiting {
			c.say("another up or down is at work; waiting for it")
		}
		select {
		case <-time.After(200 * time.Millisecond):
		case <-ctx.Done():
			_ = f.Close()
			return nil, fmt.Errorf("cannot wait for another up or down: %w", ctx.Err())
		}
	}
}
