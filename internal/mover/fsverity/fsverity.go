// SPDX-License-Identifier: Apache-2.0

// Package fsverity sums up a disk as Linux's fs-verity does: by a tree of
// SHA-256s. A hole costs next to nothing: all of its blocks have one sum, and so
// have all blocks of the tree above them.
//
// Source: https://docs.kernel.org/filesystems/fsverity.html, sections "Merkle
// tree" and "fs-verity descriptor". `fsverity digest` of fsverity-utils computes
// the same of any file.
package fsverity

import (
	"crypto/sha256"
	"encoding/binary"
	"fmt"

	"github.com/novasphere/provider-wukong/internal/mover/sha256pair"
	"github.com/novasphere/provider-wukong/internal/mover/zeros"
)

const (
	// blockSize is that of the disk's blocks and of the tree's: the one that
	// every kernel can do, and the default of fsverity-utils.
	blockSize, logBlockSize = 4096, 12

	// arity is how many sums a block of the tree has.
	arity = blockSize / sha256.Size

	// height of the tree of the largest disk, with the disk's own blocks:
	// 2^63 bytes are 2^51 blocks, and each level has a 2^7th of them.
	height = 10

	descriptorSize       = 256
	descriptorVersion    = 1
	algorithmSHA256      = 1
	descriptorSizeOffset = 8
	descriptorRootOffset = 16
)

// A Digest sums up what is written to it. It is a disk.ZeroWriter.
type Digest struct {
	size   int64
	levels [height]level

	// zeros are the sums of blocks under which there are only zeros, by level.
	zeros [height][sha256.Size]byte
}

// A level of the tree; the first one is the disk.
type level struct {
	block  [blockSize]byte // that is not full
	filled int             // bytes of it
	last   [sha256.Size]byte
}

// New returns the digest of nothing.
func New() *Digest {
	d := &Digest{}
	var block [blockSize]byte
	for l := range d.zeros {
		d.zeros[l] = sha256.Sum256(block[:])
		for i := range arity {
			copy(block[i*sha256.Size:], d.zeros[l][:])
		}
	}
	return d
}

// Write implements io.Writer. It never fails.
func (d *Digest) Write(p []byte) (int, error) {
	n := len(p)
	d.size += int64(n)
	for disk := &d.levels[0]; len(p) > 0; {
		if disk.filled == 0 && len(p) >= blockSize {
			p = p[d.blocks(p):]
			continue
		}
		m := copy(disk.block[disk.filled:], p)
		disk.filled += m
		p = p[m:]
		if disk.filled == blockSize {
			disk.filled = 0
			d.blocks(disk.block[:])
		}
	}
	return n, nil
}

// WriteZeros is Write of n zeros. It never fails.
func (d *Digest) WriteZeros(n int64) error {
	var none [blockSize]byte
	if over := int64(d.levels[0].filled); over > 0 {
		m := min(n, blockSize-over)
		_, _ = d.Write(none[:m])
		n -= m
	}
	for n >= blockSize {
		l, span := d.widest(n)
		d.size += span
		d.done(l, d.zeros[l])
		n -= span
	}
	_, _ = d.Write(none[:n])
	return nil
}

// widest returns the highest level of which a whole block of zeros comes next,
// n bytes of them at most, and how many bytes of the disk are under it.
func (d *Digest) widest(n int64) (l int, span int64) {
	span = blockSize
	for l+1 < height-1 && d.levels[l+1].filled == 0 && span <= n/arity {
		l, span = l+1, span*arity
	}
	return l, span
}

// blocks takes the next block of the disk at p, or the next two, and returns how
// many bytes those are.
func (d *Digest) blocks(p []byte) int {
	first := p[:blockSize]
	if zeros.Only(first) {
		d.done(0, d.zeros[0])
		return blockSize
	}
	if len(p) >= 2*blockSize {
		if second := p[blockSize : 2*blockSize]; !zeros.Only(second) {
			x, y := sha256pair.Sum(first, second)
			d.done(0, x)
			d.done(0, y)
			return 2 * blockSize
		}
	}
	d.done(0, sha256.Sum256(first))
	return blockSize
}

// done takes the sum of the next block of a level, and hands on what that fills.
func (d *Digest) done(l int, sum [sha256.Size]byte) {
	for {
		d.levels[l].last = sum
		l++
		above := &d.levels[l]
		above.filled += copy(above.block[above.filled:], sum[:])
		if above.filled < blockSize {
			return
		}
		above.filled = 0
		sum = sha256.Sum256(above.block[:])
	}
}

// String is the digest as this project writes it, "fsverity:sha256:" and the
// digest in hexadecimal. More can be written after it.
func (d *Digest) String() string {
	var descriptor [descriptorSize]byte
	descriptor[0], descriptor[1], descriptor[2] = descriptorVersion, algorithmSHA256, logBlockSize
	binary.LittleEndian.PutUint64(descriptor[descriptorSizeOffset:], uint64(d.size))
	root := d.root()
	copy(descriptor[descriptorRootOffset:], root[:])
	return fmt.Sprintf("fsverity:sha256:%x", sha256.Sum256(descriptor[:]))
}

// root is the sum of the one block of the highest level. That of an empty disk is
// zero.
func (d *Digest) root() (sum [sha256.Size]byte) {
	if d.size == 0 {
		return sum
	}
	end, top := *d, d.top()
	for l := range top + 1 {
		this := &end.levels[l]
		if this.filled > 0 {
			clear(this.block[this.filled:])
			this.filled = 0
			end.done(l, sha256.Sum256(this.block[:]))
		}
	}
	return end.levels[top].last
}

// top is the level that has one block.
func (d *Digest) top() (l int) {
	for blocks := (d.size-1)/blockSize + 1; blocks > 1; blocks = (blocks-1)/arity + 1 {
		l++
	}
	return l
}
