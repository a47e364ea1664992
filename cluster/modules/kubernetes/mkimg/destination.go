// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/match"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

// referenceAnnotation names an image within a layout (OCI image specification,
// annotations); here it holds the whole reference.
const referenceAnnotation = "org.opencontainers.image.ref.name"

var errNoDestination = errors.New("cannot choose a destination: name -save, -layout or -push")

// write sends the image to each destination that is named.
func (d destinations) write(ref name.Reference, image v1.Image) error {
	if d == (destinations{}) {
		return errNoDestination
	}
	if d.save != "" {
		if err := tarball.WriteToFile(d.save, ref, image); err != nil {
			return fmt.Errorf("cannot save image: %w", err)
		}
	}
	if d.layout != "" {
		if err := addToLayout(d.layout, ref, image); err != nil {
			return err
		}
	}
	if d.push == "" {
		return nil
	}
	at, err := relocate(ref.Name(), d.push)
	if err != nil {
		return err
	}
	if err := remote.Write(at, image, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return fmt.Errorf("cannot push image: %w", err)
	}
	return nil
}

// addToLayout puts the image in the layout, in place of one of the same name.
func addToLayout(folder string, ref name.Reference, image v1.Image) error {
	path, err := layout.FromPath(folder)
	if errors.Is(err, os.ErrNotExist) {
		path, err = layout.Write(filepath.Clean(folder), empty.Index)
	}
	if err != nil {
		return fmt.Errorf("cannot open layout: %w", err)
	}
	label := layout.WithAnnotations(map[string]string{referenceAnnotation: ref.Name()})
	if err := path.ReplaceImage(image, match.Name(ref.Name()), label); err != nil {
		return fmt.Errorf("cannot add image to layout: %w", err)
	}
	return nil
}

// pushLayout pushes every image of a layout, each layer once.
func pushLayout(folder, registry string) error {
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return fmt.Errorf("cannot read layout: %w", err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return fmt.Errorf("cannot read index of layout: %w", err)
	}
	images := map[name.Reference]remote.Taggable{}
	for _, entry := range manifest.Manifests {
		at, err := relocate(entry.Annotations[referenceAnnotation], registry)
		if err != nil {
			return err
		}
		if images[at], err = index.Image(entry.Digest); err != nil {
			return fmt.Errorf("cannot read image %s of layout: %w", at, err)
		}
	}
	if err := remote.MultiWrite(images, remote.WithAuthFromKeychain(authn.DefaultKeychain)); err != nil {
		return fmt.Errorf("cannot push images: %w", err)
	}
	return nil
}

// relocate returns the reference with another registry; an empty registry
// leaves it where it is. Registries at private addresses speak plain HTTP.
func relocate(reference, registry string) (name.Reference, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, fmt.Errorf("cannot parse reference %q: %w", reference, err)
	}
	if registry == "" {
		return ref, nil
	}
	separator := ":"
	if _, ok := ref.(name.Digest); ok {
		separator = "@"
	}
	moved, err := name.ParseReference(registry + "/" + ref.Context().RepositoryStr() + separator + ref.Identifier())
	if err != nil {
		return nil, fmt.Errorf("cannot move %s to %s: %w", reference, registry, err)
	}
	return moved, nil
}
