// SPDX-License-Identifier: Apache-2.0

// Package volume makes the staging claim that a mover fills, and publishes it
// under its final name when the disk is whole.
//
// A claim counts as a disk for KubeVirt the moment that it exists, so the
// final claim must not exist before the data does. Publishing hands the volume
// over, from the staging claim to the final one:
//
//  1. Retain: set the volume's reclaim policy to Retain, and note the old one
//     on the volume, with a label by which it is found again.
//  2. Delete the mover's pods and the staging claim, and wait until both are
//     gone: no node has the volume mounted any more.
//  3. Rebind: point the volume's claimRef at the final name, without a UID.
//  4. Create the final claim, which names the volume. With claim and volume
//     naming each other they bind at once.
//  5. Restore the reclaim policy when they are bound, and take note and label
//     off the volume.
//
// Next looks at what exists and names the step that follows; nothing else
// remembers how far a handover is. Each step may fail, be repeated, or be the
// last thing that the provider does before it is killed, without a volume
// getting lost or a second one appearing. From step 1 to step 5 the volume is
// retained whatever happens to its claims.
//
// What is not guaranteed: a volume whose note somebody removes by hand in the
// middle of a handover is not found again.
package volume
