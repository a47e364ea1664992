// SPDX-License-Identifier: Apache-2.0

package export

import (
	"context"
	"io"
	"sync/atomic"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
)

// DefaultConnections is the number of connections when a task names none: more
// than one, since a store limits each, and few, since each has a part in
// memory.
const DefaultConnections = 4

// A Task is one artifact to make.
type Task struct {
	// Image is what is packed.
	Image disk.Image

	// NewPacker returns the packer for one pass.
	NewPacker func() disk.Packer

	// Size of the artifact, where it is known before; disk.Unknown elsewhere.
	Size int64

	// Digests get the image's bytes, all of them and in order, each in a
	// goroutine of its own, in the pass that makes the artifact.
	Digests []io.Writer

	// Check is asked before the artifact's last part is sent: its error ends
	// the export, and nothing whole was sent. Nil: nothing is asked.
	Check func() error

	// Upload takes the artifact. Neither Commit nor Abort is called.
	Upload disk.Upload

	// Connections is the number of parts that are sent at once; zero means
	// DefaultConnections. Ordered parts are sent one at a time.
	Connections int

	// Throttle is told of bytes that were sent, and returns when more may be.
	// Nil: always.
	Throttle func(ctx context.Context, n int) error

	// Proof keeps the sums of the parts of an artifact that has no digest when
	// they were sent. Nil: nobody will ask.
	Proof *Proof

	// Meter counts. Required.
	Meter *Meter
}

// A Meter counts what an export does. Anyone may read it at any time.
type Meter struct {
	// Read bytes of the image, or of the disk by Scan, of all passes.
	Read atomic.Int64

	// Sent bytes of the artifact, and those that the target had already.
	Sent, Reused atomic.Int64

	// Connections that are used now.
	Connections atomic.Int64
}

// Run makes the artifact and brings all of its parts. What it returns is for
// disk.Upload.Commit. After a retryable error it may be called again, with new
// Digests.
func Run(ctx context.Context, t Task) (disk.Sum, error) {
	if t.Connections <= 0 {
		t.Connections = DefaultConnections
	}
	if t.Throttle == nil {
		t.Throttle = func(context.Context, int) error { return nil }
	}
	if t.Check == nil {
		t.Check = func() error { return nil }
	}
	e := &exporter{Task: t}
	p := t.NewPacker()
	if p.Head() > 0 && t.Upload.Parts().Ordered {
		if err := e.learn(ctx, p); err != nil {
			return disk.Sum{}, err
		}
		p = t.NewPacker()
	}
	return e.upload(ctx, p)
}

// exporter is the state of one Run.
type exporter struct {
	Task

	head []byte // the artifact's, when a pass has learned it
}

// learn makes a pass that sends nothing, for the artifact's head and size.
func (e *exporter) learn(ctx context.Context, p disk.Packer) error {
	n := &counter{n: int64(p.Head())}
	if err := e.packing(p, n).Run(ctx); err != nil {
		return err
	}
	head, err := p.Finish(n)
	e.head, e.Size = head, n.n
	return err
}

// counter counts what is written.
type counter struct{ n int64 }

func (c *counter) Write(p []byte) (int, error) {
	c.n += int64(len(p))
	return len(p), nil
}
