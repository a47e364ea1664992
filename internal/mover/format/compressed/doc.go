// SPDX-License-Identifier: Apache-2.0

// Package compressed reads images that are wrapped in gzip (RFC 1952), zstd
// (RFC 8878) or xz (the .xz file format 1.2), each of them also in several
// members, frames or streams one after another, as parallel compressors make
// them.
//
// Memory is bounded whatever the file asks for: a zstd window or xz dictionary
// may have 64 MiB, what `zstd -19` and `xz -9` use. Checksums are verified.
//
// A file that ends in the middle is transfer.ReasonSourceTruncated, one that
// does not decode transfer.ReasonImageCorrupt, one that needs more memory
// transfer.ReasonImageTooComplex. Errors of the source pass unchanged.
package compressed
