// SPDX-License-Identifier: Apache-2.0

package endpointtest

import (
	"context"
	"io"
	"sync"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Fault is how one call of Open fails.
type Fault struct {
	// Open is returned by Open at once. Nil: Open succeeds.
	Open error

	// After bytes, a read returns Read; nil lets the reader end as if the
	// file had ended.
	After int64
	Read  error
}

// Faulty is a file that fails on purpose: each call of Open takes the next
// fault, and when none is left it behaves.
type Faulty struct {
	disk.File

	mu     sync.Mutex
	faults []Fault
	opened []disk.Extent
}

// NewFaulty returns f with faults.
func NewFaulty(f disk.File, faults ...Fault) *Faulty { return &Faulty{File: f, faults: faults} }

// Opened returns the offset and length of every call of Open.
func (f *Faulty) Opened() []disk.Extent {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]disk.Extent(nil), f.opened...)
}

// Open implements disk.File.
func (f *Faulty) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	fault, ok := f.next(off, n)
	if fault.Open != nil {
		return nil, fault.Open
	}
	r, err := f.File.Open(ctx, off, n)
	if err != nil || !ok {
		return r, err
	}
	return &faultyReader{ReadCloser: r, left: fault.After, err: fault.Read}, nil
}

func (f *Faulty) next(off, n int64) (Fault, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.opened = append(f.opened, disk.Extent{Offset: off, Length: n})
	if len(f.faults) == 0 {
		return Fault{}, false
	}
	fault := f.faults[0]
	f.faults = f.faults[1:]
	return fault, true
}

type faultyReader struct {
	io.ReadCloser

	left int64
	err  error
}

// Read implements io.Reader.
func (r *faultyReader) Read(p []byte) (int, error) {
	if r.left == 0 {
		if r.err == nil {
			return 0, io.EOF
		}
		return 0, r.err
	}
	n, err := r.ReadCloser.Read(p[:min(int64(len(p)), r.left)])
	r.left -= int64(n)
	return n, err
}

// Memory is a file in memory, with or without ranges.
type Memory struct {
	Facts   disk.Stat
	Content []byte
}

// NewMemory returns a file with ranges and a validator.
func NewMemory(content []byte) *Memory {
	return &Memory{Content: content, Facts: disk.Stat{Name: "memory", Size: int64(len(content)), Validator: "v1", Ranged: true}}
}

// Stat implements disk.File.
func (m *Memory) Stat() disk.Stat { return m.Facts }

// Close implements disk.File.
func (m *Memory) Close() error { return nil }

// Open implements disk.File.
func (m *Memory) Open(ctx context.Context, off, n int64) (io.ReadCloser, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	all := m.Content[min(off, int64(len(m.Content))):]
	if n < 0 {
		n = int64(len(all))
	}
	return &memoryReader{ctx.Err, all[:min(n, int64(len(all)))], n > int64(len(all)) || off > int64(len(m.Content))}, nil
}

type memoryReader struct {
	ended func() error
	left  []byte
	short bool
}

// Read implements io.Reader.
func (r *memoryReader) Read(p []byte) (int, error) {
	if err := r.ended(); err != nil {
		return 0, err
	}
	n := copy(p, r.left)
	r.left = r.left[n:]
	switch {
	case n > 0 || len(p) == 0:
		return n, nil
	case r.short:
		return 0, transfer.Terminal(transfer.ReasonSourceTruncated, io.ErrUnexpectedEOF)
	}
	return 0, io.EOF
}

// Close implements io.Closer.
func (r *memoryReader) Close() error { return nil }
