// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// exportCases pack the disk, into a file and to servers.
func exportCases(o options, raw image) []*benchCase {
	const larger = "at most 1.10 × its size"
	zstd := []string{"-c", "-m", "16", "-W", "-o", "compression_type=zstd"}
	out := []*benchCase{
		fileCase(o, "zlib", "at most 0.25 × qemu-img, "+larger, "-c"),
		fileCase(o, "zstd", "none, for information", zstd...),
		fileCase(o, "none", "none, for information", "-m", "16", "-W"),
	}
	if o.gateway != "" && o.peers != "" {
		out = append(out, gatewayCase(o, "at most 0.60 × qemu-img and upload, "+larger, zstd...))
	}
	if o.registry != "" && o.peers != "" {
		out = append(out, uploadCase(o, "at most 0.33 × disk-uploader's way, "+larger))
	}
	for _, c := range out {
		c.chapter, c.source = exports, raw.size
		for _, s := range c.subjects {
			s.reads = o.www(raw.name)
		}
	}
	return out
}

// fileCase makes an image in a file.
func fileCase(o options, algorithm, goal string, qemu ...string) *benchCase {
	ours, theirs := filepath.Join(o.outputs(), "mover.qcow2"), filepath.Join(o.outputs(), "qemu.qcow2")
	return &benchCase{
		name: "raw to qcow2, compression " + algorithm, goal: goal,
		subjects: []*subject{
			{
				name:   "mover export --compression " + algorithm,
				steps:  [][]string{{o.mover, "export", "--json", "--compression", algorithm, o.www("disk.raw"), ours}},
				output: ours, scratch: o.outputs(), equals: sameImage,
			},
			{
				name:   "qemu-img convert " + strings.Join(qemu, " "),
				steps:  [][]string{toQCOW2(o, theirs, qemu...)},
				output: theirs, equals: sameImage,
			},
		},
	}
}

func toQCOW2(o options, file string, qemu ...string) []string {
	return append(append([]string{"qemu-img", "convert", "-f", "raw", "-O", "qcow2"}, qemu...), o.www("disk.raw"), file)
}

// gatewayCase makes a zstd image in an S3 store.
func gatewayCase(o options, goal string, qemu ...string) *benchCase {
	const key = "disk.qcow2"
	file := filepath.Join(o.scratch(), "image")
	c := &benchCase{
		name: "raw to zstd qcow2 in S3", goal: goal, server: startGateway, folder: o.stored(),
		subjects: []*subject{
			{
				name:  "mover export s3://…",
				steps: [][]string{{o.mover, "export", "--json", o.www("disk.raw"), "s3://" + bucket + "/" + key}},
			},
			{
				name: "qemu-img convert " + strings.Join(qemu, " ") + "; upload by aws-sdk-go-v2's transfermanager",
				steps: [][]string{
					toQCOW2(o, file, qemu...),
					{filepath.Join(o.peers, "s3upload"), file, bucket, key},
				},
			},
		},
	}
	for _, s := range c.subjects {
		s.env, s.output, s.equals, s.scratch = gatewayEnv(), filepath.Join(o.stored(), bucket, key), sameImage, o.scratch()
	}
	return c
}

// uploadCase makes a containerDisk in a registry.
func uploadCase(o options, goal string) *benchCase {
	export := []string{o.mover, "export", "--json", o.www("disk.raw"), "docker://" + imageName}
	c := &benchCase{
		name: "raw to a containerDisk in a registry", goal: goal, server: startRegistry, folder: o.stored(),
		subjects: []*subject{
			{name: "mover export docker://…", steps: [][]string{export}},
			{name: "mover export --compression gzip docker://…", steps: [][]string{slices.Concat(export, []string{"--compression", "gzip"})}},
			{
				name:  "disk-uploader's way: qemu-img convert; gzip layer and push by go-containerregistry",
				steps: uploaderSteps(o, filepath.Join(o.scratch(), "image")),
			},
		},
	}
	for _, s := range c.subjects {
		s.output, s.equals, s.scratch = layers(o.stored()), sameLayer, o.scratch()
	}
	return c
}

// sameDisk compares a raw disk with the original, byte for byte.
func sameDisk(ctx context.Context, o options, result string) error {
	return command(ctx, "cmp", result, o.www("disk.raw"))
}

// sameImage compares an image with the disk, by qemu-img.
func sameImage(ctx context.Context, o options, result string) error {
	if err := command(ctx, "qemu-img", "check", "-q", "-f", "qcow2", result); err != nil {
		return err
	}
	return command(ctx, "qemu-img", "compare", "-q", "-f", "raw", "-F", "qcow2", o.www("disk.raw"), result)
}

// sameLayer compares the one file in a containerDisk's layer with the disk, by
// tar and qemu-img.
func sameLayer(ctx context.Context, o options, result string) error {
	folder, err := os.MkdirTemp(o.dir, "layer")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	if err := command(ctx, "tar", "-C", folder, "-xf", result); err != nil {
		return err
	}
	files, err := filepath.Glob(filepath.Join(folder, "disk", "*"))
	if err != nil {
		return err
	}
	if len(files) != 1 {
		return fmt.Errorf("cannot find the disk in %s: %w", result, errors.New("not one file under /disk"))
	}
	return sameImage(ctx, o, files[0])
}
