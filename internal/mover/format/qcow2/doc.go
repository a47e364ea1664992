// SPDX-License-Identifier: Apache-2.0

// Package qcow2 reads QEMU's copy-on-write images, versions 2 and 3, as
// QEMU's docs/interop/qcow2.txt specifies them.
//
// A qcow2 image maps guest clusters to host clusters, through an L1 table
// that names L2 tables. We read the file once, front to back, so we need the
// inverse: what a range of the file holds. There are two ways to it.
//
// [Open] is for a file that can be read at random. It reads the header, the
// L1 table and every L2 table (about 0.01 % of the disk), validates them, and
// inverts the map: entries sorted by host offset, neighbouring clusters of
// one table joined to runs. The map has a memory bound. When there are more
// entries than fit, only the lowest host offsets are kept, and the tables are
// read again when the pass comes to the first offset that was left out: time
// grows with the size of the image, memory does not.
//
// [NewStream] is for a file that only passes by. It learns the tables from
// the bytes and names the ranges that a table which is still to come may
// speak of, so that the caller can keep these few bytes until the end. Tables
// that pass before something has named them are recognised by their form and
// kept. What cannot be resolved within the memory bound is refused; nothing
// is guessed.
//
// Only the active L1 table is read: internal snapshots, bitmaps, reference
// counts and the VM state beyond the virtual size are ignored. An image that
// needs another file or a key is refused by name, and so is one whose header
// or tables break the specification, even where QEMU would go on: a damaged
// image must not become a damaged disk.
//
// A file may end inside its last host cluster, but only where the missing
// bytes lie beyond the virtual size or in the last sector of compressed data.
// QEMU reads any missing byte as zero; we cannot tell such an image from one
// that was cut off, and say so.
package qcow2
