// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"context"
	"io"
)

// A Reader is a disk that is read at random. Its methods may be called by many
// goroutines at once.
type Reader interface {
	// Size of the disk in bytes.
	Size() int64

	// ReadAt fills p from offset off, or returns an error.
	ReadAt(ctx context.Context, p []byte, off int64) error

	// Data returns the first range at or after off that may hold anything but
	// zeros. It is empty when there is none.
	Data(ctx context.Context, off int64) (Extent, error)

	// Unchanged returns an error whose reason is
	// transfer.ReasonSourceChanged when the disk is seen to be another than
	// the one that was opened.
	Unchanged() error

	// Close ends all use of the disk.
	Close() error
}

// An Image is the bytes of which an artifact is made: a disk's own, or a file
// around them. It may be read by many goroutines at once.
type Image interface {
	// Size of the image in bytes.
	Size() int64

	// ReadAt fills p from offset off. Where all of these bytes are known to be
	// zeros it may leave p as it is and say so.
	ReadAt(ctx context.Context, p []byte, off int64) (zero bool, err error)
}

// A ZeroWriter is a Writer that can be told of zeros without seeing them.
type ZeroWriter interface {
	io.Writer

	// WriteZeros is Write of n zeros.
	WriteZeros(n int64) error
}

// A Packer makes an artifact of an image, unit by unit: encoders pack units in
// parallel, and the packer puts what they made in the order of the image. What
// it writes depends on the image alone, not on the number of encoders.
type Packer interface {
	// NewEncoder returns an encoder for one goroutine.
	NewEncoder() (Encoder, error)

	// Head is how many bytes at the artifact's begin are known last; Place
	// and Finish write what comes behind them.
	Head() int

	// Place writes what an encoder made of the next unit.
	Place(w io.Writer, p Packed) error

	// Finish writes what comes behind the last unit, and returns the head.
	Finish(w io.Writer) (head []byte, err error)
}

// An Encoder packs units of an image. It is used by one goroutine.
type Encoder interface {
	// Encode packs the unit p, which is as long as every unit but the last.
	// It may append to dst, which is empty and has room for a unit.
	Encode(dst, p []byte) (Packed, error)
}

// Packed is what an Encoder made of one unit.
type Packed struct {
	// Data of the artifact: a part of the encoder's dst, of the unit, or
	// memory of its own.
	Data []byte

	// Source is how many bytes the unit has.
	Source int

	// Marks tell the packer what the data are, in its own way.
	Marks []int32
}
