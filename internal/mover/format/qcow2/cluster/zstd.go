// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"encoding/binary"
	"errors"

	"github.com/klauspost/compress/zstd"
)

// maxWindow is the window that a frame may ask for. Nothing is allocated for
// it: a cluster is its own window.
const maxWindow = 1 << 31

// A zstdDecoder decodes clusters that are zstd frames (RFC 8878), followed by
// whatever fills their last sector.
type zstdDecoder struct {
	r   *zstd.Decoder
	err error
}

func newZstdDecoder() *zstdDecoder {
	// One at a time, so that no goroutine and no further state is made, and
	// never beyond the buffer that it is given.
	r, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecodeAllCapLimit(true),
		zstd.WithDecoderMaxWindow(maxWindow), zstd.WithDecoderLowmem(true))
	return &zstdDecoder{r: r, err: err}
}

// Decode implements disk.Decoder.
func (d *zstdDecoder) Decode(dst, src []byte) error {
	if d.err != nil {
		return d.err
	}
	done := 0
	for done < len(dst) {
		n, err := frameLength(src)
		if err != nil {
			return badCluster("it has %d of %d bytes: %w", done, len(dst), err)
		}
		out, err := d.r.DecodeAll(src[:n], dst[done:done:len(dst)])
		if err != nil {
			return badCluster("%w", err)
		}
		done += len(out)
		src = src[n:]
	}
	return nil
}

var (
	errNoFrame  = errors.New("no zstd frame follows")
	errCutFrame = errors.New("a zstd frame is cut off")
)

// frameLength returns the length of the frame that p begins with (RFC 8878,
// sections 3.1.1 and 3.1.2). The decoder would take what follows a frame for
// the next one.
func frameLength(p []byte) (int, error) {
	const frameMagic, skippableMagic = 0xFD2FB528, 0x184D2A50
	if len(p) < 8 {
		return 0, errNoFrame
	}
	switch m := binary.LittleEndian.Uint32(p); {
	case m&^0xf == skippableMagic:
		return within(p, 8+int64(binary.LittleEndian.Uint32(p[4:])))
	case m != frameMagic:
		return 0, errNoFrame
	}
	descriptor := p[4]
	single := descriptor >> 5 & 1
	n := int64(5)
	n += int64(1 - single)                              // window descriptor
	n += []int64{0, 1, 2, 4}[descriptor&3]              // dictionary ID
	n += []int64{int64(single), 2, 4, 8}[descriptor>>6] // content size
	for last := false; !last; {
		if n+3 > int64(len(p)) {
			return 0, errCutFrame
		}
		block := int64(p[n]) | int64(p[n+1])<<8 | int64(p[n+2])<<16
		last = block&1 != 0
		n += 3
		if kind := block >> 1 & 3; kind == 1 {
			n++ // One byte, repeated.
		} else {
			n += block >> 3
		}
	}
	if descriptor>>2&1 != 0 {
		n += 4 // checksum
	}
	return within(p, n)
}

func within(p []byte, n int64) (int, error) {
	if n > int64(len(p)) {
		return 0, errCutFrame
	}
	return int(n), nil
}
