// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"slices"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/format/qcow2/header"
)

// maxPieces bounds the answer to one question, 10 MiB. The cap is for images
// that name one host cluster hundreds of thousands of times.
const maxPieces = 1 << 18

// A Plan answers what ranges of the file hold, from entries in the order of
// their host offset.
type Plan struct {
	*header.Header

	// FileSize in bytes, or disk.Unknown.
	FileSize int64

	entries []Entry // sorted by host offset
	next    int     // the first entry that begins at or after the last range's end
	open    []Entry // plain entries that began before it and reach beyond it

	pieces []disk.Piece
}

// Start begins the answer for the range [off, end) with what entries hold of it
// that began before.
func (p *Plan) Start(off, end int64) {
	p.pieces = p.pieces[:0]
	still := p.open[:0]
	for _, e := range p.open {
		if p.take(e, off, end) {
			still = append(still, e)
		}
	}
	p.open = still
}

// Begin adds what the entries that begin before end hold of the range.
func (p *Plan) Begin(off, end int64) error {
	for ; p.next < len(p.entries) && p.entries[p.next].Host < uint64(end); p.next++ {
		if e := p.entries[p.next]; p.take(e, off, end) {
			p.open = append(p.open, e)
		}
		if len(p.pieces) > maxPieces {
			return header.TooComplex("more than %d clusters of the disk share %d bytes of the file", maxPieces, end-off)
		}
	}
	return nil
}

// take appends e's part in [off, end) and reports whether e reaches beyond.
func (p *Plan) take(e Entry, off, end int64) bool {
	x := e.Piece(p.Header)
	fileEnd := x.FileOffset + x.FileLength
	if p.FileSize != disk.Unknown {
		fileEnd = min(fileEnd, p.FileSize)
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

// Add plans an entry of the part of the file that is still to come. most is the
// greatest number of entries; Sort has to follow.
func (p *Plan) Add(e Entry, most int) error {
	if p.next > 0 {
		p.entries = p.entries[:copy(p.entries, p.entries[p.next:])]
		p.next = 0
	}
	if len(p.entries) >= most {
		return header.TooComplex("its map has more than %d fragments", most)
	}
	p.entries = append(p.entries, e)
	return nil
}

// MustReach is where the file may end at the earliest if it holds x: only what
// lies beyond the virtual size may be missing, or the rest of a last sector.
func MustReach(h *header.Header, x disk.Piece) int64 {
	if x.Compressed {
		return x.FileOffset + x.FileLength - (sector - 1)
	}
	return x.FileOffset + min(x.FileLength, h.VirtualSize-x.DiskOffset)
}

// Sort orders the entries that are ahead.
func (p *Plan) Sort() { slices.SortFunc(p.entries[p.next:], ByHost) }

// Use replaces all entries by others, which it sorts.
func (p *Plan) Use(entries []Entry) {
	p.entries, p.next = entries, 0
	p.Sort()
}

// Pieces is the answer that Start began. It is valid until the next one.
func (p *Plan) Pieces() []disk.Piece { return p.pieces }

// Ahead returns the entries that no range has reached.
func (p *Plan) Ahead() []Entry { return p.entries[p.next:] }

// Open returns the plain entries that reach beyond the last range.
func (p *Plan) Open() []Entry { return p.open }

// Continue plans the rest of a plain entry that has begun to pass already.
func (p *Plan) Continue(e Entry) { p.open = append(p.open, e) }
