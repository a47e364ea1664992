// SPDX-License-Identifier: Apache-2.0

// Package checkpoint is the place of what lets a transfer go on after its
// process was killed. It holds its guarantee and no code yet; until it does, a
// killed transfer begins anew, and what it left is removed (endpoint/file).
//
// # Guarantee
//
// A checkpoint says which ranges of the disk are durable, the state of the
// checksum up to the same place in the source, and the validator to which the
// source's reads are pinned. It is written after the fsync that it speaks of,
// at most every few seconds or every GiB, beside the partial file, or, for a
// block device, into a progress line that the control plane hands to the next
// attempt. What a checkpoint calls durable is not fetched again, and the disk
// and its checksum are those of an undisturbed transfer.
//
// # Where it fits
//
// Package engine consumes the source in order, so one offset describes the
// pass: every unit before it is digested and placed. The checkpoint of a pass
// is that offset, the digests (which marshal), the layout's parked ranges, and
// a sync of the destination.
//
// # Not guaranteed
//
// A source whose validator has changed is read from its begin, and so is one
// that is compressed in a way that cannot be entered in the middle.
package checkpoint
