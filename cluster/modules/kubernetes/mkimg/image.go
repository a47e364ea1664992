// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// searchPath is what an image without a PATH of its own gets.
const searchPath = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// fastest is gzip's level: most of a layer is read once, by a registry on the
// same machine, so seconds of compression would buy nothing.
const fastest = 1

// packageAnnotation marks the layer that holds a package's package.yaml
// (Crossplane's xpkg specification).
const packageAnnotation = "io.crossplane.xpkg"

// A recipe says what an image is made of.
type recipe struct {
	base, user, workdir, platform string

	layers, adds, packageFiles, entrypoint, env words
}

// image makes the image. Layers are read from files in scratch, so the folder
// must outlive the image's use.
func (r recipe) image(scratch string) (v1.Image, error) {
	platform, err := v1.ParsePlatform(r.platform)
	if err != nil {
		return nil, fmt.Errorf("cannot parse platform: %w", err)
	}
	image, err := r.start(*platform)
	if err != nil {
		return nil, err
	}
	layers, err := r.addenda(scratch)
	if err != nil {
		return nil, err
	}
	if image, err = mutate.Append(image, layers...); err != nil {
		return nil, fmt.Errorf("cannot append layers: %w", err)
	}
	return r.configure(image, *platform)
}

// start returns the image to build on.
func (r recipe) start(platform v1.Platform) (v1.Image, error) {
	if r.base == "" {
		return mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON), nil
	}
	info, err := os.Stat(r.base)
	switch {
	case err != nil:
		return pull(r.base, platform)
	case info.IsDir():
		return onlyImage(r.base)
	}
	image, err := tarball.ImageFromPath(r.base, nil)
	if err != nil {
		return nil, fmt.Errorf("cannot read base image %s: %w", r.base, err)
	}
	return image, nil
}

func pull(reference string, platform v1.Platform) (v1.Image, error) {
	ref, err := name.ParseReference(reference)
	if err != nil {
		return nil, fmt.Errorf("cannot parse base image %s: %w", reference, err)
	}
	image, err := remote.Image(ref, remote.WithAuthFromKeychain(authn.DefaultKeychain), remote.WithPlatform(platform))
	if err != nil {
		return nil, fmt.Errorf("cannot pull base image %s: %w", reference, err)
	}
	return image, nil
}

func onlyImage(folder string) (v1.Image, error) {
	index, err := layout.ImageIndexFromPath(folder)
	if err != nil {
		return nil, fmt.Errorf("cannot read layout %s: %w", folder, err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		return nil, fmt.Errorf("cannot read index of layout %s: %w", folder, err)
	}
	if n := len(manifest.Manifests); n != 1 {
		return nil, fmt.Errorf("cannot choose a base image: layout %s holds %d", folder, n)
	}
	image, err := index.Image(manifest.Manifests[0].Digest)
	if err != nil {
		return nil, fmt.Errorf("cannot read image of layout %s: %w", folder, err)
	}
	return image, nil
}

// addenda returns the layers in their order: whole tars, files, package.yaml.
func (r recipe) addenda(scratch string) ([]mutate.Addendum, error) {
	var all []mutate.Addendum
	for _, tar := range r.layers {
		layer, err := fileLayer(tar)
		if err != nil {
			return nil, err
		}
		all = append(all, mutate.Addendum{Layer: layer, MediaType: types.OCILayer})
	}
	if len(r.adds) > 0 {
		tar := filepath.Join(scratch, "add.tar")
		if err := writeTar(tar, r.adds); err != nil {
			return nil, err
		}
		layer, err := fileLayer(tar)
		if err != nil {
			return nil, err
		}
		all = append(all, mutate.Addendum{Layer: layer, MediaType: types.OCILayer})
	}
	if len(r.packageFiles) == 0 {
		return all, nil
	}
	layer, err := r.packageLayer(scratch)
	if err != nil {
		return nil, err
	}
	return append(all, mutate.Addendum{
		Layer: layer, MediaType: types.OCILayer, Annotations: map[string]string{packageAnnotation: "base"},
	}), nil
}

// packageLayer joins the package's files to one package.yaml.
func (r recipe) packageLayer(scratch string) (v1.Layer, error) {
	var documents [][]byte
	for _, f := range r.packageFiles {
		document, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("cannot read package file: %w", err)
		}
		documents = append(documents, bytes.TrimPrefix(bytes.TrimSpace(document), []byte("---\n")))
	}
	joined := filepath.Join(scratch, "package.yaml")
	content := append(bytes.Join(documents, []byte("\n---\n")), '\n')
	if err := os.WriteFile(joined, content, 0o644); err != nil {
		return nil, fmt.Errorf("cannot write package.yaml: %w", err)
	}
	tar := filepath.Join(scratch, "package.tar")
	if err := writeTar(tar, []string{joined + ":package.yaml"}); err != nil {
		return nil, err
	}
	return fileLayer(tar)
}

func fileLayer(tar string) (v1.Layer, error) {
	layer, err := tarball.LayerFromFile(tar, tarball.WithCompressionLevel(fastest), tarball.WithMediaType(types.OCILayer))
	if err != nil {
		return nil, fmt.Errorf("cannot make layer of %s: %w", tar, err)
	}
	return layer, nil
}

// configure sets what the recipe names and keeps the base's values elsewhere.
func (r recipe) configure(image v1.Image, platform v1.Platform) (v1.Image, error) {
	file, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("cannot read image's configuration: %w", err)
	}
	file = file.DeepCopy()
	file.OS, file.Architecture, file.Variant = platform.OS, platform.Architecture, platform.Variant
	if len(r.entrypoint) > 0 {
		file.Config.Entrypoint, file.Config.Cmd = r.entrypoint, nil
	}
	if r.user != "" {
		file.Config.User = r.user
	}
	if r.workdir != "" {
		file.Config.WorkingDir = r.workdir
	}
	if len(file.Config.Env) == 0 {
		file.Config.Env = []string{searchPath}
	}
	file.Config.Env = append(file.Config.Env, r.env...)
	if image, err = mutate.ConfigFile(image, file); err != nil {
		return nil, fmt.Errorf("cannot configure image: %w", err)
	}
	return image, nil
}
