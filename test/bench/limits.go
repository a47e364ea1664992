// SPDX-License-Identifier: Apache-2.0

package main

import (
	"compress/flate"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"github.com/novasphere/provider-wukong/internal/mover/engine/buffer"
	"github.com/novasphere/provider-wukong/internal/mover/format/deflate"
	"github.com/novasphere/provider-wukong/internal/mover/zeros"
)

// limit is what the machine itself can do.
type limit struct {
	what  string
	speed float64 // bytes a second
}

// measureLimits measures what bounds every program here, each for about a
// second.
func measureLimits(ctx context.Context, o options) ([]limit, error) {
	write, err := directWrite(ctx, filepath.Join(o.dir, "limit.raw"))
	if err != nil {
		return nil, err
	}
	loop, err := loopback(ctx)
	if err != nil {
		return nil, err
	}
	clusters, err := sample(o.www("disk.raw"))
	if err != nil {
		return nil, err
	}
	unpack, err := inflate(clusters)
	if err != nil {
		return nil, err
	}
	all := []limit{
		{"direct writes of 4 MiB to this storage, made durable", write},
		{"SHA-256, one core", hash()},
		{"inflating clusters of 64 KiB of the disk, one core (our decoder; output)", unpack},
		{"TCP over loopback, one connection", loop},
	}
	packed, err := packers(ctx, o, clusters)
	if err != nil {
		return nil, err
	}
	sent, err := uploads(ctx, o)
	return append(append(all, packed...), sent...), err
}

const block = 4 << 20

// mostWritten bounds what directWrite writes: storage that takes everything into
// its cache would be given many GiB in a second.
const mostWritten = 2 << 30

// directWrite writes a file as fast as its storage makes it durable. The memory is
// of huge pages, as the mover's: from small ones a write is many requests.
func directWrite(ctx context.Context, path string) (float64, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|syscall.O_DIRECT, 0o600)
	if err != nil {
		return 0, fmt.Errorf("cannot open %s for direct writes: %w", path, err)
	}
	defer os.Remove(path)
	defer f.Close()
	pool := buffer.NewPool(1, 0, block)
	defer pool.Close()
	b, err := pool.Get(ctx)
	if err != nil {
		return 0, err
	}
	buf := b.Data()
	fillWithWords(buf)
	start, n := time.Now(), int64(0)
	for ; n < mostWritten && time.Since(start) < time.Second; n += block {
		if _, err := f.WriteAt(buf, n); err != nil {
			return 0, err
		}
	}
	if err := f.Sync(); err != nil {
		return 0, err
	}
	return perSecond(n, start), nil
}

// fillWithWords writes something that no storage takes for zeros.
func fillWithWords(p []byte) {
	for i := range len(p) / 8 {
		*(*uint64)(unsafe.Pointer(&p[i*8])) = uint64(i) * 0x9E3779B97F4A7C15
	}
}

func hash() float64 {
	buf, h := make([]byte, block), sha256.New()
	start, n := time.Now(), int64(0)
	for ; time.Since(start) < time.Second; n += block {
		h.Write(buf)
	}
	return perSecond(n, start)
}

const cluster = 64 << 10

// sample returns clusters from all over the disk, without the empty ones.
func sample(path string) ([][]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	const count = 1024
	var clusters [][]byte
	for i := range int64(count) {
		buf := make([]byte, cluster)
		if _, err := f.ReadAt(buf, info.Size()/count*i/cluster*cluster); err != nil {
			return nil, err
		}
		if !zeros.Only(buf) {
			clusters = append(clusters, buf)
		}
	}
	return clusters, nil
}

// inflate packs clusters and measures their unpacking.
func inflate(clusters [][]byte) (float64, error) {
	var packed [][]byte
	for _, c := range clusters {
		b := &strings.Builder{}
		z, err := flate.NewWriter(b, flate.DefaultCompression)
		if err != nil {
			return 0, err
		}
		if _, err := z.Write(c); err != nil {
			return 0, err
		}
		if err := z.Close(); err != nil {
			return 0, err
		}
		packed = append(packed, []byte(b.String()))
	}
	buf := make([]byte, cluster)
	d := deflate.Decoder{}
	start, n := time.Now(), int64(0)
	for time.Since(start) < time.Second {
		for _, p := range packed {
			if _, err := d.Decode(buf, p); err != nil {
				return 0, err
			}
			n += cluster
		}
	}
	return perSecond(n, start), nil
}

func loopback(ctx context.Context) (float64, error) {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return 0, err
	}
	defer l.Close()
	go func() {
		c, err := l.Accept()
		if err != nil {
			return
		}
		defer c.Close()
		for buf, start := make([]byte, block), time.Now(); time.Since(start) < time.Second; {
			if _, err := c.Write(buf); err != nil {
				return
			}
		}
	}()
	c, err := (&net.Dialer{}).DialContext(ctx, "tcp", l.Addr().String())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	start := time.Now()
	n, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{c}, make([]byte, 1<<20))
	return perSecond(n, start), err
}

func perSecond(n int64, start time.Time) float64 { return float64(n) / time.Since(start).Seconds() }
