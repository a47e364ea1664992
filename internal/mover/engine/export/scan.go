// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/engine/pass"
	"github.com/novasphere/provider-wukong/internal/mover/pack/allocation"
	"github.com/novasphere/provider-wukong/internal/mover/zeros"
)

// Scan reads an image and returns which of its clusters hold anything but
// zeros. The digests get its bytes, as those of a Task.
func Scan(ctx context.Context, image disk.Image, m *Meter, digests ...io.Writer) (*allocation.Map, error) {
	has := allocation.New(image.Size())
	look := func(u *pass.Unit) error { //nolint:unparam // That is what a worker may return.
		if w := clusters(u.Data); w != 0 {
			has.SetWord(u.Offset/pass.UnitSize, w)
		}
		return nil
	}
	err := pass.Pass{
		Image:     image,
		Digests:   digests,
		NewWorker: func() (func(*pass.Unit) error, error) { return look, nil },
		Place: func(u *pass.Unit) error {
			m.Read.Add(int64(len(u.Data)))
			return nil
		},
	}.Run(ctx)
	has.Seal()
	return has, err
}

// clusters has one bit for each cluster of a unit that is not all zeros.
func clusters(p []byte) uint64 {
	var w uint64
	if zeros.Only(p) {
		return 0
	}
	for i := 0; i*allocation.Cluster < len(p); i++ {
		c := p[i*allocation.Cluster:]
		if !zeros.Only(c[:min(allocation.Cluster, len(c))]) {
			w |= 1 << i
		}
	}
	return w
}
