// SPDX-License-Identifier: Apache-2.0

// Command diskuploader makes a containerDisk of a qcow2 file and pushes it, as
// disk-uploader of kubevirt-tekton-tasks (July 2026) does after its `qemu-img
// convert`: pkg/image.Build and Push there, and containerdisks' layer.
// go-containerregistry makes the layer with gzip at its fastest level, once for
// the digest and once more for the upload.
//
//	diskuploader FILE IMAGE
package main

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
)

func main() {
	if err := run(context.Background(), os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "diskuploader:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) != 2 {
		return errors.New("usage: diskuploader FILE IMAGE")
	}
	ref, err := name.ParseReference(args[1])
	if err != nil {
		return fmt.Errorf("cannot read name of image: %w", err)
	}
	layer, err := tarball.LayerFromOpener(opener(args[0], time.Now()))
	if err != nil {
		return fmt.Errorf("cannot make layer of %s: %w", args[0], err)
	}
	image, err := mutate.AppendLayers(empty.Image, layer)
	if err != nil {
		return fmt.Errorf("cannot make image: %w", err)
	}
	if err := remote.Write(ref, image, remote.WithContext(ctx)); err != nil {
		return fmt.Errorf("cannot push %s: %w", ref, err)
	}
	return nil
}

// opener streams a file as a containerDisk's layer, as often as it is opened.
func opener(path string, made time.Time) tarball.Opener {
	return func() (io.ReadCloser, error) {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		r, w := io.Pipe()
		go func() {
			defer f.Close()
			w.CloseWithError(writeLayer(w, f, made))
		}()
		return r, nil
	}
}

func writeLayer(w io.Writer, f *os.File, made time.Time) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	folder := tar.Header{
		Typeflag: tar.TypeDir, Name: "disk/", Mode: 0o555,
		Uid: 107, Gid: 107, Uname: "qemu", Gname: "qemu", ModTime: made,
	}
	disk := folder
	disk.Typeflag, disk.Name, disk.Mode = tar.TypeReg, "disk/disk.img", 0o444
	disk.Size, disk.ModTime = info.Size(), info.ModTime()
	t := tar.NewWriter(w)
	for _, h := range []*tar.Header{&folder, &disk} {
		if err := t.WriteHeader(h); err != nil {
			return err
		}
	}
	if _, err := io.Copy(t, f); err != nil {
		return err
	}
	return t.Close()
}
