// SPDX-License-Identifier: Apache-2.0

// Package deflate inflates DEFLATE streams (RFC 1951): those that are in memory
// as a whole, into a buffer of known size, as compressed qcow2 clusters are
// (Decoder); and those that are in files (Reader).
//
// The first is a simpler task than the second, which keeps a window and copies
// twice, but does the same in large pieces. The techniques are those of
// libdeflate: tables that are indexed by the next bits and say in one entry
// what they mean and how many of them there are, a bit buffer of 64 bits that is
// filled by whole words, and matches that are copied by words. While there is
// room behind both positions, nothing else is checked; the rest of each
// buffer is decoded by a second, careful loop. One technique is ours: data
// that were compressed before they came to the disk have codes whose literals
// nearly all take 8 bits, and such literals are decoded without waiting for
// one to know where the next starts.
//
// The input is hostile. All memory is accessed by checked Go slices and arrays;
// each turn of each loop consumes input or writes output; and codes that are
// over-subscribed or incomplete are refused exactly as zlib refuses them.
//
// This is more than twice as fast as other decoders in Go, on streams too, and about nine tenths of libdeflate: docs/adr/0005-data-plane-dependencies.md.
package deflate
