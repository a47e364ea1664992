// SPDX-License-Identifier: Apache-2.0

// Package httpurl is the endpoint of images behind http and https URLs.
//
// # Opening
//
// One GET for the first 64 KiB tells everything: the size, the validator,
// whether the server has ranges, and where redirects end. There is no HEAD,
// because a presigned URL is signed for GET alone. The 64 KiB are kept, so
// that detecting the format costs no further request. A server that answers
// with the whole file has no ranges: its answer is kept open too, and the
// first reader continues it, so that such a file is fetched once.
//
// # Pinning
//
// Every read must be of the version that was opened. A strong entity tag is
// sent as If-Range; and each answer's ETag (Last-Modified where there is none),
// size and Content-Range are compared with the first answer's. A difference is
// transfer.ReasonSourceChanged. What a server does not tell cannot be
// compared: of a file without validator only the size is, and a body that is
// ended by closing the connection (HTTP/1.0) may be cut without notice. The
// checksum of the whole file is what protects then.
//
// # Redirects and secrets
//
// Redirects are followed once and their end is used for all reads. When it
// begins to refuse, as a signed URL does that has expired, the original URL is
// asked once more. Credentials and the request's own headers are sent to the
// scheme, host and port of the original URL only; once a chain of redirects
// has left them, they are not sent again, even if it comes back. A refusal of
// the credentials makes them be read again, since a Secret can be rotated.
// User information in a redirect is ignored. Names in messages have no query.
package httpurl
