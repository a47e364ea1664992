// SPDX-License-Identifier: Apache-2.0

// Package oci is the endpoint of disks in registries (OCI distribution and image
// specifications 1.1).
//
// # Reading
//
// Resolve reads the manifest of an image, of the platform that is wanted where
// there are several, and names the blob that holds the disk: the layer of a
// KubeVirt containerDisk, or the layer of an artifact that is a disk. What it
// reads it compares with its digest, so that everything is pinned to the digest
// that the tag had. The blob itself is a file behind a URL: whoever reads it
// does so as any other, and compares its digest.
//
// # Writing
//
// A Writer makes an image of one layer. The layer goes up in chunks, in order:
// its digest is known when all of it has passed, and a registry takes chunks in
// no other order. After a break the registry is asked how far it came, and the
// rest of the chunk is sent. A registry that has lost the session, or that has
// more or fewer bytes than can be, ends the upload with disk.ErrRestart: the bytes
// before are gone, and whoever makes them has to make them again.
//
// The manifest comes last, so that the tag stays what it was until the image is
// whole. A tag that changes while the image goes up is another writer's, and an
// error. Registries have no compare and swap: between the last look and the
// manifest a moment remains.
//
// A session cannot be found again by another process, since no request lists
// them: Abort ends it in either case.
package oci
