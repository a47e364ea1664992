// SPDX-License-Identifier: Apache-2.0

package multipart

import (
	"fmt"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	mib = 1 << 20

	// MinPart is large enough that a request's own time does not count, and
	// what one copy of it in memory costs.
	MinPart = 16 * mib

	// maxPart bounds memory: whoever sends parts holds one for each
	// connection.
	maxPart = 127*mib + partMark

	// MaxParts is S3's.
	MaxParts = 10000

	// partMark makes the size of our parts one that nobody else's have.
	partMark = 4 << 10
)

// PartSize returns the size of the parts of an artifact of at most bound
// bytes. It depends on nothing else, so that every attempt cuts alike.
func PartSize(bound int64) (int64, error) {
	share := max(bound, 0) / MaxParts
	if share*MaxParts < bound {
		share++
	}
	size := max((share+mib-1)/mib*mib, MinPart) + partMark
	if size > maxPart {
		return 0, transfer.Terminal(transfer.ReasonTargetRefused, fmt.Errorf("an artifact of up to %d bytes is too large for one object: %d are possible in %d parts of %d", bound, int64(maxPart)*MaxParts, MaxParts, int64(maxPart)))
	}
	return size, nil
}

// unit returns the size of an upload's parts when it is one of ours: each part
// has it, but for the last, and it bears our mark.
func unit(parts map[int32]Listed) int64 {
	size, last := int64(0), int32(0)
	for n, p := range parts {
		size, last = max(size, p.Size), max(last, n)
	}
	if size%mib != partMark || size < MinPart {
		return 0
	}
	for n, p := range parts {
		if p.Size != size && n != last {
			return 0
		}
	}
	return size
}
