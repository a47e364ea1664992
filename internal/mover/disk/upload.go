// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"context"
	"io"
)

// An Upload is one file that is made at an endpoint, in parts. Nothing of it
// stands under its final name before Commit has returned, and what stood there
// stays until then.
type Upload interface {
	// Parts says how the file has to be cut.
	Parts() Parts

	// Put brings the part that begins at offset off: Parts().Size bytes, or
	// fewer when it is the last one. p is the caller's again when Put
	// returns. It reports whether those very bytes were there already, from
	// an attempt before, and were not sent. Unless Parts().Ordered, many
	// goroutines may call it at once, and parts come in any order, but for the
	// last one: it comes when all others have, and may wait for one of them to
	// be there.
	Put(ctx context.Context, p []byte, off int64) (reused bool, err error)

	// Commit checks what has arrived against the sum, gives the file its
	// final name, and ends the upload.
	Commit(ctx context.Context, s Sum) (Placed, error)

	// Abort ends the upload without a file. With keep, what has arrived
	// stays where another attempt finds it, if the endpoint can do so;
	// without, it is removed.
	Abort(ctx context.Context, keep bool) error
}

// Parts says how an Upload is cut.
type Parts struct {
	// Size of each part but the last, in bytes.
	Size int64

	// Ordered parts come one at a time, in the order of their offsets: the
	// first one cannot be made last.
	Ordered bool
}

// A Sum is what is known of a file when all its parts were put.
type Sum struct {
	Size int64

	// SHA256 of the file. Zero: it is not known, because the first bytes of
	// the file were known last, and nothing could read it again.
	SHA256 [32]byte

	// DiffID is the SHA-256 of what the file holds when it is decompressed,
	// which an image's configuration names (OCI image specification, "Layer
	// DiffID"). Zero unless the file is a layer.
	DiffID [32]byte
}

// A Streamer is an Upload that takes its file as one stream: its parts are
// read from r, and Put is not called.
type Streamer interface {
	Upload

	// Stream brings the whole file from r, size bytes of it or as many as
	// come where size is Unknown. An error of r is returned as it is. After a
	// retryable error it may be called again, with a reader of the whole
	// file.
	Stream(ctx context.Context, r io.Reader, size int64) error
}

// A Rereader is an Upload whose parts can be read again before Commit.
type Rereader interface {
	Upload

	// ReadAt fills p with the file's bytes from offset off.
	ReadAt(ctx context.Context, p []byte, off int64) error
}

// Placed is what an endpoint says of a file that it has taken.
type Placed struct {
	// URI of the file. It holds no secret.
	URI string

	// Digest of the file that the endpoint made on the way or was told by its
	// store, "algorithm:…"; "" when it has none.
	Digest string

	// Validator is the endpoint's own name for this version of the file (an
	// ETag, a digest); VersionID is the version, where it keeps versions.
	Validator, VersionID string
}
