// SPDX-License-Identifier: Apache-2.0

// Package export moves a disk out: it reads an image, has it packed, and brings
// the artifact to its place. Like package engine, whose part it is, it starts
// goroutines and owns buffers.
//
// # The pass
//
// The image is read once, in units of 4 MiB:
//
//	units ─► workers: read, pack ─► in order ─┬─► digests of the image
//	                                          └─► packer ─► cutter ─┬─► digest of the artifact
//	                                                                └─► connections
//
// Workers take units in any order. Behind them the units stand in the image's
// order again: the packer puts what they became one behind the other, the
// cutter makes parts of it, which are as long as the target wants them, and
// connections bring the parts, in any order or one by one.
//
// A packer may know the artifact's first bytes last ([disk.Packer]). The part
// that holds them is then kept and sent at the end. A target that wants its
// parts in order gets two passes: the first one learns head and size and sends
// nothing. Such a head also keeps the artifact's digest from being made on the
// way; a target that can be read ([disk.Rereader]) is read for it, others leave
// it unknown, and check what arrived by sums of their own.
//
// [Scan] is a pass that only looks where the disk holds data.
//
// # Guarantees
//
// The same image gives the same parts, whatever the number of workers, of
// connections or of attempts. No part that ends the artifact is sent before
// Task.Check has been asked whether the image is still the same. When Run
// returns, no goroutine is left.
//
// # Memory
//
//	12 units × 8 MiB, read and packed    96 MiB, 48 MiB where parts are large
//	parts                                at most 224 MiB, and two at least
//
// none of which grows with the disk; at two processors and parts of 16 MiB it
// is about 180 MiB in all. Encoders and packers come on top and say themselves
// what they need.
package export
