// SPDX-License-Identifier: Apache-2.0

package compressed

import (
	"bufio"
	"errors"
	"io"

	"github.com/klauspost/compress/gzip"
)

// errTrailing is what a gzip file ends with that is neither a member nor
// padding.
var errTrailing = errors.New("it is followed by something else")

// A gzipReader reads the members of a gzip file one after the other (RFC 1952
// § 2.2). Zeros behind the last one are padding, as gzip itself takes them.
type gzipReader struct {
	src    *bufio.Reader
	r      *gzip.Reader
	member bool // one is being read
}

func newGzip(src io.Reader) *gzipReader {
	return &gzipReader{src: bufio.NewReaderSize(src, 64<<10)}
}

// Read implements io.Reader.
func (g *gzipReader) Read(p []byte) (int, error) {
	for {
		if !g.member {
			if err := g.next(); err != nil {
				return 0, err
			}
		}
		n, err := g.r.Read(p)
		if !errors.Is(err, io.EOF) {
			return n, err
		}
		g.member = false
		if n > 0 {
			return n, nil
		}
	}
}

// next begins the next member; io.EOF says that there is none.
func (g *gzipReader) next() error {
	if g.r == nil {
		return g.begin()
	}
	for {
		b, err := g.src.ReadByte()
		switch {
		case err != nil:
			return err
		case b == 0x1f:
			if err := g.src.UnreadByte(); err != nil {
				return err
			}
			return g.begin()
		case b != 0:
			return errTrailing
		}
	}
}

func (g *gzipReader) begin() error {
	var err error
	if g.r == nil {
		g.r, err = gzip.NewReader(g.src)
	} else {
		err = g.r.Reset(g.src)
	}
	switch {
	case errors.Is(err, io.EOF):
		return io.ErrUnexpectedEOF
	case errors.Is(err, gzip.ErrHeader):
		return errTrailing
	case err != nil:
		return err
	}
	g.r.Multistream(false)
	g.member = true
	return nil
}
