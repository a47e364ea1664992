// SPDX-License-Identifier: Apache-2.0

// Package header reads what a qcow2 image says of itself (qcow2.txt, "Header"
// and "Header extensions"), refuses images that are no disk on their own, and
// has the words in which everything about such images is refused.
package header
