// SPDX-License-Identifier: Apache-2.0

package push

import (
	"context"
	"fmt"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Stream is a Writer whose layer goes up in one request. It implements
// disk.Streamer.
type Stream struct{ *Writer }

// AsStream returns the upload as one that takes a stream, when the registry has
// turned out to take no chunks; nil before.
func (w *Writer) AsStream() disk.Streamer {
	if !w.noChunks {
		return nil
	}
	return &Stream{w}
}

// Stream implements disk.Streamer. Each call begins anew.
func (s *Stream) Stream(ctx context.Context, r io.Reader, size int64) error {
	if s.at != nil {
		_ = s.cancel(ctx) // The registry ends by itself what it was not told to end.
	}
	counted := &counting{Reader: r}
	err := s.begin(ctx)
	if err == nil {
		err = s.send(ctx, counted, size)
	}
	if counted.err != nil {
		return counted.err
	}
	if err != nil {
		return fmt.Errorf("cannot upload in one request to %s: %w", s.tag, ofTarget(err))
	}
	return nil
}

func (s *Stream) send(ctx context.Context, r *counting, size int64) error {
	err := s.stream(ctx, r, size)
	if gone(remote.Status(err)) {
		return transfer.Retryable(transfer.ReasonTargetUnavailable, err)
	}
	return err
}
