// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// billType is the media type of a bill of materials, and the type by which it
// is found among what refers to an image.
const billType types.MediaType = "application/vnd.cyclonedx+json"

var errNoImage = errors.New("cannot refer to an image: what refers is none")

// referrer is the artifact that says of an image what is in it: a manifest
// whose subject is the image (OCI image specification 1.1).
func referrer(p platformImage) (v1.Image, error) {
	subject, err := partial.Descriptor(p.image)
	if err != nil {
		return nil, fmt.Errorf("cannot describe image: %w", err)
	}
	image, err := mutate.AppendLayers(mutate.ConfigMediaType(scratch(), billType), static.NewLayer(p.bill, billType))
	if err != nil {
		return nil, fmt.Errorf("cannot append bill of materials: %w", err)
	}
	referring, ok := mutate.Subject(image, v1.Descriptor{MediaType: subject.MediaType, Size: subject.Size, Digest: subject.Digest}).(v1.Image)
	if !ok {
		return nil, errNoImage
	}
	return referring, nil
}

// pushBills pushes the bill of each platform's image beside it. A registry that
// does not keep referrers itself gets the tag that stands for them.
func pushBills(repository string, images platformImages, opts ...remote.Option) error {
	for _, p := range images {
		if p.bill == nil {
			continue
		}
		image, err := referrer(p)
		if err != nil {
			return err
		}
		digest, err := image.Digest()
		if err != nil {
			return fmt.Errorf("cannot compute digest: %w", err)
		}
		ref, err := name.NewDigest(repository + "@" + digest.String())
		if err != nil {
			return fmt.Errorf("cannot name bill of materials: %w", err)
		}
		if err := remote.Write(ref, image, opts...); err != nil {
			return fmt.Errorf("cannot push bill of materials: %w", err)
		}
	}
	return nil
}

// writeBills writes the bills into files, for those who want to read them
// without a registry.
func writeBills(folder string, a artifact) error {
	for _, p := range a.images {
		if p.bill == nil {
			continue
		}
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
		file := a.name + "_" + strings.ReplaceAll(p.platform.String(), "/", "_") + ".cdx.json"
		if err := os.WriteFile(filepath.Join(folder, file), p.bill, 0o644); err != nil {
			return err
		}
	}
	return nil
}
