// SPDX-License-Identifier: Apache-2.0

package pack

import (
	"context"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// A Disk is a disk as an image: its bytes from the first to the last. It is a
// disk.Image.
type Disk struct{ disk.Reader }

// ReadAt implements disk.Image. A range that the disk knows to be empty is not
// read.
func (d Disk) ReadAt(ctx context.Context, p []byte, off int64) (zero bool, err error) {
	e, err := d.Data(ctx, off)
	if err != nil {
		return false, err
	}
	if e.Length == 0 || e.Offset >= off+int64(len(p)) {
		return true, nil
	}
	return false, d.Reader.ReadAt(ctx, p, off)
}

// Plain is the packer of an artifact that is the image itself. It is a
// disk.Packer and a disk.Encoder.
type Plain struct{}

// NewEncoder implements disk.Packer.
func (Plain) NewEncoder() (disk.Encoder, error) { return Plain{}, nil }

// Head implements disk.Packer.
func (Plain) Head() int { return 0 }

// Encode implements disk.Encoder.
func (Plain) Encode(_, p []byte) (disk.Packed, error) {
	return disk.Packed{Data: p, Source: len(p)}, nil
}

// Place implements disk.Packer.
func (Plain) Place(w io.Writer, p disk.Packed) error {
	_, err := w.Write(p.Data)
	return err
}

// Finish implements disk.Packer.
func (Plain) Finish(io.Writer) ([]byte, error) { return nil, nil }
