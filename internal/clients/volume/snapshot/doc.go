// SPDX-License-Identifier: Apache-2.0

// Package snapshot makes a copy of a volume as it is at one moment: a
// VolumeSnapshot of a claim that is in use, and a claim that is restored from
// it and that nobody else writes to. Both have one name, carry the label of
// their owner, and go when they are not needed any more.
//
// A cluster that does not have the kinds of snapshots has no snapshots, which
// is no error.
package snapshot
