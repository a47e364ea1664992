// SPDX-License-Identifier: Apache-2.0

// Package machine draws a Wukong the way KubeVirt has it: a VirtualMachine, the
// Secret that cloud-init reads on its first boot, and the
// NetworkAttachmentDefinitions of networks that name a bridge; and it reads
// what KubeVirt says of the machine. It is pure.
//
// Only what the Wukong says, or follows from it, is set. All else is left to
// KubeVirt, whose webhooks fill in what is missing: a field that is not set is
// not applied, so the two do not overwrite each other.
package machine
