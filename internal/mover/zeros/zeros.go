// SPDX-License-Identifier: Apache-2.0

// Package zeros finds bytes that need not be written.
package zeros

import "bytes"

// Only reports whether every byte of p is zero. The empty slice is.
//
// A slice whose first byte is zero and that equals itself moved by one byte
// holds nothing else; the comparison is the runtime's vector code and ends at
// the first difference.
func Only(p []byte) bool {
	return len(p) == 0 || p[0] == 0 && bytes.Equal(p[1:], p[:len(p)-1])
}
