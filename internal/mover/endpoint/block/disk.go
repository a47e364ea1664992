// SPDX-License-Identifier: Apache-2.0

package block

import (
	"context"
	"fmt"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/randomread"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Disk is a block device that is read at random. It is a disk.Reader. A
// device has nothing that would tell one version from another but its size, and
// does not tell where it holds zeros.
type Disk struct {
	*Source

	r *randomread.File
}

// OpenDisk opens a device. Errors are those of Open.
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
func (d *Disk) ReadAt(ctx context.Context, p []byte, off int64) error { return d.r.ReadAt(ctx, p, off) }

// Data implements disk.Reader: everything may be data.
func (d *Disk) Data(_ context.Context, off int64) (disk.Extent, error) {
	return disk.Extent{Offset: off, Length: max(0, d.stat.Size-off)}, nil
}

// Unchanged implements disk.Reader.
func (d *Disk) Unchanged() error {
	size, err := sizeOf(d.f)
	if err != nil {
		return unreadable(d.stat.Name, err)
	}
	if size != d.stat.Size {
		return transfer.Terminal(transfer.ReasonSourceChanged, fmt.Errorf("cannot go on reading %s: it had %d bytes and has %d now", d.stat.Name, d.stat.Size, size))
	}
	return nil
}
