// SPDX-License-Identifier: Apache-2.0

// Package block is block devices of this machine, as the source of an image, as
// the disk that is filled, and as the disk that is read.
//
// A [Target] is opened exclusively, so that a device that is mounted or in use
// is refused, and written past the page cache. A device may hold old data: it
// is a disk.Zeroer, which asks the device to unmap, then to write zeros by
// itself, and writes them only where neither works. A transfer that fails is
// wiped ([Target.Discard]), so that nothing boots from half of a disk.
package block
