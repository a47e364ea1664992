// SPDX-License-Identifier: Apache-2.0

package disk

import "errors"

// ErrRestart is in the error of an Upload whose place has lost earlier parts.
// To repeat the request is of no use: what can be put next is the first part,
// and all others behind it. The error's reason is retryable.
var ErrRestart = errors.New("the upload has to begin anew")
