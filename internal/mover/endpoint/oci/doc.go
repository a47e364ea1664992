// SPDX-License-Identifier: Apache-2.0

// Package oci reads disks from registries (OCI distribution and image
// specifications 1.1); package push below it writes them.
//
// Resolve reads the manifest of an image, of the platform that is wanted where
// there are several, and names the blob that holds the disk: the layer of a
// KubeVirt containerDisk, or the layer of an artifact that is a disk. What it
// reads it compares with its digest, so that everything is pinned to the digest
// that the tag had. The blob itself is a file behind a URL: whoever reads it
// does so as any other, and compares its digest.
package oci
