// SPDX-License-Identifier: Apache-2.0

// Command mkimg makes a container image or a Crossplane package from files,
// and saves it, adds it to an OCI layout, or pushes it:
//
//	mkimg -ref REF [-base IMAGE] [-layer TAR]... [-add SRC:DST]... [-xpkg FILE]... [config] DESTINATION...
//	mkimg -from LAYOUT -push HOST:PORT
//
// The same files give the same digest: nothing in an image depends on when or
// where it was made.
package main

import (
	"flag"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
)

// words is a flag that can be repeated.
type words []string

func (w *words) String() string { return strings.Join(*w, ",") }

// Set appends one value.
func (w *words) Set(s string) error {
	*w = append(*w, s)
	return nil
}

// destinations say where an image goes; any of them may be empty.
type destinations struct{ save, layout, push string }

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "mkimg:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	var (
		recipe recipe
		to     destinations
		flags  = flag.NewFlagSet("mkimg", flag.ExitOnError)
		ref    = flags.String("ref", "", "reference of the image, e.g. registry.local:5000/mover:v1")
		from   = flags.String("from", "", "OCI layout; all its images are pushed, nothing is made")
	)
	flags.StringVar(&recipe.base, "base", "", "image to start from: a docker tar, an OCI layout with one image, or a reference")
	flags.Var(&recipe.layers, "layer", "tar (or tar.gz) that becomes a layer; repeat for more")
	flags.Var(&recipe.adds, "add", "SRC:DST file or folder, all of them in one layer; repeat for more")
	flags.Var(&recipe.packageFiles, "xpkg", "file of a Crossplane package's package.yaml; repeat to join several")
	flags.Var(&recipe.entrypoint, "entrypoint", "word of the entry point; repeat for more")
	flags.Var(&recipe.env, "env", "NAME=VALUE; repeat for more")
	flags.StringVar(&recipe.user, "user", "", "user[:group] that the image runs as")
	flags.StringVar(&recipe.workdir, "workdir", "", "working directory")
	flags.StringVar(&recipe.platform, "platform", "linux/"+runtime.GOARCH, "operating system and architecture")
	flags.StringVar(&to.save, "save", "", "write the image to this docker tar")
	flags.StringVar(&to.layout, "layout", "", "add the image to the OCI layout in this folder")
	flags.StringVar(&to.push, "push", "", "push to this registry (host:port) in place of the reference's own")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *from != "" {
		return pushLayout(*from, to.push)
	}
	return makeImage(recipe, *ref, to)
}

// makeImage makes one image, sends it to its destinations and prints its digest.
func makeImage(recipe recipe, reference string, to destinations) error {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return fmt.Errorf("cannot parse reference: %w", err)
	}
	scratch, err := os.MkdirTemp("", "mkimg-")
	if err != nil {
		return fmt.Errorf("cannot make scratch folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(scratch) }()
	image, err := recipe.image(scratch)
	if err != nil {
		return err
	}
	if err := to.write(ref, image); err != nil {
		return err
	}
	digest, err := image.Digest()
	if err != nil {
		return fmt.Errorf("cannot compute digest: %w", err)
	}
	fmt.Println(ref.Context().Name() + "@" + digest.String())
	return nil
}
