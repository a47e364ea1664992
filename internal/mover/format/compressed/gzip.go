// SPDX-License-Identifier: Apache-2.0

package compressed

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/novasphere/provider-wukong/internal/mover/format/deflate"
)

var (
	// errTrailing is what a gzip file ends with that is neither a member nor
	// padding.
	errTrailing = errors.New("it is followed by something else")
	errHeader   = errors.New("the header of a gzip member is damaged")
	errChecksum = errors.New("the content of a gzip member does not match its checksum")
)

// The header of a member (RFC 1952 section 2.3).
const (
	memberHead = 10
	memberTail = 8

	hasHeadSum = 1 << 1
	hasExtra   = 1 << 2
	hasName    = 1 << 3
	hasComment = 1 << 4
	reserved   = 0xe0

	// maxText bounds a name or a comment; gzip itself writes file names.
	maxText = 64 << 10
)

// A gzipReader reads the members of a gzip file one after the other (RFC 1952
// section 2.2). Zeros behind the last one are padding, as gzip itself takes
// them.
type gzipReader struct {
	r      *deflate.Reader
	some   bool // a member was read
	member bool // one is being read
	sum    uint32
	size   uint32 // modulo 4 GiB
	err    error
}

func newGzip(src io.Reader) *gzipReader {
	return &gzipReader{r: deflate.NewReader(src)}
}

// Read implements io.Reader.
func (g *gzipReader) Read(p []byte) (int, error) {
	for g.err == nil {
		if !g.member {
			g.err = g.next()
			continue
		}
		n, err := g.r.Read(p)
		g.sum = crc32.Update(g.sum, crc32.IEEETable, p[:n])
		g.size += uint32(n)
		switch {
		case errors.Is(err, io.EOF):
			g.member = false
			g.err = g.end()
		default:
			g.err = err
		}
		if n > 0 {
			return n, nil
		}
	}
	return 0, g.err
}

// next begins the next member; io.EOF says that there is none.
func (g *gzipReader) next() error {
	for {
		head, err := g.r.Peek(1)
		switch {
		case errors.Is(err, io.EOF) && !g.some:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		case head[0] == 0x1f:
			return g.begin()
		case head[0] != 0 || !g.some:
			return errTrailing
		}
		if _, err := g.r.Next(1); err != nil {
			return err
		}
	}
}

// begin reads the header of a member.
func (g *gzipReader) begin() error {
	head, err := g.take(memberHead)
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(head, []byte{0x1f, 0x8b, 8}) {
		return errTrailing
	}
	if head[3]&reserved != 0 {
		return errHeader
	}
	sum, flags := crc32.ChecksumIEEE(head), head[3]
	if flags&hasExtra != 0 {
		if sum, err = g.skipExtra(sum); err != nil {
			return err
		}
	}
	for _, text := range []byte{hasName, hasComment} {
		if flags&text != 0 {
			if sum, err = g.skipText(sum); err != nil {
				return err
			}
		}
	}
	if flags&hasHeadSum != 0 {
		b, err := g.take(2)
		if err != nil {
			return err
		}
		if uint32(binary.LittleEndian.Uint16(b)) != sum&0xffff { // The lower half (RFC 1952 section 2.3.1).
			return errHeader
		}
	}
	g.r.Begin()
	g.some, g.member, g.sum, g.size = true, true, 0, 0
	return nil
}

// take returns the next n bytes, which must be there.
func (g *gzipReader) take(n int) ([]byte, error) {
	b, err := g.r.Next(n)
	if errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF
	}
	return b, err
}

// skipExtra skips the extra field, and adds it to the header's checksum.
func (g *gzipReader) skipExtra(sum uint32) (uint32, error) {
	b, err := g.take(2)
	if err != nil {
		return 0, err
	}
	sum = crc32.Update(sum, crc32.IEEETable, b)
	for left := int(binary.LittleEndian.Uint16(b)); left > 0; {
		b, err := g.take(min(left, 1024))
		if err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, crc32.IEEETable, b)
		left -= len(b)
	}
	return sum, nil
}

// skipText skips a name or a comment, which ends with a zero.
func (g *gzipReader) skipText(sum uint32) (uint32, error) {
	for range maxText {
		b, err := g.take(1)
		if err != nil {
			return 0, err
		}
		sum = crc32.Update(sum, crc32.IEEETable, b)
		if b[0] == 0 {
			return sum, nil
		}
	}
	return 0, errHeader
}

// end compares a member with its checksum and its size.
func (g *gzipReader) end() error {
	b, err := g.take(memberTail)
	if err != nil {
		return err
	}
	if binary.LittleEndian.Uint32(b) != g.sum || binary.LittleEndian.Uint32(b[4:]) != g.size {
		return errChecksum
	}
	return nil
}
