// SPDX-License-Identifier: Apache-2.0

// Package imagebucket reconciles ImageBuckets: buckets in S3 stores.
//
// A bucket says by its tags whose it is. One that is there before its
// ImageBucket has made it is adopted only if the external name names it; one
// that says that it is another ImageBucket's, never. A store without tags is
// believed to hold ours when the external name is set, which Create does.
//
// Nothing is kept but what the status says: an emptying that is interrupted goes
// on with what is still in the bucket.
package imagebucket
