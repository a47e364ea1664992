// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// objectCase imports an image from an S3 store.
func objectCase(o options, img image, goal string) *benchCase {
	folder := filepath.Join(o.dir, fmt.Sprintf("s3-%d-%d", o.size, o.data))
	key, secret := accessKey()
	c := &benchCase{
		name: "zlib qcow2 in S3", chapter: fromS3, source: img.size, goal: goal, server: startGateway, folder: folder,
		subjects: []*subject{
			moverImport(o, "mover import --checksum sha256:… s3://…", "--checksum", "sha256:"+img.sha256, "s3://"+bucket+"/"+img.name),
			cdiSubject(o, "s3", "http://"+gatewayAddress+"/"+bucket+"/"+img.name),
		},
		prepare: func(ctx context.Context, o options, c *benchCase) error {
			return once(c.folder, func(path string) error { return putObject(ctx, o, path, img.name) })
		},
	}
	c.subjects[0].env = gatewayEnv()
	c.subjects[1].env = append(c.subjects[1].env, "IMPORTER_ACCESS_KEY_ID="+key, "IMPORTER_SECRET_KEY="+secret)
	for _, s := range c.subjects {
		s.reads = filepath.Join(folder, bucket, img.name)
	}
	return c
}

// putObject has the gateway keep one file of the web server's under a folder.
func putObject(ctx context.Context, o options, folder, name string) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	p, err := startGateway(ctx, o, folder)
	if err != nil {
		return err
	}
	defer p.stop()
	return command(ctx, "env", slices.Concat(gatewayEnv(), []string{filepath.Join(o.peers, "s3upload"), o.www(name), bucket, name})...)
}
