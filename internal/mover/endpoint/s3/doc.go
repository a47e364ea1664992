// SPDX-License-Identifier: Apache-2.0

// Package s3 is the endpoint of objects in S3 stores, as sources and as
// targets.
//
// # Reading
//
// A source is pinned by its entity tag, which every ranged GET carries as
// If-Match, and by its version where the bucket keeps versions. An object that
// is replaced meanwhile answers 412: transfer.ReasonSourceChanged.
//
// # Writing, and what is there already
//
// An artifact is a multipart upload of our own, in parts of one size that come
// in any order; one that fits the smallest part is a single PutObject when it
// is committed. The store is the only journal: when an upload begins, the open
// ones of the same key are listed with their parts, and a part whose size and
// CRC64NVME are those of a listed one is not sent again; its MD5 is compared
// where the list tells no CRC. That needs
// nothing of this process to survive, and it cannot be wrong: a part of a
// source that has changed differs, and replaces what was there.
//
// S3 keeps nothing of ours with an open upload. What tells our uploads from
// those of others is the size of their parts: a whole number of MiB and
// partMark, which no other client chooses. Of them the newest with today's part
// size is continued, and the others are ended at Commit.
//
// # Committing
//
// What stood under the key when the upload began must still stand there: the
// request that gives the artifact its name is conditional (If-None-Match: * or
// If-Match), and for stores that ignore or refuse conditions the object is also
// looked at just before. An answer that was lost is found out by looking once
// more: an object with our size and our CRC64NVME, or where none is told our
// entity tag, is ours. A store that knows the CRC compares it with what was
// computed here before it gives the name; what it shows then is looked at again,
// by size, CRC64NVME and entity tag (MD5 of the parts' MD5s, and their number),
// as far as it tells them.
//
// Two writers that share an upload cannot mix: the last request names the tag of
// each part, so that the one whose part was replaced is told so.
//
// # Not guaranteed
//
// On a store without conditional requests a writer that replaces the object
// between the last look and the commit is overwritten.
package s3
