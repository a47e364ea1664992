// SPDX-License-Identifier: Apache-2.0

package progress

import (
	"encoding/json"
	"io"
	"time"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Lines shows progress as lines of JSON, which are the control plane's.
type Lines struct{ out *json.Encoder }

// NewLines returns a sink that writes to w.
func NewLines(w io.Writer) *Lines { return &Lines{json.NewEncoder(w)} }

// Show implements Sink.
func (l *Lines) Show(p transfer.Progress) {
	_ = l.out.Encode(p) // Nobody reads: the transfer goes on.
}

// Interval implements Sink.
func (l *Lines) Interval() time.Duration { return transfer.ProgressInterval }
