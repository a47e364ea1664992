// SPDX-License-Identifier: Apache-2.0

// Package cluster decodes the compressed clusters of qcow2 images: buffers of
// known size, each a stream of its own, with the rest of a sector behind it.
package cluster
