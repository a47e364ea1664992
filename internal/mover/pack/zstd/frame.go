// SPDX-License-Identifier: Apache-2.0

package zstd

import (
	"bytes"
	"encoding/binary"

	"github.com/novasphere/provider-wukong/internal/mover/pack/lz77"
)

// MaxSize is the size of the largest piece in bytes.
const MaxSize = lz77.BlockSize

const (
	magic = 0xFD2FB528

	// Bits of the frame header's descriptor (RFC 8878 section 3.1.1.1.1).
	oneSegment = 1 << 5
	sizeInTwo  = 1 << 6

	// Kinds of blocks (section 3.1.1.2.2), and the mark of the last one.
	blockRaw        = 0
	blockRepeated   = 1
	blockCompressed = 2
	lastBlock       = 1

	blockHeader = 3

	// shortest repetition in bytes: with 6, frames are 1.1 % smaller and take 8 %
	// longer to make.
	shortest = 7
)

// Encoder makes frames. It serves one goroutine at a time.
type Encoder struct {
	matcher   *lz77.Matcher
	literals  literals
	sequences sequences
}

// NewEncoder makes an encoder.
func NewEncoder() *Encoder {
	return &Encoder{matcher: lz77.New(shortest, lz77.BlockSize, lz77.Window), sequences: newSequences()}
}

// Append appends a frame of p, which has at most MaxSize bytes, to dst. The
// frame has no checksum.
func (e *Encoder) Append(dst, p []byte) []byte {
	if frame, smaller := e.AppendSmaller(dst, p, len(p)); smaller {
		return frame
	}
	dst = appendHeader(dst, len(p))
	begun := len(dst)
	return endBlock(append(append(dst, 0, 0, 0), p...), begun, len(p), blockRaw)
}

// AppendSmaller is Append for those who have a way of their own to store what
// does not become smaller: it appends a frame whose content has less than below
// bytes, or nothing and tells false.
func (e *Encoder) AppendSmaller(dst, p []byte, below int) (frame []byte, smaller bool) {
	out := appendHeader(dst, len(p))
	begun := len(out)
	out = append(out, 0, 0, 0)
	if uniform(p) {
		return endBlock(append(out, p[0]), begun, len(p), blockRepeated), true
	}
	e.matcher.Reset()
	found := e.matcher.Find(p, 0)
	if out, smaller = e.literals.append(out, found.Literals, below); !smaller {
		return dst, false
	}
	out = e.sequences.append(out, found.Sequences)
	if size := len(out) - begun - blockHeader; size < below {
		return endBlock(out, begun, size, blockCompressed), true
	}
	return dst, false
}

func appendHeader(dst []byte, size int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, magic)
	if size < 256 {
		return append(dst, oneSegment, byte(size))
	}
	return binary.LittleEndian.AppendUint16(append(dst, oneSegment|sizeInTwo), uint16(size-256))
}

// endBlock writes the header of the block that begins at begun.
func endBlock(dst []byte, begun, size, kind int) []byte {
	h := size<<3 | kind<<1 | lastBlock
	dst[begun], dst[begun+1], dst[begun+2] = byte(h), byte(h>>8), byte(h>>16)
	return dst
}

// uniform tells whether all bytes of p are the same, and that there are any.
func uniform(p []byte) bool {
	return len(p) > 0 && p[0] == p[len(p)-1] && bytes.Equal(p[1:], p[:len(p)-1])
}
