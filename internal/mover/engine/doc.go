// SPDX-License-Identifier: Apache-2.0

// Package engine moves the bytes of an image file to their places on a disk.
// It alone, in the data plane, starts goroutines and owns buffers.
//
// # The pass
//
// The file is read once, from its first byte to its last, in units of 4 MiB:
//
//	connections ─► units in order ─┬─► digest
//	                               └─► (decompressor ─► units) ─► planner ─► workers ─► disk
//
// Connections fill units in any order, one after another or up to four with one
// request where they are fast; the stages behind them see the units in the
// file's order, so one pass gives both the checksum of the file and the disk.
// Their number adapts (package pace). The planner asks the layout which
// pieces a unit holds; workers decode the compressed ones, gather up to 4 MiB,
// in which neighbours on the disk become one write, and write in any order. A piece that
// straddles two units is joined in the headroom before the second. Runs of
// 64 KiB of zeros are not written.
//
// A file that cannot be read at random is read through one connection. A
// disk.Learner then learns its tables from the units as they pass; bytes that
// a later table may name go to a Spool and are placed after the pass.
//
// A destination that may hold old data (disk.Zeroer) has everything zeroed
// that was not written; package coverage knows it to the sector.
//
// # Guarantees
//
// The digest gets each byte once, in order. When Copy returns nil, every piece
// is written, everything else reads as zeros, and the disk is durable. When it
// returns an error, the destination holds any part of the disk. In both cases
// no goroutine is left.
//
// # Not guaranteed
//
// Nothing orders the writes among each other. Bytes behind the image's virtual
// size, up to the next block, may be written with zeros.
//
// # Memory
//
//	24 units × 4 MiB                     96 MiB, with a decompressor in two halves
//	at most 8 workers × 4 MiB            32 MiB
//	headroom that straddling pieces use  24 × a compressed piece, typically under 2 MiB, at most 4
//	coverage, Zeroers only               64 MiB at most, typically a few KiB
//	index of parked ranges               8 MiB at most
//
// none of which grows with the disk. Decoders, the layout's tables and the
// decompressor's window come on top; their packages state them.
package engine
