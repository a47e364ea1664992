// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"
	"slices"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// maxParkedRanges bounds the index of what is parked, 24 bytes each.
const maxParkedRanges = 1 << 18

// parking is the index of what a spool holds.
type parking struct {
	ranges []parkedRange // in order of the file's offset, and of the spool's
	length int64         // of the spool
}

type parkedRange struct {
	disk.Extent // of the file

	at int64 // in the spool
}

// add parks the file's range e, whose bytes are data. Ranges come in order.
func (k *parking) add(s Spool, e disk.Extent, data []byte) error {
	last := len(k.ranges) - 1
	touches := last >= 0 && k.ranges[last].End() == e.Offset
	if s == nil || !touches && len(k.ranges) == maxParkedRanges {
		return transfer.Terminal(transfer.ReasonImageTooComplex,
			fmt.Errorf("cannot keep %d bytes at %d of the image until their table comes", e.Length, e.Offset))
	}
	if err := s.Append(data); err != nil {
		return err
	}
	if touches {
		k.ranges[last].Length += e.Length
	} else {
		k.ranges = append(k.ranges, parkedRange{e, k.length})
	}
	k.length += e.Length
	return nil
}

// find returns where in the spool the file's offset stands, and how many bytes
// from there on are parked.
func (k *parking) find(off int64) (at, n int64) {
	i, ok := slices.BinarySearchFunc(k.ranges, off, func(r parkedRange, off int64) int {
		return int(min(max(r.Offset-off, -1), 1))
	})
	if !ok {
		i--
	}
	if i < 0 || off >= k.ranges[i].End() {
		return 0, 0
	}
	r := k.ranges[i]
	return r.at + off - r.Offset, r.End() - off
}

// placeLate places the pieces whose tables came after them.
func (c *copier) placeLate(ctx context.Context) error {
	if c.learner == nil {
		return nil
	}
	late, err := c.learner.Late(ctx)
	if err != nil || len(late) == 0 {
		return err
	}
	w, err := c.newWorker(ctx)
	if err != nil {
		return err
	}
	defer w.gathered.close()
	for _, p := range late {
		for p.FileLength > 0 {
			head := p
			if !p.Compressed {
				head.FileLength = min(p.FileLength, unitSize)
				head.DiskLength = head.FileLength
			}
			if err := c.placeParked(ctx, w, head); err != nil {
				return err
			}
			p.FileOffset += head.FileLength
			p.FileLength -= head.FileLength
			p.DiskOffset += head.DiskLength
		}
	}
	return w.flush(ctx)
}

// placeParked places one piece from the spool.
func (c *copier) placeParked(ctx context.Context, w *worker, p disk.Piece) error {
	at, n := c.parked.find(p.FileOffset)
	if p.Compressed {
		p.FileLength = min(p.FileLength, n)
	}
	if n == 0 || p.FileLength > min(n, unitSize) {
		return transfer.Terminal(transfer.ReasonImageTooComplex,
			fmt.Errorf("cannot place %d bytes at %d of the image: they were not kept", p.FileLength, p.FileOffset))
	}
	u, err := newUnit(ctx, c.image, p.FileOffset, p.FileLength)
	if err != nil {
		return err
	}
	if err := c.Spool.ReadAt(u.data(), at); err != nil {
		u.release()
		return err
	}
	return w.do(ctx, work{unit: u, pieces: []disk.Piece{p}, limit: c.Layout.VirtualSize()})
}
