// SPDX-License-Identifier: Apache-2.0

// Command bench compares the mover with its peers on this machine, in one run:
// the same image, the same server, the same storage, in turn. It prints ratios
// and writes docs/benchmarks.md.
//
//	go run ./test/bench -mover _output/bin/mover -importer $(go run ./cluster path cdi-importer)
//
// It needs root (loop mounts, mount namespaces), nginx and qemu-utils. What the
// cases with S3 and a registry need, hack/bench.sh builds.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"syscall"
)

// options are the command line.
type options struct {
	dir      string
	out      string
	mover    string
	importer string
	gateway  string
	registry string
	peers    string
	only     string
	against  string
	size     int64
	data     int64
	runs     int
}

// www is a file that the server offers.
func (o options) www(name string) string { return filepath.Join(o.dir, "www", name) }

// outputs is the folder of what a run makes. It is made anew for each.
func (o options) outputs() string { return filepath.Join(o.dir, "out") }

// scratch is the folder of what is not needed any more when a run is done.
func (o options) scratch() string { return filepath.Join(o.outputs(), "scratch") }

// stored is the folder of a server that artifacts are sent to.
func (o options) stored() string { return filepath.Join(o.outputs(), "store") }

func main() {
	o := options{}
	flag.StringVar(&o.dir, "dir", filepath.Join(os.TempDir(), "wukong-bench"), "folder for images and outputs; images are kept for the next run")
	flag.StringVar(&o.out, "out", "", "Markdown file to write; empty: standard output only")
	flag.StringVar(&o.mover, "mover", "_output/bin/mover", "the mover")
	flag.StringVar(&o.importer, "importer", "", "CDI's importer, v1.65.0")
	flag.StringVar(&o.gateway, "versitygw", "", "versitygw; empty: no cases with S3")
	flag.StringVar(&o.registry, "registry", "", "distribution's registry, as the cluster has it; empty: no cases with a registry")
	flag.StringVar(&o.peers, "peers", "", "folder with the programs of test/bench/peers")
	flag.StringVar(&o.only, "only", "", "run only the cases whose name matches this expression")
	flag.StringVar(&o.against, "against", "", "another build of the mover, to be measured in the peers' place")
	flag.Int64Var(&o.size, "size", 4<<30, "virtual size of the disk in bytes")
	flag.Int64Var(&o.data, "data", 2791728742, "bytes of file data on the disk")
	flag.IntVar(&o.runs, "runs", 3, "runs of each command; medians are shown")
	flag.Parse()

	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, o)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) error {
	only, err := regexp.Compile(o.only)
	if err != nil {
		return fmt.Errorf("cannot read -only: %w", err)
	}
	images, err := makeImages(ctx, o)
	if err != nil {
		return err
	}
	srv, err := serve(ctx, o.dir)
	if err != nil {
		return err
	}
	defer srv.stop()

	var failed error
	r := report{options: o, images: images}
	for _, c := range cases(o, images) {
		if !only.MatchString(c.name) {
			continue
		}
		if o.against != "" {
			c.subjects = builds(o, c.subjects[0])
		}
		if err := c.measure(ctx, o, srv); err != nil {
			err = fmt.Errorf("cannot measure %q: %w", c.name, err)
			if ctx.Err() != nil {
				return err
			}
			// A peer that fails takes no other case's figures with it.
			fmt.Fprintln(os.Stderr, "bench:", err)
			failed = errors.Join(failed, err)
			continue
		}
		r.cases = append(r.cases, c)
		fmt.Print(c.markdown())
	}
	if o.out == "" {
		return failed
	}
	// Last, because the peak that the kernel tells of a program is at least that
	// of the one that started it, which needs memory for this.
	if r.limits, err = measureLimits(ctx, o); err != nil {
		return err
	}
	return errors.Join(failed, r.write())
}
