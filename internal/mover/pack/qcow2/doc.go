// SPDX-License-Identifier: Apache-2.0

// Package qcow2 makes a disk a self-contained qcow2 image (docs/interop/qcow2
// of QEMU), version 3, with clusters of 64 KiB. Clusters of zeros are not
// stored.
//
// # Compressed
//
// [Compressed] is a packer that needs one pass and a memory that hardly grows
// with the disk:
//
//	header │ clusters of 512 MiB of disk │ their L2 table │ clusters … │ L1 table │ refcounts
//
// Compressed clusters stand one behind the other, across the edges of host
// clusters. The few that do not become smaller are stored plain, on an edge;
// they follow the compressed ones of their unit, so that at most one host
// cluster in 4 MiB is filled up. An L2 table is written as soon as its 512 MiB
// are through, a block of reference counts as soon as nothing can be added to
// it: what is kept is eight bytes for each of them. The header is known last.
//
// The deflate streams have a window of 4 KiB, as QEMU's own: its decoder is
// told so, and a strict one would refuse more.
//
// # Plain
//
// [Plain] is an image, in the sense of disk.Image, whose tables come first and
// whose clusters are not compressed: it can be read as a stream and from any
// place. It wants to know before which clusters hold data, which are then
// stored whatever they hold, and the others not, so that the image is
// consistent in itself. Disks that change meanwhile are noticed elsewhere.
package qcow2
