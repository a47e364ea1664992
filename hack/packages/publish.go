// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// artifact is one thing that is published.
type artifact struct {
	name   string
	images platformImages
}

// annotate marks the layers that hold the package, by which Crossplane finds
// them without reading the program's layer. The library that does it begins
// with an empty image of Docker's media types, so they are set again.
func annotate(image, base v1.Image) (v1.Image, error) {
	image, err := xpkg.AnnotateLayers(image)
	if err != nil {
		return nil, err
	}
	config, err := base.ConfigFile()
	if err != nil {
		return nil, err
	}
	have, err := image.ConfigFile()
	if err != nil {
		return nil, err
	}
	have = have.DeepCopy()
	have.OS, have.Architecture, have.Variant = config.OS, config.Architecture, config.Variant
	if image, err = mutate.ConfigFile(image, have); err != nil {
		return nil, err
	}
	return mutate.ConfigMediaType(mutate.MediaType(image, types.OCIManifestSchema1), types.OCIConfigJSON), nil
}

// publish writes every artifact to its layout, and pushes it where that is
// wanted.
func publish(ctx context.Context, o options, artifacts []artifact) error {
	for _, a := range artifacts {
		if err := write(filepath.Join(o.out, a.name), a.images); err != nil {
			return fmt.Errorf("cannot write %s: %w", a.name, err)
		}
		if err := writeBills(filepath.Join(o.out, "sbom"), a); err != nil {
			return fmt.Errorf("cannot write bill of materials of %s: %w", a.name, err)
		}
		digest, err := a.images.digest()
		if err != nil {
			return err
		}
		done := "built"
		if o.push {
			if err := push(ctx, o.place.tagged(a.name), a.images); err != nil {
				return fmt.Errorf("cannot push %s: %w", a.name, err)
			}
			done = "pushed"
		}
		if _, err := fmt.Fprintf(os.Stdout, "%s %s@%s\n", done, o.place.tagged(a.name), digest); err != nil {
			return err
		}
	}
	return nil
}

// write makes an OCI layout of an artifact, in place of an older one.
func write(folder string, images platformImages) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	path, err := layout.Write(folder, empty.Index)
	if err != nil {
		return err
	}
	if len(images) > 1 {
		return path.AppendIndex(images.index())
	}
	return path.AppendImage(images[0].image, layout.WithPlatform(images[0].platform))
}

func push(ctx context.Context, tagged string, images platformImages) error {
	ref, err := name.ParseReference(tagged)
	if err != nil {
		return err
	}
	opts := []remote.Option{remote.WithContext(ctx), remote.WithAuthFromKeychain(authn.DefaultKeychain)}
	if len(images) > 1 {
		err = remote.WriteIndex(ref, images.index(), opts...)
	} else {
		err = remote.Write(ref, images[0].image, opts...)
	}
	if err != nil {
		return err
	}
	return pushBills(ref.Context().Name(), images, opts...)
}
