// SPDX-License-Identifier: Apache-2.0

package retry

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A proof shows that a file without ranges and without a validator is still
// the one that was begun. Such a file has to be read from the start to go on
// where it broke; the bytes that were delivered are hashed when they are
// delivered and when they come again, and must be the same. What follows then
// belongs to a file that begins with every byte delivered so far, so that the
// whole is one version of it, even if that is not the one that was opened.
type proof struct {
	begin     int64 // offset of the first byte
	length    int64 // bytes delivered
	delivered hash.Hash
}

func newProof(begin int64) *proof { return &proof{begin: begin, delivered: sha256.New()} }

func (p *proof) deliver(b []byte) {
	p.length += int64(len(b))
	_, _ = p.delivered.Write(b) // A hash never fails.
}

// repeat reads what was delivered once more. Other bytes are
// transfer.ReasonSourceChanged.
func (p *proof) repeat(r io.Reader) error {
	again := sha256.New()
	if _, err := io.CopyN(again, r, p.length); err == io.EOF { //nolint:errorlint // Readers return io.EOF itself.
		return cut(p.begin)
	} else if err != nil {
		return fmt.Errorf("cannot read again what was read before: %w", err)
	}
	if !bytes.Equal(again.Sum(nil), p.delivered.Sum(nil)) {
		return transfer.Terminal(transfer.ReasonSourceChanged, errOtherBytes)
	}
	return nil
}
