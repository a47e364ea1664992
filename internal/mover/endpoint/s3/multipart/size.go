// SPDX-License-Identifier: Apache-2.0

package multipart

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

	// MaxSize is the largest object that can be made, in bytes: 1.2 TiB.
	MaxSize = maxPart * MaxParts

	// partMark makes the size of our parts one that nobody else's have.
	partMark = 4 << 10
)

// PartSize returns the size of the parts of an artifact of at most bound
// bytes. It depends on nothing else, so that every attempt cuts alike. A bound
// above MaxSize gives the largest parts: what is packed may still fit.
func PartSize(bound int64) int64 {
	share := (min(max(bound, 0), MaxSize) + MaxParts - 1) / MaxParts
	return min(max((share+mib-1)/mib*mib, MinPart)+partMark, maxPart)
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
