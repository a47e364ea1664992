// SPDX-License-Identifier: Apache-2.0

// Package composition decides what a Wukong is made of. [Compose] is pure: it
// takes the Wukong and what is observed, and returns the resources that are
// desired and what the Wukong's status should say. The same input gives the
// same output, byte for byte, because Crossplane applies it on every pass.
//
// Each disk is decided on its own, by its name: it becomes a DiskImport, whose
// source is blank if the disk has none; a disk with a target becomes a
// DiskExport too, once its claim is ready. An error of one
// disk does not hold up the others. The machine is composed when its disks and
// networks are ready; package machine draws it. What is not in the cluster, such
// as KubeVirt, holds up the machine and nothing else.
//
// Four guarantees protect data:
//
//   - A resource that was composed for a disk stays desired, unchanged, as long
//     as the disk is in the spec, even when the disk is written so that it is
//     refused now. Only taking the disk out of the spec, or deleting the
//     Wukong, deletes it; what then becomes of its claim the disk's retention
//     says.
//   - A machine that is there stays, with every disk that it has, whatever
//     becomes of that disk; what is added later is attached when it is ready.
//   - A new resource is composed only after Crossplane has shown that nothing
//     of another owner stands under its name.
//   - What this release cannot do is refused with a sentence, never ignored.
package composition
