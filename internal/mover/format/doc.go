// SPDX-License-Identifier: Apache-2.0

// Package format tells what a file is from its first bytes.
//
// What can be imported is raw, ISO and qcow2, each as it is or compressed with
// gzip, xz or zstd. What is known and cannot be imported is refused by its
// name, with a sentence on what to do: a virtual disk in another format, an
// archive, a web page that a server sent in place of the file. A raw disk has
// no mark of its own, so everything else is one, unless it is text or too
// small to be a disk.
//
// The child packages read the formats; they know nothing of each other.
package format
