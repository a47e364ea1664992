// SPDX-License-Identifier: Apache-2.0

package file

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/randomread"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Disk is a disk in a regular file that is read at random. It is a
// disk.Reader.
type Disk struct {
	*Source

	r *randomread.File
}

// OpenDisk opens a disk in a regular file. Errors are those of Open.
func OpenDisk(path string) (*Disk, error) {
	s, err := Open(path)
	if err != nil {
		return nil, err
	}
	return &Disk{s, randomread.New(s.f)}, nil
}

// Size implements disk.Reader.
func (d *Disk) Size() int64 { return d.stat.Size }

// ReadAt implements disk.Reader.
func (d *Disk) ReadAt(ctx context.Context, p []byte, off int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := d.r.ReadAt(p, off)
	if err == nil {
		return nil
	}
	if e := d.changed(); e != nil {
		return e
	}
	err = fmt.Errorf("cannot read %d bytes at %d of %s: %w", len(p), off, d.stat.Name, err)
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return transfer.Terminal(transfer.ReasonSourceTruncated, err)
	}
	return transfer.Retryable(transfer.ReasonSourceUnavailable, err)
}

// Data implements disk.Reader.
func (d *Disk) Data(ctx context.Context, off int64) (disk.Extent, error) {
	if err := ctx.Err(); err != nil {
		return disk.Extent{}, err
	}
	e, err := d.r.Data(off, d.stat.Size)
	if err != nil {
		return e, transfer.Retryable(transfer.ReasonSourceUnavailable, fmt.Errorf("cannot look for data in %s: %w", d.stat.Name, err))
	}
	return e, nil
}

// Unchanged implements disk.Reader.
func (d *Disk) Unchanged() error { return d.changed() }
