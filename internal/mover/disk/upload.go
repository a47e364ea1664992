// SPDX-License-Identifier: Apache-2.0

package disk

import "context"

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
	// goroutines may call it at once, and parts come in any order.
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
	Size   int64
	SHA256 [32]byte
}

// Placed is what an endpoint says of a file that it has taken.
type Placed struct {
	// URI of the file. It holds no secret.
	URI string

	// Validator is the endpoint's own name for this version of the file (an
	// ETag, a digest); VersionID is the version, where it keeps versions.
	Validator, VersionID string
}
