// SPDX-License-Identifier: Apache-2.0

// Package raw is the layout of an image that is a disk byte by byte: raw
// images, and ISO ones.
package raw

import (
	"context"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// sector is what the size of a disk is a multiple of.
const sector = 512

// A Layout is that of a raw image of known size.
type Layout struct {
	size   int64
	pieces [1]disk.Piece
}

// New returns the layout of a raw image of size bytes.
func New(size int64) *Layout { return &Layout{size: size} }

// VirtualSize implements disk.Layout: the image's size, rounded up to whole
// sectors. The bytes that the image lacks are zeros.
func (l *Layout) VirtualSize() int64 { return (l.size + sector - 1) &^ (sector - 1) }

// Pieces implements disk.Layout.
func (l *Layout) Pieces(_ context.Context, off, n int64) ([]disk.Piece, error) {
	n = min(n, l.size-off)
	if n <= 0 {
		return nil, nil
	}
	l.pieces[0] = disk.Piece{FileOffset: off, FileLength: n, DiskOffset: off, DiskLength: n}
	return l.pieces[:], nil
}

// NewDecoder implements disk.Layout: a raw image has no compressed pieces.
func (l *Layout) NewDecoder() disk.Decoder { return nil }

// A Stream is the layout of a raw image whose size shows at its end. Its
// virtual size grows with every call of Learn, so the caller compares it with
// the size of the disk each time: that is what stops a decompression bomb.
type Stream struct{ Layout }

// NewStream returns a layout that has seen no byte yet.
func NewStream() *Stream { return &Stream{} }

// Learn implements disk.Learner.
func (s *Stream) Learn(p []byte, off int64) error {
	s.size = off + int64(len(p))
	return nil
}

// Parked implements disk.Learner: nothing has to wait.
func (s *Stream) Parked() []disk.Extent { return nil }

// Late implements disk.Learner: nothing was left out.
func (s *Stream) Late(context.Context) ([]disk.Piece, error) { return nil, nil }
