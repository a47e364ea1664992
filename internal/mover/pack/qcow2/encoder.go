// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	klauspost "github.com/klauspost/compress/zstd"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/pack/deflate"
	"github.com/novasphere/provider-wukong/internal/mover/pack/zstd"
	"github.com/novasphere/provider-wukong/internal/mover/zeros"
)

// window is that of QEMU's deflate streams: windowBits is -12 there.
const window = 4 << 10

// NewEncoder implements disk.Packer.
func (c *Compressed) NewEncoder() (disk.Encoder, error) {
	e := &encoder{tail: make([]byte, clusterSize)}
	var err error
	if c.zstd {
		e.squeeze, err = zstdSqueezer(c.level)
	} else {
		e.squeeze, err = deflateSqueezer(c.level)
	}
	if err != nil {
		return nil, fmt.Errorf("cannot make an encoder: %w", err)
	}
	return e, nil
}

// A squeezer appends what it makes of a cluster to dst; nothing if that would
// not be smaller.
type squeezer func(dst, cluster []byte) ([]byte, error)

// zstdSqueezer makes one frame of each cluster, without a checksum, as QEMU
// does: for speed, or as small as a level makes it.
func zstdSqueezer(level int) (squeezer, error) {
	if level <= 1 {
		e := zstd.NewEncoder()
		return func(dst, cluster []byte) ([]byte, error) {
			dst, _ = e.AppendSmaller(dst, cluster, clusterSize-sector)
			return dst, nil
		}, nil
	}
	z, err := klauspost.NewWriter(nil, klauspost.WithEncoderLevel(klauspost.EncoderLevelFromZstd(level)),
		klauspost.WithEncoderConcurrency(1), klauspost.WithEncoderCRC(false), klauspost.WithWindowSize(clusterSize))
	if err != nil {
		return nil, err
	}
	return func(dst, cluster []byte) ([]byte, error) { return z.EncodeAll(cluster, dst), nil }, nil
}

// deflateSqueezer makes one raw deflate stream of each cluster. The library
// knows one way with a small window, whatever the level.
func deflateSqueezer(level int) (squeezer, error) {
	if level <= 1 {
		e := deflate.NewEncoder(window)
		return func(dst, cluster []byte) ([]byte, error) { return e.Append(dst, cluster), nil }, nil
	}
	z, err := flate.NewWriterWindow(io.Discard, window)
	if err != nil {
		return nil, err
	}
	return func(dst, cluster []byte) ([]byte, error) {
		out := appender{dst}
		z.Reset(&out)
		if _, err := z.Write(cluster); err != nil {
			return nil, err
		}
		return out.b, z.Close()
	}, nil
}

// appender is a slice that is written to.
type appender struct{ b []byte }

func (a *appender) Write(p []byte) (int, error) {
	a.b = append(a.b, p...)
	return len(p), nil
}

type encoder struct {
	squeeze squeezer
	tail    []byte // the disk's last cluster, filled up
}

// Encode implements disk.Encoder. The marks are those of the unit's clusters.
func (e *encoder) Encode(dst, p []byte) (disk.Packed, error) {
	n := len(p)
	marks := make([]int32, ceil(int64(n), clusterSize))
	if zeros.Only(p) {
		return disk.Packed{Source: n, Marks: marks}, nil
	}
	for i := range marks {
		cluster := e.cluster(p, i)
		if zeros.Only(cluster) {
			continue
		}
		out, err := e.squeeze(dst, cluster)
		if err != nil {
			return disk.Packed{}, fmt.Errorf("cannot compress a cluster: %w", err)
		}
		n := len(out) - len(dst)
		if n == 0 || n > clusterSize-sector {
			marks[i] = plainMark
			continue
		}
		marks[i] = int32(n)
		dst = out
	}
	for i, mark := range marks {
		if mark == plainMark {
			dst = append(dst, e.cluster(p, i)...)
		}
	}
	return disk.Packed{Data: dst, Source: n, Marks: marks}, nil
}

// cluster is cluster i of a unit. The disk's last one is filled up with zeros.
func (e *encoder) cluster(p []byte, i int) []byte {
	p = p[i*clusterSize:]
	if len(p) >= clusterSize {
		return p[:clusterSize]
	}
	clear(e.tail[copy(e.tail, p):])
	return e.tail
}
