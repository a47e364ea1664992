// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"context"
	"fmt"
	"io"
)

// Unknown is the size of a File whose server does not tell.
const Unknown = -1

// Stat is what is known of a file before its bytes are read.
type Stat struct {
	// Name of the file in messages. It holds no secret.
	Name string

	// Size in bytes, or Unknown.
	Size int64

	// Validator that every read is pinned to (an ETag, a version, a
	// digest); empty when the endpoint has none.
	Validator string

	// Ranged says that reads may start anywhere. Otherwise a read that
	// does not start at 0 costs all the bytes before it.
	Ranged bool

	// ContentType as the server gave it; empty when unknown.
	ContentType string
}

// A File is the bytes of one image at an endpoint, pinned to one version of
// it. Its methods may be called by many goroutines at once.
type File interface {
	// Stat returns what was learned when the file was opened.
	Stat() Stat

	// Open returns a reader of the n bytes from offset off; of all bytes to
	// the end when n is negative. The reader gives exactly n bytes or an
	// error: an end that comes early is io.ErrUnexpectedEOF, never io.EOF.
	// A file that has changed since it was opened is an error whose reason
	// is transfer.ReasonSourceChanged.
	Open(ctx context.Context, off, n int64) (io.ReadCloser, error)

	// Close frees connections. Readers that are open become invalid.
	Close() error
}

// ReadAt fills p with the bytes of f from offset off, or returns an error.
func ReadAt(ctx context.Context, f File, p []byte, off int64) error {
	r, err := f.Open(ctx, off, int64(len(p)))
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // Closing a reader loses nothing.
	if _, err := io.ReadFull(r, p); err != nil {
		return fmt.Errorf("cannot read %d bytes at %d: %w", len(p), off, err)
	}
	return nil
}

// A Piece is a run of bytes of an image file and the place on the disk where
// what they hold belongs.
type Piece struct {
	// FileOffset and FileLength are where the bytes stand in the file. A
	// compressed piece may need fewer bytes than FileLength: qcow2 rounds it
	// up to sectors.
	FileOffset, FileLength int64

	// DiskOffset and DiskLength are where they belong. DiskLength is
	// FileLength unless the piece is compressed. A piece may reach beyond
	// the virtual size, where it is cut.
	DiskOffset, DiskLength int64

	// Compressed pieces are decoded by the layout's Decoder.
	Compressed bool
}

// A Layout says where the parts of an image file belong on the disk. What no
// piece covers is zero.
type Layout interface {
	// VirtualSize is the size of the disk in bytes.
	VirtualSize() int64

	// Pieces returns what the file's range [off, off+n) holds, in the order
	// of FileOffset: plain pieces cut to the range, and compressed pieces
	// that begin in the range, which may reach beyond it. It is called with
	// ranges that ascend and touch; the slice is valid until the next call.
	Pieces(ctx context.Context, off, n int64) ([]Piece, error)

	// NewDecoder returns a decoder of compressed pieces for one worker;
	// nil when the format has none.
	NewDecoder() Decoder
}

// A Decoder decodes compressed pieces. It is used by one goroutine at a time.
type Decoder interface {
	// Decode decodes src into all of dst; less or more data than dst holds
	// is an error whose reason is transfer.ReasonImageCorrupt.
	Decode(dst, src []byte) error
}

// A Learner is a Layout that learns its tables from the bytes as they pass,
// because the file cannot be read at random.
type Learner interface {
	Layout

	// Learn is given every byte of the file, in order, each range before
	// Pieces is called for it. VirtualSize is known as soon as the first
	// call that holds the image's header has returned.
	Learn(p []byte, off int64) error

	// Parked returns the ranges of the file, within the last range given to
	// Learn, that a table which has not come yet may name: the caller keeps
	// their bytes until the end. The slice is valid until the next call.
	Parked() []Extent

	// Late returns, when the whole file has passed, the pieces that Pieces
	// did not return, in the order of FileOffset. Each lies within what
	// Parked returned, possibly across ranges that touch.
	Late(ctx context.Context) ([]Piece, error)
}

// An Extent is a range of bytes.
type Extent struct{ Offset, Length int64 }

// End is the offset of the first byte after the extent.
func (e Extent) End() int64 { return e.Offset + e.Length }

// A Writer is a disk that is filled. WriteAt may be called by many goroutines
// at once on ranges that do not overlap.
type Writer interface {
	// Size of the disk in bytes.
	Size() int64

	// WriteAt writes all of p at offset off, or returns an error.
	WriteAt(ctx context.Context, p []byte, off int64) error

	// Sync makes all that was written durable.
	Sync(ctx context.Context) error
}

// An Aligner is a Writer that is fastest, or only works, with writes whose
// offset, length and memory address are multiples of Alignment. Other writes
// are allowed where no aligned write shares a block with them.
type Aligner interface {
	Alignment() int
}

// A Zeroer is a Writer that may hold old data: what is not written must be
// zeroed. A Writer that is none reads as zeros where nothing was written.
type Zeroer interface {
	Zero(ctx context.Context, e Extent) error
}
