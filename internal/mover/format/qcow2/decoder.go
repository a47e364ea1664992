// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func (h *Header) newDecoder() disk.Decoder {
	if h.Compression == Zstd {
		return newZstdDecoder()
	}
	return &deflateDecoder{}
}

// A deflateDecoder decodes clusters that are raw DEFLATE streams (RFC 1951),
// followed by whatever fills their last sector.
type deflateDecoder struct {
	in bytes.Reader
	r  io.ReadCloser
}

// Decode implements disk.Decoder.
func (d *deflateDecoder) Decode(dst, src []byte) error {
	d.in.Reset(src)
	if d.r == nil {
		d.r = flate.NewReader(&d.in)
	} else if err := d.r.(flate.Resetter).Reset(&d.in, nil); err != nil {
		return err
	}
	if n, err := io.ReadFull(d.r, dst); err != nil {
		return badCluster("it has %d of %d bytes: %w", n, len(dst), err)
	}
	var one [1]byte
	if n, err := d.r.Read(one[:]); n != 0 || !errors.Is(err, io.EOF) {
		return badCluster("it does not end after %d bytes", len(dst))
	}
	return nil
}

func badCluster(format string, args ...any) error {
	return transfer.Terminal(transfer.ReasonImageCorrupt, fmt.Errorf("cannot decode compressed cluster: "+format, args...))
}
