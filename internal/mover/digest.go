// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"fmt"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/engine/pass"
	"github.com/novasphere/provider-wukong/internal/mover/fsverity"
	"github.com/novasphere/provider-wukong/internal/mover/pack"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Summary is what Digest has found out of a disk.
type Summary struct {
	Size          int64  `json:"size"`
	ContentDigest string `json:"contentDigest"`
}

// Digest sums up the disk in a file or on a block device: its digest is the one
// that an export of it tells (transfer.ArtifactFacts.ContentDigest). Holes are not
// read. Of the options, it heeds Watch.
func Digest(ctx context.Context, path string, o Options) (s Summary, err error) {
	m := &move{job: &transfer.Job{Operation: transfer.OperationExport}, options: o}
	src, err := m.openDisk(path)
	if err != nil {
		return s, err
	}
	defer src.Close() //nolint:errcheck // It was only read.
	m.diskBytes.Store(src.Size())
	m.total.Store(src.Size())
	if o.Watch != nil {
		stop := o.Watch(m.progress, nil)
		defer func() { stop(err == nil) }()
	}
	sum := fsverity.New()
	err = pass.Pass{
		Image:   pack.Disk{Reader: src},
		Digests: []io.Writer{sum},
		Place: func(u *pass.Unit) error {
			m.exported.Read.Add(int64(len(u.Data)))
			return nil
		},
	}.Run(ctx)
	if err == nil {
		err = src.Unchanged()
	}
	if err != nil {
		return s, fmt.Errorf("cannot sum up %s: %w", path, err)
	}
	return Summary{Size: src.Size(), ContentDigest: sum.String()}, nil
}
