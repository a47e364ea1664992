// SPDX-License-Identifier: Apache-2.0

//go:build linux

// Command cluster runs a throwaway one-node Kubernetes cluster with Crossplane
// and CDI on this machine, from Go modules and Debian packages. See README.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/novasphere/provider-wukong/cluster/internal/host"
)

const usage = `usage: go run ./cluster COMMAND

  up [FLAG]...                     bring the cluster up; see up --help
  down                             end it and remove all that it made
  status                           what is up, in which version, at which address
  run [--] COMMAND [ARG]...        run a command inside, with KUBECONFIG and kubectl
  build [UNIT]...                  build the cluster's programs, all or some
  images                           build the images of Crossplane, CDI and KubeVirt
  path PROGRAM                     print where a program is; build it first if need be
`

// Exit statuses beyond those of a command that was run.
const (
	exitFailure     = 1
	exitUsage       = 2 // also: no cluster can run on this machine
	exitInterrupted = 130
)

func main() {
	os.Exit(status(run(os.Args[1:])))
}

func run(args []string) error {
	if len(args) == 0 {
		return errUsage
	}
	verb, args := args[0], args[1:]
	if inner := innerVerb(verb); inner != nil {
		return inner(args)
	}
	c, err := newCluster()
	if err != nil {
		return err
	}
	if verb == "run" {
		return c.run(args)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if verb == "down" {
		return c.down(ctx)
	}
	if err := c.enterCheckout(); err != nil {
		return err
	}
	return c.dispatch(ctx, verb, args)
}

func (c *cluster) dispatch(ctx context.Context, verb string, args []string) error {
	switch verb {
	case "up":
		return c.upCommand(ctx, args)
	case "status":
		return c.status(ctx)
	case "build":
		return c.build(ctx, args)
	case "images":
		return c.images(ctx)
	case "path":
		return c.path(ctx, args)
	}
	return errUsage
}

var errUsage = errors.New("unknown command")

// status says what went wrong and returns the exit status for it.
func status(err error) int {
	var exit exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit):
		return int(exit)
	case errors.Is(err, flag.ErrHelp):
		return exitUsage
	case errors.Is(err, errUsage):
		fmt.Fprint(os.Stderr, usage)
		return exitUsage
	}
	fmt.Fprintln(os.Stderr, "cluster:", err)
	switch {
	case errors.Is(err, host.ErrUnsupported):
		return exitUsage
	case errors.Is(err, context.Canceled):
		return exitInterrupted
	}
	return exitFailure
}

// exitError is the exit status of a command that was run.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func (c *cluster) upCommand(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("up", flag.ContinueOnError)
	withoutCDI := flags.Bool("without-cdi", false, "do not install CDI, which follows in the background otherwise")
	waitCDI := flags.Bool("wait-cdi", false, "wait until CDI is available")
	withKubeVirt := flags.Bool("with-kubevirt", false, "install KubeVirt's control plane in the background")
	waitKubeVirt := flags.Bool("wait-kubevirt", false, "install KubeVirt's control plane, and wait until it is available")
	if err := flags.Parse(args); err != nil {
		return flag.ErrHelp
	}
	if flags.NArg() > 0 || (*waitCDI && *withoutCDI) {
		return errUsage
	}
	var with, wait []addon
	if !*withoutCDI {
		with = append(with, cdi())
	}
	if *withKubeVirt || *waitKubeVirt {
		with = append(with, kubevirt())
	}
	if *waitCDI {
		wait = append(wait, cdi())
	}
	if *waitKubeVirt {
		wait = append(wait, kubevirt())
	}
	if err := c.up(ctx, with); err != nil {
		return err
	}
	for _, a := range wait {
		if err := c.waitAddon(ctx, a); err != nil {
			return err
		}
	}
	return nil
}
