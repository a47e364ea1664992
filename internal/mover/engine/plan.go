// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"
	"fmt"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// work is what one worker does at a time: pieces whose bytes stand in one unit.
// The worker releases the unit.
type work struct {
	unit   *unit
	pieces []disk.Piece
	limit  int64 // the disk's size as it is known; pieces are cut there
}

// planner turns units, in order, into work.
type planner struct {
	*copier
	out chan<- work

	last    *unit        // the unit before; held while pieces straddle its end
	carried []disk.Piece // pieces that began in last or before, and reach beyond
}

// plan learns from the image's units, parks what the layout wants to be kept,
// and gives the pieces of each unit to a worker.
func (c *copier) plan(ctx context.Context, in <-chan *unit, out chan<- work) error {
	p := planner{copier: c, out: out}
	for {
		u, ok, err := receive(ctx, in)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if u.n == 0 {
			u.release()
			continue
		}
		if err := p.next(ctx, u); err != nil {
			return err
		}
	}
	if err := p.finish(ctx); err != nil {
		return err
	}
	close(out)
	return nil
}

// next plans one unit.
func (p *planner) next(ctx context.Context, u *unit) error {
	if err := p.learn(u); err != nil {
		return err
	}
	if err := p.carry(u); err != nil {
		return err
	}
	found, err := p.Layout.Pieces(ctx, u.off, u.n)
	if err != nil {
		return err
	}
	whole := make([]disk.Piece, 0, len(p.carried)+len(found))
	var over []disk.Piece
	for _, piece := range p.carried {
		whole, over = sortOut(piece, u, whole, over)
	}
	for _, piece := range found {
		whole, over = sortOut(piece, u, whole, over)
	}
	p.hold(u, over)
	return send(ctx, p.out, work{unit: u, pieces: whole, limit: p.Layout.VirtualSize()})
}

// sortOut appends a piece to those that are whole in the unit or to those that
// reach over its end.
func sortOut(piece disk.Piece, u *unit, whole, over []disk.Piece) (_, _ []disk.Piece) {
	if piece.FileOffset+piece.FileLength > u.end() {
		return whole, append(over, piece)
	}
	return append(whole, piece), over
}

// learn tells a Learner of the unit, and parks what it is unsure of.
func (p *planner) learn(u *unit) error {
	if p.learner == nil {
		return nil
	}
	if err := p.learner.Learn(u.data(), u.off); err != nil {
		return err
	}
	if p.Admit != nil {
		if err := p.Admit(u.end(), p.learner.VirtualSize()); err != nil {
			return err
		}
	}
	for _, e := range p.learner.Parked() {
		if err := p.parked.add(p.Spool, e, u.bytes(e.Offset, e.End())); err != nil {
			return err
		}
	}
	return nil
}

// carry copies the head of the pieces that straddle the edge into the headroom
// of the unit in which they go on.
func (p *planner) carry(u *unit) error {
	if p.last == nil {
		return nil
	}
	start := p.last.end()
	for _, piece := range p.carried {
		start = min(start, piece.FileOffset)
	}
	n := p.last.end() - start
	if n > headroom {
		return transfer.Terminal(transfer.ReasonImageTooComplex,
			fmt.Errorf("cannot decode the cluster at %d of the image: it is longer than %d bytes", start, headroom))
	}
	u.head = n
	copy(u.bytes(start, u.off), p.last.bytes(start, p.last.end()))
	return nil
}

// hold keeps a unit for the pieces that reach over its end.
func (p *planner) hold(u *unit, over []disk.Piece) {
	if p.last != nil {
		p.last.release()
		p.last = nil
	}
	p.carried = over
	if len(over) > 0 {
		p.last = u.retain()
	}
}

// finish gives out the pieces that reach over the end of the file, for a
// compressed one may need fewer bytes than it names.
func (p *planner) finish(ctx context.Context) error {
	if p.last == nil {
		return nil
	}
	return send(ctx, p.out, work{unit: p.last, pieces: p.carried, limit: p.Layout.VirtualSize()})
}
