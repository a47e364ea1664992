// SPDX-License-Identifier: Apache-2.0

// Package s3conn is the one way to build a client of an S3 store.
//
// What differs between the stores is decided here. A store with an endpoint of
// its own is spoken to in path style, since few of them have a DNS name for
// each bucket, and without the checksums in trailers that the SDK would send to
// AWS, which many of them refuse. The SDK makes each request once: its callers
// know better when another try is worth it, and how long it may take.
//
// Credentials that were read can be read again (Conn.Renew): a session token
// expires and is renewed in its place, a key is rotated.
package s3conn
