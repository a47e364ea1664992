// SPDX-License-Identifier: Apache-2.0

// Package push makes images of one layer in registries (OCI distribution and
// image specifications 1.1).
//
// # Chunks
//
// The layer goes up in chunks, in order: its digest is known when all of it has
// passed, and a registry takes chunks in no other order. After a break the
// registry is asked how far it came, and the rest of the chunk is sent. A
// registry that has lost the session, or that has other bytes than can be, ends
// the upload with disk.ErrRestart: the bytes before are gone, and whoever makes
// them has to make them again.
//
// # Another process
//
// No request lists sessions, so that whoever goes on with one must have been told
// its URL: Options.Tell is, and Options.Before is what the attempt before has
// told. The layer is made again from its first byte then, and what the registry
// has is not sent. That they are the same bytes is proven by the layer's digest,
// which the registry compares at the end: if they are not, all begins anew. A
// session's URL can permit whoever has it to write: it is a secret.
//
// # One request
//
// A registry that refuses chunks gets the layer in one request, as `docker push`
// sends it: the Writer then has a Stream. A break begins it anew.
//
// # The same disk
//
// Whoever knows that an image was made of the same disk asks for it with
// Writer.Reuse before the first part: its blobs are there, or are mounted.
//
// # The tag
//
// The manifest comes last, so that the tag stays what it was until the image is
// whole. A tag that changes while the image goes up is another writer's, and an
// error. Registries have no compare and swap: between the last look and the
// manifest a moment remains.
package push
