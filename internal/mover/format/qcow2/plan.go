// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"slices"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// maxPieces bounds the answer to one question, 10 MiB. The cap is for images
// that name one host cluster hundreds of thousands of times.
const maxPieces = 1 << 18

// A plan answers what ranges of the file hold, from entries in the order of
// their host offset.
type plan struct {
	*Header
	fileSize int64 // or disk.Unknown

	entries []entry // sorted by host offset
	next    int     // the first entry that begins at or after the last range's end
	open    []entry // plain entries that began before it and reach beyond it

	pieces []disk.Piece
}

// carry appends what the open entries hold of the range [off, end).
func (p *plan) carry(off, end int64) {
	still := p.open[:0]
	for _, e := range p.open {
		if p.take(e, off, end) {
			still = append(still, e)
		}
	}
	p.open = still
}

// begin appends what the entries that begin before end hold of the range.
func (p *plan) begin(off, end int64) error {
	for ; p.next < len(p.entries) && p.entries[p.next].host < uint64(end); p.next++ {
		if e := p.entries[p.next]; p.take(e, off, end) {
			p.open = append(p.open, e)
		}
		if len(p.pieces) > maxPieces {
			return tooComplex("more than %d clusters of the disk share %d bytes of the file", maxPieces, end-off)
		}
	}
	return nil
}

// take appends e's part in [off, end) and reports whether e reaches beyond.
func (p *plan) take(e entry, off, end int64) bool {
	x := p.piece(e)
	fileEnd := x.FileOffset + x.FileLength
	if p.fileSize != disk.Unknown {
		fileEnd = min(fileEnd, p.fileSize)
	}
	if x.Compressed {
		if x.FileOffset >= off {
			x.FileLength = fileEnd - x.FileOffset
			p.pieces = append(p.pieces, x)
		}
		return false
	}
	fileEnd = min(fileEnd, x.FileOffset+p.VirtualSize-x.DiskOffset)
	from, to := max(x.FileOffset, off), min(fileEnd, end)
	if from < to {
		x.DiskOffset += from - x.FileOffset
		x.FileOffset, x.FileLength, x.DiskLength = from, to-from, to-from
		p.pieces = append(p.pieces, x)
	}
	return fileEnd > end
}

// add plans an entry of the part of the file that is still to come. most is the
// greatest number of entries; sort has to follow.
func (p *plan) add(e entry, most int) error {
	if p.next > 0 {
		p.entries = p.entries[:copy(p.entries, p.entries[p.next:])]
		p.next = 0
	}
	if len(p.entries) >= most {
		return tooComplex("its map has more than %d fragments", most)
	}
	p.entries = append(p.entries, e)
	return nil
}

// mustReach is where the file may end at the earliest if it holds x: only what
// lies beyond the virtual size may be missing, or the rest of a last sector.
func (h *Header) mustReach(x disk.Piece) int64 {
	if x.Compressed {
		return x.FileOffset + x.FileLength - (1<<sectorBits - 1)
	}
	return x.FileOffset + min(x.FileLength, h.VirtualSize-x.DiskOffset)
}

// sort orders the entries that have not been consumed.
func (p *plan) sort() { slices.SortFunc(p.entries[p.next:], byHost) }
