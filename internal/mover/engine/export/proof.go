// SPDX-License-Identifier: Apache-2.0

package export

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"hash"
	"io"
	"sync"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Proof shows that an artifact that is read back is what was sent, where its
// head was known last, so that it has no digest of its own: it keeps the sum of
// each part. The zero value is ready.
type Proof struct {
	mu   sync.Mutex
	size int64 // of a part
	sums map[int64][sha256.Size]byte
}

// sent keeps a part's sum.
func (p *Proof) sent(data []byte, off, size int64) {
	sum := sha256.Sum256(data)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.sums == nil {
		p.sums = map[int64][sha256.Size]byte{}
	}
	p.size, p.sums[off] = size, sum
}

// Compare returns a writer that is given the artifact, from its begin to its
// end, and fails with transfer.ReasonChecksumMismatch at the first part that is
// another. Without a part that was kept it accepts everything. Close ends it.
func (p *Proof) Compare() io.WriteCloser { return &comparison{proof: p, part: sha256.New()} }

type comparison struct {
	proof *Proof
	part  hash.Hash
	off   int64 // of the part
	n     int64 // bytes of it
}

// Write implements io.Writer.
func (c *comparison) Write(b []byte) (int, error) {
	n := len(b)
	if c.proof.sums == nil {
		return n, nil
	}
	for len(b) > 0 {
		m := min(int64(len(b)), c.proof.size-c.n)
		_, _ = c.part.Write(b[:m]) // A hash never fails.
		b, c.n = b[m:], c.n+m
		if c.n < c.proof.size {
			break
		}
		if err := c.Close(); err != nil {
			return 0, err
		}
	}
	return n, nil
}

var errOtherPart = errors.New("cannot trust the artifact: what its place gives is not what was sent")

// Close compares the last part.
func (c *comparison) Close() error {
	if c.n == 0 {
		return nil
	}
	want, got := c.proof.sums[c.off], c.part.Sum(nil)
	if !bytes.Equal(want[:], got) {
		return transfer.Terminal(transfer.ReasonChecksumMismatch, errOtherPart)
	}
	c.part.Reset()
	c.off, c.n = c.off+c.n, 0
	return nil
}
