// SPDX-License-Identifier: Apache-2.0

package disk

import "errors"

// ErrRestart is in the error of an Upload whose place has lost earlier parts.
// To repeat the request is of no use: what can be put next is the first part,
// and all others behind it. The error's reason is retryable.
var ErrRestart = errors.New("the upload has to begin anew")

// SentOther is what people are told when an attempt before has brought other
// bytes to a place where parts can be sent again one by one.
const SentOther = "An attempt before has sent other bytes, since the disk or the program was another: what differs is sent again."

// Replaced is what people are told when an artifact that is to be removed is
// not the one that was made.
const Replaced = "Another writer has replaced the artifact: what stands there now stays."
