// SPDX-License-Identifier: Apache-2.0

// Command packages makes the project's packages from the binaries of `make
// build` and the files under package/: the mover's image, and the provider's,
// the function's and the configurations' Crossplane packages. Each is checked
// with Crossplane's own linters and written as an OCI layout, and beside it
// what is in it, as CycloneDX; -push pushes both. The same files give the same
// digests.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// options say what is made, of what, and where it goes.
type options struct {
	root      string        // top of the repository
	out       string        // folder for layouts and install.yaml
	place     place         // registry, and version of everything
	platforms []v1.Platform // of the images that hold a program
	push      bool
}

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "packages:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	o, err := parse(args)
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	return build(ctx, o)
}

func parse(args []string) (options, error) {
	flags := flag.NewFlagSet("packages", flag.ExitOnError)
	root := flags.String("root", "../..", "top of the repository")
	out := flags.String("out", "_output/packages", "folder for the OCI layouts and install.yaml, below the top")
	registry := flags.String("registry", "xpkg.example.com/novasphere", "registry and path that the packages are called after")
	version := flags.String("version", "v0.0.0-dev", "version of the packages")
	platforms := flags.String("platforms", "linux/amd64", "platforms, with commas; the binaries of others than this machine's are in _output/bin/OS_ARCH")
	push := flags.Bool("push", false, "push to the registry")
	if err := flags.Parse(args); err != nil {
		return options{}, err
	}
	at, err := newPlace(*registry, *version)
	if err != nil {
		return options{}, err
	}
	o := options{root: *root, out: filepath.Join(*root, *out), place: at, push: *push}
	for p := range strings.SplitSeq(*platforms, ",") {
		platform, err := v1.ParsePlatform(p)
		if err != nil {
			return options{}, fmt.Errorf("cannot parse platform %q: %w", p, err)
		}
		o.platforms = append(o.platforms, *platform)
	}
	return o, nil
}

// build makes the packages in the order in which they name each other: the
// provider's image names the mover's digest.
func build(ctx context.Context, o options) error {
	mover, err := programImages(o, program{name: "mover", user: "107:107"})
	if err != nil {
		return err
	}
	digest, err := mover.digest()
	if err != nil {
		return err
	}
	artifacts := []artifact{{moverName, mover}}
	for _, p := range []program{
		{name: "provider", user: "65532:65532", env: []string{moverVariable + "=" + o.place.pinned(moverName, digest)}},
		{name: "function", user: "65532:65532"},
	} {
		images, err := programImages(o, p)
		if err != nil {
			return err
		}
		packed, err := pack(ctx, o, p.name, images)
		if err != nil {
			return err
		}
		artifacts = append(artifacts, artifact{p.name + suffix, packed})
	}
	all, err := configurations(o.root)
	if err != nil {
		return err
	}
	for _, c := range all {
		packed, err := pack(ctx, o, c.folder, bare())
		if err != nil {
			return err
		}
		artifacts = append(artifacts, artifact{c.name, packed})
	}
	if err := publish(ctx, o, artifacts); err != nil {
		return err
	}
	for _, c := range all {
		if err := writeInstall(o, c); err != nil {
			return err
		}
	}
	return nil
}
