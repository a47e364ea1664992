// SPDX-License-Identifier: Apache-2.0

package engine

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/pace"
)

// ReadRanges reads ranges of a file, a few at once, and gives each to take as
// it comes, in any order, one at a time. What take is given is valid until it
// returns. It is how a format reads its tables; the connections that it opens
// are warm when the pass begins.
func ReadRanges(ctx context.Context, f disk.File, ranges []disk.Extent, take func(i int, p []byte) error) error {
	type chunk struct {
		i int
		p []byte
	}
	g, ctx := errgroup.WithContext(ctx)
	todo := make(chan int)
	read := make(chan chunk)
	g.Go(func() error {
		for i := range ranges {
			if err := send(ctx, todo, i); err != nil {
				return err
			}
		}
		close(todo)
		return nil
	})
	for range min(pace.Start, len(ranges)) {
		g.Go(func() error {
			for {
				i, ok, err := receive(ctx, todo)
				if err != nil || !ok {
					return err
				}
				p := make([]byte, ranges[i].Length)
				if err := disk.ReadAt(ctx, f, p, ranges[i].Offset); err != nil {
					return err
				}
				if err := send(ctx, read, chunk{i, p}); err != nil {
					return err
				}
			}
		})
	}
	g.Go(func() error {
		for range ranges {
			c, _, err := receive(ctx, read)
			if err != nil {
				return err
			}
			if err := take(c.i, c.p); err != nil {
				return err
			}
		}
		return nil
	})
	return g.Wait()
}
