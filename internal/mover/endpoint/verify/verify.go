// SPDX-License-Identifier: Apache-2.0

// Package verify compares a file's bytes with the checksum that was asked for.
package verify

import (
	"bytes"
	"crypto/md5"  //nolint:gosec // Publishers still give MD5 sums; it is compared because it was asked for.
	"crypto/sha1" //nolint:gosec // The same.
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"hash"

	"github.com/novasphere/provider-wukong/internal/mover/crc64nvme"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// digestAlgorithm is the one whose sum is always made: it names the file in
// the result.
const digestAlgorithm = "sha256"

// A Sum hashes a file's bytes, which are written to it in order, as they were
// served. It is used by one goroutine at a time.
type Sum struct {
	digest    hash.Hash
	algorithm string
	expected  []byte    // nil when no checksum was asked for
	other     hash.Hash // nil unless another algorithm than digest's was
}

// New returns a Sum that expects a checksum as transfer.ParseChecksum reads
// it; an empty one expects nothing. The error is terminal.
func New(checksum string) (*Sum, error) {
	s := &Sum{digest: sha256.New()}
	if checksum == "" {
		return s, nil
	}
	algorithm, expected, err := transfer.ParseChecksum(checksum)
	if err != nil {
		return nil, transfer.Terminal(transfer.ReasonInvalidJob, err)
	}
	s.algorithm, s.expected = algorithm, expected
	switch algorithm {
	case "sha512":
		s.other = sha512.New()
	case "sha1":
		s.other = sha1.New() //nolint:gosec // It was asked for.
	case "md5":
		s.other = md5.New() //nolint:gosec // It was asked for.
	case transfer.ChecksumCRC64NVME:
		s.other = crc64nvme.New()
	}
	return s, nil
}

// Hashes returns the hashes that want every byte: one, or two that may be
// written to by a goroutine each.
func (s *Sum) Hashes() []hash.Hash {
	if s.other == nil {
		return []hash.Hash{s.digest}
	}
	return []hash.Hash{s.digest, s.other}
}

// Write implements io.Writer. It never fails.
func (s *Sum) Write(p []byte) (int, error) {
	for _, h := range s.Hashes() {
		_, _ = h.Write(p) // A hash never fails.
	}
	return len(p), nil
}

// Digest is the SHA-256 sum of what was written, "sha256:…".
func (s *Sum) Digest() string {
	return digestAlgorithm + ":" + hex.EncodeToString(s.digest.Sum(nil))
}

// Checksum is the checksum that was asked for, in its canonical form; empty
// when none was.
func (s *Sum) Checksum() string {
	if s.expected == nil {
		return ""
	}
	return s.algorithm + ":" + hex.EncodeToString(s.expected)
}

// Check returns an error whose reason is transfer.ReasonChecksumMismatch
// unless what was written has the checksum that was asked for.
func (s *Sum) Check() error {
	if s.expected == nil {
		return nil
	}
	h := s.digest
	if s.other != nil {
		h = s.other
	}
	actual := h.Sum(nil)
	if bytes.Equal(actual, s.expected) {
		return nil
	}
	return transfer.Terminal(transfer.ReasonChecksumMismatch, fmt.Errorf(
		"cannot verify source: expected %s, its bytes have %s:%x", s.Checksum(), s.algorithm, actual))
}
