// SPDX-License-Identifier: Apache-2.0

package header

import (
	"fmt"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Corrupt returns an error of reason transfer.ReasonImageCorrupt.
func Corrupt(format string, args ...any) error {
	return fail(transfer.ReasonImageCorrupt, format, args...)
}

func refused(format string, args ...any) error {
	return fail(transfer.ReasonFormatRefused, format, args...)
}

// TooComplex returns an error of reason transfer.ReasonImageTooComplex.
func TooComplex(format string, args ...any) error {
	return fail(transfer.ReasonImageTooComplex, format, args...)
}

// Truncated returns an error of reason transfer.ReasonSourceTruncated.
func Truncated(format string, args ...any) error {
	return fail(transfer.ReasonSourceTruncated, format, args...)
}

func fail(r transfer.Reason, format string, args ...any) error {
	return transfer.Terminal(r, fmt.Errorf("cannot read qcow2 image: "+format, args...))
}

// Outside classifies a structure that the file is too short for. An offset
// that an image of this virtual size can have means that the file was cut
// off; one that it cannot have means that the table is damaged or hostile.
func (h *Header) Outside(what string, off, fileSize int64) error {
	if off > 2*h.VirtualSize+reach {
		return Corrupt("%s stands at offset %d, far outside the file of %d bytes", what, off, fileSize)
	}
	return Truncated("%s stands at offset %d, but the file ends at %d", what, off, fileSize)
}

// reach is what an image of any virtual size may take beside its data.
const reach = 1 << 30
