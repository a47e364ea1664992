// SPDX-License-Identifier: Apache-2.0

// Package mapping inverts the tables of a qcow2 image (qcow2.txt, "Cluster
// mapping"): a Reader turns L2 tables into entries, which say where on the disk
// a part of the file belongs, and a Plan answers from sorted entries what a
// range of the file holds.
package mapping
