// SPDX-License-Identifier: Apache-2.0

// Package buffer lends page-aligned memory that stands outside the Go heap, so
// that the collector neither scans it nor keeps a second copy's worth of head
// room for it, and direct I/O can use it as it is.
package buffer

import (
	"context"
	"fmt"
	"os"
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Buffer is one piece of memory: Headroom bytes, untouched and therefore
// without cost until somebody writes to them, and then Size bytes that begin
// at a page's edge.
type Buffer struct {
	mem  []byte // what is mapped
	head int    // where the data begin, at a huge page's begin
	size int    // of the data
}

// Data is the buffer without its headroom.
func (b *Buffer) Data() []byte { return b.mem[b.head : b.head+b.size] }

// From is the buffer from n bytes before the end of its headroom.
func (b *Buffer) From(n int) []byte { return b.mem[b.head-n : b.head+b.size] }

// hugePage is the size of the larger pages of most machines. Data begin at one:
// the kernel then finds the memory of a direct write in a few looks.
const hugePage = 2 << 20

// A Pool lends at most a fixed number of buffers. Its methods but Close may be
// called by many goroutines at once.
type Pool struct {
	headroom, size int
	free           chan *Buffer

	mu   sync.Mutex
	left int // buffers that may still be made
	made []*Buffer
}

// NewPool returns a pool of at most n buffers of size bytes after headroom
// bytes, both rounded up to whole pages. Memory is mapped when it is first
// needed, and never more than n × (headroom + size).
func NewPool(n, headroom, size int) *Pool {
	return &Pool{
		headroom: pages(headroom),
		size:     pages(size),
		free:     make(chan *Buffer, n),
		left:     n,
	}
}

// Get lends a buffer, and waits for one when all are lent.
func (p *Pool) Get(ctx context.Context) (*Buffer, error) {
	select {
	case b := <-p.free:
		return b, nil
	default:
	}
	if b, err := p.grow(); b != nil || err != nil {
		return b, err
	}
	select {
	case b := <-p.free:
		return b, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Put takes a buffer back.
func (p *Pool) Put(b *Buffer) { p.free <- b }

// Lent is how many buffers are lent at this moment.
func (p *Pool) Lent() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.made) - len(p.free)
}

// Close unmaps every buffer, those that are lent included.
func (p *Pool) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, b := range p.made {
		// Unmapping what was mapped cannot fail, and leaves nothing to do if it did.
		_ = unix.Munmap(b.mem)
	}
	p.made, p.left = nil, 0
}

// grow maps one more buffer; nil when there are enough.
func (p *Pool) grow() (*Buffer, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.left == 0 {
		return nil, nil //nolint:nilnil // Neither a buffer nor an error: the caller waits.
	}
	n := p.headroom + p.size + hugePage
	mem, err := unix.Mmap(-1, 0, n, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("cannot map %d bytes of memory: %w", n, err)
	}
	b := &Buffer{mem: mem, head: p.headroom, size: p.size}
	b.head += -int(uintptr(unsafe.Pointer(&mem[b.head]))) & (hugePage - 1) //nolint:gosec // The address is looked at, nothing is read through it.
	// A kernel without huge pages has what it needs already.
	_ = unix.Madvise(mem[b.head:b.head+p.size], unix.MADV_HUGEPAGE)
	p.left--
	p.made = append(p.made, b)
	return b, nil
}

func pages(n int) int {
	page := os.Getpagesize()
	return (n + page - 1) / page * page
}
