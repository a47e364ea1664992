// SPDX-License-Identifier: Apache-2.0

// Package workload renders a mover for every controller that runs one: the
// Job, its pod, and the Secret with the job document, the credentials and the
// fingerprint. It is pure.
//
// A mover has no token, no capabilities, and can write nothing but the disks
// that are mounted for it. What it was started with is summed in its
// fingerprint, so that a controller can tell whether it is the one that is
// wanted.
package workload
