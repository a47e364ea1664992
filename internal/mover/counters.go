// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"strings"
	"sync/atomic"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/mover/engine"
	"github.com/novasphere/provider-wukong/internal/mover/engine/export"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// counters are what the parts of a transfer count, and anyone may read.
type counters struct {
	meter   engine.Meter
	fetched atomic.Int64 // bytes off the wire
	retries atomic.Int64
	total   atomic.Int64 // bytes of the source; 0: not known

	// Of an export: its disk, and the image that is packed; 0: not known.
	exported              export.Meter
	proof                 export.Proof
	diskBytes, imageBytes atomic.Int64

	note atomic.Pointer[string] // what is unusual; nil: nothing
}

// mostNotes bounds what is told of one attempt, in bytes.
const mostNotes = 1024

// noted is told what is unusual, for people. What was told already is not told
// twice.
func (c *counters) noted(s string) {
	for {
		was := c.note.Load()
		all := s
		switch {
		case was != nil && (strings.Contains(*was, s) || len(*was)+len(s) > mostNotes):
			return
		case was != nil:
			all = *was + " " + s
		}
		if c.note.CompareAndSwap(was, &all) {
			return
		}
	}
}

// notes are what was told; "" when nothing was.
func (c *counters) notes() string {
	if note := c.note.Load(); note != nil {
		return *note
	}
	return ""
}

// spared is told of bytes that count as sent, and were not.
func (c *counters) spared(n int64) {
	c.exported.Reused.Add(n)
	c.exported.Sent.Add(-n)
}

// retried is told of each request that failed and will be made again.
func (c *counters) retried(err error) {
	c.retries.Add(1)
	if answer.Overloaded(err) {
		c.meter.Pushbacks.Add(1)
	}
}

// received is told of bytes as they come off the wire.
func (c *counters) received(n int) { c.fetched.Add(int64(n)) }

// progress is what is known now. Percentage, speed and time left are the
// watcher's.
func (m *move) progress() transfer.Progress {
	if m.job.Operation == transfer.OperationExport {
		return m.exportProgress()
	}
	return transfer.Progress{
		Type:             transfer.LineProgress,
		ID:               m.job.ID,
		TransferredBytes: m.meter.Transferred.Load(),
		TotalBytes:       m.total.Load(),
		WrittenBytes:     m.meter.Written.Load(),
		Connections:      int(m.meter.Connections.Load()),
		Retries:          int(m.retries.Load()),
	}
}

func (m *move) sourceOpened(s disk.Stat) {
	m.result.Source.ETag = s.Validator
	if s.Size != disk.Unknown {
		m.result.Source.Size = s.Size
		m.total.Store(s.Size)
	}
}

func (m *move) imageOpened(img *image) {
	m.result.Source.Format = img.found.Format
	m.result.Source.Compression = string(img.compression)
	m.result.Source.VirtualSize = max(0, img.size)
}
