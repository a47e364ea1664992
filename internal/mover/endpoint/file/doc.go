// SPDX-License-Identifier: Apache-2.0

// Package file is regular files of this machine, as the source of an image, as
// the disk that is filled, as the disk that is read, and as an artifact.
//
// A [Source] is pinned to the open file and to the size and modification time
// that it had: whoever changes it meanwhile makes the transfer fail with
// transfer.ReasonSourceChanged.
//
// A [Target] writes to ".<name>.partial" beside its final name, sparse, and
// gets that name by [Target.Commit] when everything is durable. Two targets of
// one name exclude each other with flock(2). A process that is killed leaves
// the partial file behind, which the next one removes; nothing half-written is
// ever visible under the final name.
//
// An [Upload] does the same with an artifact, but keeps what a process that was
// killed left behind: parts that are the same are not written again.
package file
