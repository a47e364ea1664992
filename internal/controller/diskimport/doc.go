// SPDX-License-Identifier: Apache-2.0

// Package diskimport reconciles DiskImports: an image becomes a claim.
//
// The external resource is the claim. On the way to it there are a staging
// claim, a mover Job and its Secret in the target cluster, all with one name
// that follows from the DiskImport's name and UID. What exists of them is the
// whole state; the provider remembers nothing, so that it can be killed at any
// moment:
//
//	nothing exists         Create makes Secret, staging claim and Job
//	Job runs               Observe reports its progress
//	Job failed             the staging claim goes, the Job stays to be read
//	Job succeeded          Observe writes completionTime, which makes the
//	                       source immutable; then Update publishes
//	volume has a note      Update goes on publishing (package volume)
//	final claim is bound   Update removes what is left of the mover
//
// decide names the action from what was observed; status says what it means
// for people. Both are pure. A change of the request (source, verification,
// format, target, the contents of Secret or ConfigMap, where the mover runs)
// while the disk is not whole removes Job and staging claim, and begins anew.
// A change of the configuration (policy, image) does so only for a mover that
// has not started or has failed. Limits, deadline and retries are changed in
// place.
//
// A claim that somebody deletes is an external resource that is missing, and is
// imported again; an event says so.
package diskimport
