// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"bytes"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"runtime"

	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// certificates are the authorities that the programs trust; Go looks for them
// there, and the builder's own are the ones that are published.
const certificates = "/etc/ssl/certs/ca-certificates.crt"

// A program is a static binary that becomes an image with nothing else in it.
type program struct {
	name string
	user string
	env  []string
}

// platformImage is the image of one platform, and the bill of what is in it.
type platformImage struct {
	platform v1.Platform
	image    v1.Image
	bill     []byte // CycloneDX; nil where there is no program
}

// platformImages are the images of one artifact, a platform each.
type platformImages []platformImage

// bare is the image without a file that a package without a program is made
// of. It runs nowhere, so one platform stands for all.
func bare() platformImages {
	return platformImages{{platform: v1.Platform{OS: "linux", Architecture: "amd64"}, image: scratch()}}
}

func scratch() v1.Image {
	return mutate.ConfigMediaType(mutate.MediaType(empty.Image, types.OCIManifestSchema1), types.OCIConfigJSON)
}

// programImages makes a program's image for every platform.
func programImages(o options, p program) (platformImages, error) {
	var images platformImages
	for _, platform := range o.platforms {
		file := binary(o.root, p.name, platform)
		image, err := programImage(file, p, platform)
		if err != nil {
			return nil, fmt.Errorf("cannot make image of %s for %s: %w", p.name, platform, err)
		}
		bill, err := billOf(file, o.place.version, authorities())
		if err != nil {
			return nil, err
		}
		images = append(images, platformImage{platform, image, bill})
	}
	return images, nil
}

// binary is where `make build` leaves a program.
func binary(root, name string, p v1.Platform) string {
	folder := filepath.Join(root, "_output", "bin")
	if p.OS != runtime.GOOS || p.Architecture != runtime.GOARCH {
		folder = filepath.Join(folder, p.OS+"_"+p.Architecture)
	}
	return filepath.Join(folder, name)
}

func programImage(file string, p program, platform v1.Platform) (v1.Image, error) {
	layer, err := fileLayer(entry{file, "/" + p.name, 0o755}, authorities())
	if err != nil {
		return nil, err
	}
	image, err := mutate.Append(scratch(), mutate.Addendum{Layer: layer, MediaType: types.OCILayer})
	if err != nil {
		return nil, fmt.Errorf("cannot append layer: %w", err)
	}
	config, err := image.ConfigFile()
	if err != nil {
		return nil, fmt.Errorf("cannot read configuration: %w", err)
	}
	config = config.DeepCopy()
	config.OS, config.Architecture, config.Variant = platform.OS, platform.Architecture, platform.Variant
	config.Config.Entrypoint = []string{"/" + p.name}
	config.Config.User = p.user
	config.Config.Env = p.env
	return mutate.ConfigFile(image, config)
}

// entry is one file of a layer.
type entry struct {
	source, target string
	mode           int64
}

// authorities is the file of those that the programs trust.
func authorities() entry { return entry{certificates, certificates, 0o644} }

// fileLayer makes a layer of files. It holds no time and no owner, so that the
// same files give the same digest.
func fileLayer(files ...entry) (v1.Layer, error) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	folders := map[string]bool{"/": true}
	for _, f := range files {
		if err := addFolder(w, path.Dir(f.target), folders); err != nil {
			return nil, err
		}
		if err := addFile(w, f); err != nil {
			return nil, fmt.Errorf("cannot add %s: %w", f.source, err)
		}
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("cannot finish layer: %w", err)
	}
	open := func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil }
	// Compressed once: for the digest, the layout and the registry.
	return tarball.LayerFromOpener(open, tarball.WithMediaType(types.OCILayer), tarball.WithCompressedCaching)
}

func addFolder(w *tar.Writer, folder string, have map[string]bool) error {
	if have[folder] {
		return nil
	}
	have[folder] = true
	if err := addFolder(w, path.Dir(folder), have); err != nil {
		return err
	}
	return w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder[1:] + "/", Mode: 0o755})
}

func addFile(w *tar.Writer, f entry) error {
	content, err := os.ReadFile(f.source)
	if err != nil {
		return err
	}
	h := &tar.Header{Typeflag: tar.TypeReg, Name: f.target[1:], Mode: f.mode, Size: int64(len(content))}
	if err := w.WriteHeader(h); err != nil {
		return err
	}
	_, err = w.Write(content)
	return err
}

// index joins the images of several platforms.
func (ps platformImages) index() v1.ImageIndex {
	index := mutate.IndexMediaType(empty.Index, types.OCIImageIndex)
	for _, p := range ps {
		index = mutate.AppendManifests(index, mutate.IndexAddendum{
			Add:        p.image,
			Descriptor: v1.Descriptor{Platform: &p.platform},
		})
	}
	return index
}

// digest is that of the image, or of the index of several.
func (ps platformImages) digest() (string, error) {
	var h v1.Hash
	var err error
	if len(ps) == 1 {
		h, err = ps[0].image.Digest()
	} else {
		h, err = ps.index().Digest()
	}
	if err != nil {
		return "", fmt.Errorf("cannot compute digest: %w", err)
	}
	return h.String(), nil
}
