// SPDX-License-Identifier: Apache-2.0

// Package zstd packs pieces of disks as Zstandard frames (RFC 8878), for speed:
// what makes an export slow is this, and libraries are made for streams, not
// for a hundred thousand pieces of 64 KiB.
//
// A frame is one block. In it, lz77 finds what repeats; literals are written
// with a Huffman code where that gains something, and sequences with FSE tables
// of their own. Every decoder reads them. The same piece always gives the same
// bytes, whatever was packed before.
package zstd
