// SPDX-License-Identifier: Apache-2.0

// Package cdi is the engine of DiskImports that leaves the work to CDI. It is
// pure: Unable says what CDI cannot do of what is asked for, Request renders the
// DataVolume, Of and GivenUp read from a DataVolume what hinders CDI, and when
// it has been tried for long enough.
//
// CDI tries for ever, and calls next to nothing failed. It says what is wrong in
// the condition Running (False, with Error and others as reasons, until the pod
// starts again and the words are gone), in the condition Bound, in events of the
// DataVolume and its claim, and in what its pod left behind when it ended. The
// last of these lasts longest. It has been tried for long enough when a pod was
// started again more often than transfer.retries permits, or transfer.deadline
// is over. What waits for a consumer or for its population is no failure.
package cdi
