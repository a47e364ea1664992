// SPDX-License-Identifier: Apache-2.0

// Package pack is what artifacts are made of: the disk as an image, and the
// packer that leaves an image as it is. The folders below hold the other
// images and packers:
//
//	qcow2       a disk as a qcow2 file: compressed clusters, or tables first
//	tarball     an image as the one file of a tar archive
//	frames      an image as independent zstd frames or gzip members
//	allocation  which clusters of a disk hold data
//	zstd        a cluster as a zstd frame
//	deflate     a cluster, or more, as a deflate stream
//	lz77, huffman, bitstream  what these two are made of
//
// A containerDisk's layer is the frames of the tarball of the qcow2 of a disk.
//
// Whatever they make is the same bytes each time the same disk is packed, by
// however many encoders: an export that is begun again finds the parts that
// were sent before (docs/adr/0011).
package pack
