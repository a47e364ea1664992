// SPDX-License-Identifier: Apache-2.0

// Package frames compresses an image unit by unit, so that any number of
// workers can do it at once: into zstd frames (RFC 8878), or into gzip members
// (RFC 1952). Every decoder reads the units one after the other as one file.
//
// Zstd frames carry a checksum of their content and may be followed by a seek
// table in a skippable frame, as the "zstd seekable format" of zstd's contrib
// folder describes it: with it, a reader can begin at any frame. It costs eight
// bytes a frame, in memory as in the file: 2 MiB for each TiB.
package frames
