// SPDX-License-Identifier: Apache-2.0

// Package multipart makes the requests of S3's multipart uploads: it begins
// one, finds those that are open, sends and lists parts, and completes or ends
// the upload. It decides how parts are cut and what proves them; which upload is
// continued, and what the object must be, is decided by package s3.
//
// # What proves a part
//
// An upload is begun with a CRC64NVME of the whole object, and whoever knows
// that checksum says so in the answer. To such a store each part is sent with
// its CRC, which it repeats when it has compared it: nothing else is made of
// the bytes. To a store that refuses the checksum, does not name it, or does
// not repeat it, parts are sent with their MD5, which every store compares and
// which takes ten times as long to make as the CRC.
//
// # What is signed
//
// On https the signature leaves the body out: TLS protects it, and a SHA-256
// of each part would cost more than all else that is made of it. On plain http
// nothing but the signature keeps others from putting their bytes in place of
// ours, which a CRC is no obstacle for. So it covers the body's SHA-256, or its
// MD5 where that is sent.
package multipart
