// SPDX-License-Identifier: Apache-2.0

package frames

import (
	"encoding/binary"
	"fmt"

	"github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// leadBytes of an image stand at the begin of the file in a frame of their own,
// as they are, where they and more would fit into as many bytes. CDI's importer
// (v1.65, pkg/importer/format-readers.go) looks at the first 512 bytes of a file
// in a buffer that it uses again for what they unpack to, while its decoder has
// still to read what the first block leaves of them.
const leadBytes = 1024

// lead returns the first unit with such a frame before the other.
func (z *Zstd) lead(p disk.Packed) (first, rest disk.Packed, err error) {
	if p.Source <= leadBytes || firstBlockEnd(p.Data) >= leadBytes {
		return disk.Packed{}, p, nil
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1))
	if err != nil {
		return first, rest, fmt.Errorf("cannot make a zstd decoder: %w", err)
	}
	defer d.Close()
	unit, err := d.DecodeAll(p.Data, make([]byte, 0, p.Source))
	if err != nil {
		return first, rest, fmt.Errorf("cannot unpack what was packed: %w", err)
	}
	e, err := z.NewEncoder()
	if err != nil {
		return first, rest, err
	}
	rest, err = e.Encode(nil, unit[leadBytes:])
	return disk.Packed{Data: stored(unit[:leadBytes]), Source: leadBytes}, rest, err
}

// stored is a frame of one block that is not compressed (RFC 8878 § 3.1.1): one
// segment, whose size stands in two bytes, less 256.
func stored(p []byte) []byte {
	const oneSegment, sizeInTwo, lastBlock = 1 << 5, 1 << 6, 1
	frame := []byte{0x28, 0xb5, 0x2f, 0xfd, sizeInTwo | oneSegment}
	frame = binary.LittleEndian.AppendUint16(frame, uint16(len(p)-256))
	block := len(p)<<3 | lastBlock
	frame = append(frame, byte(block), byte(block>>8), byte(block>>16))
	return append(frame, p...)
}

// firstBlockEnd is where the first block of a frame ends, which has no
// dictionary (RFC 8878 §§ 3.1.1.1, 3.1.1.2).
func firstBlockEnd(frame []byte) int {
	const descriptor, rle = 4, 1
	oneSegment := frame[descriptor] >> 5 & 1
	sizeBytes := []byte{oneSegment, 2, 4, 8}[frame[descriptor]>>6]
	block := descriptor + 1 + int(1-oneSegment) + int(sizeBytes)
	header := int(frame[block]) | int(frame[block+1])<<8 | int(frame[block+2])<<16
	size := header >> 3
	if header>>1&3 == rle {
		size = 1
	}
	return block + 3 + size
}
