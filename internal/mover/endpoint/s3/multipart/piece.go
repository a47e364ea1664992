// SPDX-License-Identifier: Apache-2.0

package multipart

import (
	"crypto/md5" //nolint:gosec // S3's own checksum, to notice damage.
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"

	"github.com/novasphere/provider-wukong/internal/mover/crc64nvme"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
)

// A Piece is the bytes of a part, which stay the caller's, with their sums. MD5
// and SHA-256 are made only when they are needed, and once.
type Piece struct {
	data   []byte
	crc    uint64
	md5    func() [md5.Size]byte
	sha256 func() [sha256.Size]byte
}

// NewPiece returns the piece of some bytes.
func NewPiece(p []byte) *Piece {
	return &Piece{
		data: p,
		crc:  crc64nvme.Checksum(p),
		md5: sync.OnceValue(func() [md5.Size]byte {
			return md5.Sum(p) //nolint:gosec // S3's own checksum, to notice damage.
		}),
		sha256: sync.OnceValue(func() [sha256.Size]byte { return sha256.Sum256(p) }),
	}
}

// Size in bytes.
func (p *Piece) Size() int64 { return int64(len(p.data)) }

func (p *Piece) contentMD5() string {
	sum := p.md5()
	return store.Encode(sum[:])
}

// payloadHash is what a signature that covers the bytes is made of.
func (p *Piece) payloadHash() string {
	sum := p.sha256()
	return hex.EncodeToString(sum[:])
}

// hasTag reports whether a tag is the bytes' MD5.
func (p *Piece) hasTag(tag string) bool {
	sum := p.md5()
	return BareTag(tag) == hex.EncodeToString(sum[:])
}

// Is returns the piece as the part that a store lists, if it is that one: by
// its CRC, or where the store tells none by its MD5.
func (p *Piece) Is(l Listed) (Part, bool) {
	part := Part{Size: p.Size(), CRC: p.crc, Tag: l.Tag}
	switch {
	case l.Size != p.Size():
		return Part{}, false
	case l.CRC != "":
		return part, l.CRC == crc64nvme.Encode(p.crc)
	case !IsMD5(l.Tag):
		return Part{}, false
	}
	part.Hashed = p.hasTag(l.Tag)
	return part, part.Hashed
}

// BareTag is an ETag without its quotes, in lower case.
func BareTag(tag string) string { return strings.ToLower(strings.Trim(tag, `"`)) }

// IsMD5 reports whether an ETag looks like an MD5.
func IsMD5(tag string) bool {
	sum, err := hex.DecodeString(BareTag(tag))
	return err == nil && len(sum) == md5.Size
}

// TagOf is the tag that S3 gives to an object that is made of all parts from the
// first to the last: the MD5 of their tags, and their number. It is "" when a
// part's tag is no MD5.
func TagOf(parts map[int32]Part) string {
	h := md5.New() //nolint:gosec // S3's own checksum, to notice damage.
	for n := range int32(len(parts)) {
		tag, err := hex.DecodeString(BareTag(parts[n+1].Tag))
		if err != nil || len(tag) != md5.Size {
			return ""
		}
		_, _ = h.Write(tag) // A hash never fails.
	}
	return fmt.Sprintf("%x-%d", h.Sum(nil), len(parts))
}
