// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"fmt"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/deflate"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/header"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// NewDecoder returns a decoder of clusters that are compressed as c says.
func NewDecoder(c header.Compression) disk.Decoder {
	if c == header.Zstd {
		return newZstdDecoder()
	}
	return &deflateDecoder{}
}

// A deflateDecoder decodes clusters that are raw DEFLATE streams (RFC 1951),
// followed by whatever fills their last sector.
type deflateDecoder struct{ deflate.Decoder }

// Decode implements disk.Decoder.
func (d *deflateDecoder) Decode(dst, src []byte) error {
	n, err := d.Decoder.Decode(dst, src)
	switch {
	case err != nil:
		return badCluster("%w", err)
	case n != len(dst):
		return badCluster("it has %d of %d bytes", n, len(dst))
	}
	return nil
}

func badCluster(format string, args ...any) error {
	return transfer.Terminal(transfer.ReasonImageCorrupt, fmt.Errorf("cannot decode compressed cluster: "+format, args...))
}
