// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// An Inspection is what is known of a source without reading all of it.
type Inspection struct {
	Source transfer.SourceFacts `json:"source"`

	// AllocatedBytes of the disk hold data; 0 where only a whole read tells.
	AllocatedBytes int64 `json:"allocatedBytes,omitempty"`

	// Ranges says that the source can be read by many connections at once.
	Ranges bool `json:"ranges"`

	// Refused is why the source cannot be imported; nil: it can.
	Refused *Refusal `json:"refused,omitempty"`
}

// A Refusal is why a source cannot be imported, and what can be done about it.
type Refusal struct {
	Reason  transfer.Reason `json:"reason"`
	Message string          `json:"message"`
	Advice  string          `json:"advice"`
}

// Inspect tells what a job's source holds, and whether it could be imported. It
// reads the head of the source and its tables, and looks at no destination.
func Inspect(ctx context.Context, job *transfer.Job) Inspection {
	m := &move{job: job}
	var in Inspection
	err := m.inspect(ctx, &in)
	in.Source = m.result.Source
	if err != nil {
		r := transfer.Result{}.Failed(err)
		in.Refused = &Refusal{Reason: r.Reason, Message: r.Message, Advice: r.Advice}
	}
	return in
}

func (m *move) inspect(ctx context.Context, in *Inspection) error {
	if err := m.job.Validate(); err != nil {
		return err
	}
	src, err := openSource(ctx, m.job, &m.counters)
	if err != nil {
		return err
	}
	defer src.Close() //nolint:errcheck // It was only read.
	m.sourceOpened(src.Stat())
	in.Ranges = !src.inOrder()
	img, err := openImage(ctx, src, m.job)
	if err != nil {
		return err
	}
	m.imageOpened(img)
	in.AllocatedBytes = img.allocated
	return nil
}
