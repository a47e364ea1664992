// SPDX-License-Identifier: Apache-2.0

package compressed

import (
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
	"github.com/therootcompany/xz"

	"github.com/novasphere/provider-wukong/internal/mover/format"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// maxWindow bounds the memory that a compressed file can ask for. It is the
// dictionary of `xz -9` and `zstd --long=26`; `zstd -19` uses 8 MiB.
const maxWindow = 64 << 20

// A Reader reads what is inside a compressed file. It is used by one goroutine
// at a time.
type Reader struct {
	kind   format.Compression
	src    source
	unpack io.Reader
	close  func()
}

// NewReader returns a reader of what is inside r, which is compressed as kind
// says. It reads from r in Read only, and starts no goroutine.
func NewReader(kind format.Compression, r io.Reader) (*Reader, error) {
	z := &Reader{kind: kind, src: source{r: r}, close: func() {}}
	switch kind {
	case format.Gzip:
		z.unpack = newGzip(&z.src)
	case format.Zstd:
		d, err := zstd.NewReader(&z.src, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxWindow))
		if err != nil {
			return nil, fmt.Errorf("cannot prepare zstd: %w", err)
		}
		z.unpack, z.close = d, d.Close
	case format.XZ:
		z.unpack = &xzReader{src: &z.src}
	default:
		return nil, fmt.Errorf("cannot unpack: %q is no compression", kind)
	}
	return z, nil
}

// Read implements io.Reader.
func (z *Reader) Read(p []byte) (int, error) {
	n, err := z.unpack.Read(p)
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if z.src.err != nil {
		return n, z.src.err
	}
	return n, z.classify(err)
}

// classify gives an error of the decoder its reason.
func (z *Reader) classify(err error) error {
	reason, advice := reasonOf(err), ""
	if reason == transfer.ReasonImageTooComplex {
		advice = fmt.Sprintf(": it wants more than %d MiB; compress it with `xz -9` or `zstd --long=26` at most", maxWindow>>20)
	}
	return transfer.Terminal(reason, fmt.Errorf("cannot unpack %s after %d bytes: %w%s", z.kind, z.src.n, err, advice))
}

// Close frees the decoder. The source is its owner's to close.
func (z *Reader) Close() error {
	z.close()
	return nil
}

// reasonOf classifies an error of a decoder.
func reasonOf(err error) transfer.Reason {
	switch {
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, xz.ErrBuf):
		return transfer.ReasonSourceTruncated
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded),
		errors.Is(err, xz.ErrMemlimit):
		return transfer.ReasonImageTooComplex
	case errors.Is(err, zstd.ErrUnknownDictionary), errors.Is(err, xz.ErrOptions), errors.Is(err, xz.ErrUnsupportedCheck):
		return transfer.ReasonFormatRefused
	}
	return transfer.ReasonImageCorrupt
}

// A source remembers its own errors, so that they are not taken for those of
// a decoder.
type source struct {
	r   io.Reader
	n   int64
	err error
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	s.n += int64(n)
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// An xzReader reads the stream header when it is first used: the library
// would read it when it is made.
type xzReader struct {
	src *source
	r   *xz.Reader
	err error
}

// Read implements io.Reader.
func (x *xzReader) Read(p []byte) (int, error) {
	if x.r == nil && x.err == nil {
		x.r, x.err = xz.NewReader(x.src, maxWindow)
	}
	if x.err != nil {
		return 0, x.err
	}
	return x.r.Read(p)
}
