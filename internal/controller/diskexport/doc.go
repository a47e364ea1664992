// SPDX-License-Identifier: Apache-2.0

// Package diskexport reconciles DiskExports: a disk becomes an artifact.
//
// The external resource is the artifact. On the way to it there are a mover
// Job and its Secret and, for a disk that is in use, a VolumeSnapshot and a
// claim restored from it, all in the target cluster and all with one name that
// follows from the DiskExport's name and UID. What exists of them, and the
// status, is the whole state; the provider remembers nothing, so that it can
// be killed at any moment:
//
//	nothing exists         a snapshot is taken where one is needed; when it is
//	                       ready, restored claim, Secret and Job are made
//	Job runs               Observe reports its progress
//	Job failed             snapshot and restored claim go, the Job stays to be
//	                       read
//	Job succeeded          Observe writes artifact, completionTime and
//	                       lastTrigger; then Update removes Job, Secret,
//	                       restored claim and snapshot
//	status says done       nothing, until trigger has another value
//
// decide names the action from what was observed; status says what it means
// for people. Both are pure.
//
// A run reads the disk of one moment. A volume that no pod can write to is
// read as it is, mounted read-only; when a pod that can write appears while it
// is read, the run is void and begins anew. So it is when the mover sees the
// disk change, but not for ever. That a pod came, changed a device and went
// between two looks at the cluster, seconds apart, is not noticed.
//
// What a run made is noted in an annotation of the DiskExport too: a resource
// that comes back from a backup without its status must not write over its
// artifact.
package diskexport
