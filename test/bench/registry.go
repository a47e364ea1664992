// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
)

// registryCases import a containerDisk: one as disk-uploader makes it, and one
// of the mover's.
func registryCases(o options) []*benchCase {
	return []*benchCase{
		registryCase(o, "containerDisk of disk-uploader's, gzip layer", "gzip", func(ctx context.Context, o options, c *benchCase) error {
			return once(c.folder, func(path string) error {
				if err := os.RemoveAll(path); err != nil {
					return err
				}
				fmt.Println("making a containerDisk as disk-uploader does (up to a few minutes, once)")
				defer os.Remove(path + ".qcow2")
				return push(ctx, o, path, uploaderSteps(o, path+".qcow2"))
			})
		}),
		// This one is made anew: the mover may have changed.
		registryCase(o, "containerDisk of ours, zstd layer", "zstd", func(ctx context.Context, o options, c *benchCase) error {
			if err := os.RemoveAll(c.folder); err != nil {
				return err
			}
			return push(ctx, o, c.folder, [][]string{{o.mover, "export", "--json", o.www("disk.raw"), "docker://" + imageName}})
		}),
	}
}

func registryCase(o options, name, layer string, prepare func(context.Context, options, *benchCase) error) *benchCase {
	folder := filepath.Join(o.dir, fmt.Sprintf("registry-%s-%d-%d", layer, o.size, o.data))
	c := &benchCase{
		name: name, chapter: fromRegistry, goal: "at most 0.30 × CDI",
		server: startRegistry, folder: folder,
		subjects: []*subject{
			moverImport(o, "mover import docker://…", "docker://"+imageName),
			cdiSubject(o, "registry", "docker://"+imageName),
		},
	}
	for _, s := range c.subjects {
		s.reads = layers(folder)
	}
	c.prepare = func(ctx context.Context, o options, c *benchCase) error {
		err := prepare(ctx, o, c)
		if err == nil {
			_, c.source, err = largest(layers(folder))
		}
		return err
	}
	return c
}

// push runs commands while a registry runs over a folder.
func push(ctx context.Context, o options, folder string, steps [][]string) error {
	p, err := startRegistry(ctx, o, folder)
	if err != nil {
		return err
	}
	defer p.stop()
	for _, args := range steps {
		if err := command(ctx, args[0], args[1:]...); err != nil {
			return err
		}
	}
	return nil
}

// uploaderSteps are what disk-uploader does, without its way to the disk, which
// is a download by nbdkit from an export server.
func uploaderSteps(o options, file string) [][]string {
	return [][]string{
		{"qemu-img", "convert", "-f", "raw", "-O", "qcow2", o.www("disk.raw"), file},
		{filepath.Join(o.peers, "diskuploader"), file, imageName},
	}
}
