// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Package node is what runs inside the sandbox: it sets up network and mounts,
// starts the components in their order, and starts again what ends.
package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
	"github.com/novasphere/provider-wukong/cluster/internal/sandbox"
)

// again is how long a component that ended waits to be started again.
const again = time.Second

// A Component is one process of the node.
type Component struct {
	Name string
	Argv []string
	Env  []string // beyond the node's own
}

// Node runs components.
type Node struct {
	State layout.State
	Bin   Programs
	Log   io.Writer

	running sync.WaitGroup
}

// Run brings the node up and keeps it up until the context ends.
func (n *Node) Run(ctx context.Context) error {
	if err := n.prepare(ctx); err != nil {
		return err
	}
	for _, stage := range n.stages() {
		for _, c := range stage.components {
			n.running.Go(func() { n.supervise(ctx, c) })
		}
		if err := stage.wait(ctx); err != nil {
			return err
		}
	}
	n.running.Wait()
	return ctx.Err()
}

func (n *Node) prepare(ctx context.Context) error {
	if err := setNetwork(ctx); err != nil {
		return err
	}
	if err := setMounts(n.State); err != nil {
		return err
	}
	for _, name := range []string{"etcd", "containerd", "registry", "s3", "s3-versions", "volumes", "local-path", "nginx", "flexvolume"} {
		if err := os.MkdirAll(n.State.Data(name), 0o755); err != nil {
			return fmt.Errorf("cannot make folder of data: %w", err)
		}
	}
	return sandbox.MakeCgroups(n.State.CgroupRoot())
}

// supervise runs a component again and again until the context ends.
func (n *Node) supervise(ctx context.Context, c Component) {
	for ctx.Err() == nil {
		err := n.run(ctx, c)
		_, _ = fmt.Fprintf(n.Log, "%s %s ended: %v\n", time.Now().Format(time.TimeOnly), c.Name, err)
		select {
		case <-time.After(again):
		case <-ctx.Done():
		}
	}
}

func (n *Node) run(ctx context.Context, c Component) error {
	log, err := os.OpenFile(n.State.Logs(c.Name+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("cannot open log: %w", err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.CommandContext(ctx, c.Argv[0], c.Argv[1:]...)
	cmd.Stdout, cmd.Stderr, cmd.Env = log, log, append(os.Environ(), c.Env...)
	return cmd.Run()
}

// answers waits until a URL answers with success.
func (n *Node) answers(url string) func(context.Context) error {
	return func(ctx context.Context) error {
		certificate, err := tls.LoadX509KeyPair(n.State.Certificate("apiserver-kubelet"), n.State.Key("apiserver-kubelet"))
		if err != nil {
			return fmt.Errorf("cannot load key pair: %w", err)
		}
		client := &http.Client{Timeout: 2 * time.Second, Transport: &http.Transport{TLSClientConfig: &tls.Config{
			// Only whether it answers matters: the network is the node's own.
			InsecureSkipVerify: true,
			Certificates:       []tls.Certificate{certificate},
		}}}
		return poll(ctx, func() error { return get(ctx, client, url) })
	}
}

func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return fmt.Errorf("cannot ask %s: %w", url, err)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer func() { _ = response.Body.Close() }()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

// poll calls f until it succeeds, for two minutes at most.
func poll(ctx context.Context, f func() error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return errors.Join(err, ctx.Err())
		}
	}
}

// Programs finds the node's programs, by the folder of each unit.
type Programs map[string]string

// Path returns a program's path.
func (p Programs) Path(unit, program string) string { return filepath.Join(p[unit], program) }
