// SPDX-License-Identifier: Apache-2.0

package qcow2

import (
	"fmt"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

func corrupt(format string, args ...any) error {
	return fail(transfer.ReasonImageCorrupt, format, args...)
}

func refused(format string, args ...any) error {
	return fail(transfer.ReasonFormatRefused, format, args...)
}

func tooComplex(format string, args ...any) error {
	return fail(transfer.ReasonImageTooComplex, format, args...)
}

func truncated(format string, args ...any) error {
	return fail(transfer.ReasonSourceTruncated, format, args...)
}

func fail(r transfer.Reason, format string, args ...any) error {
	return transfer.Terminal(r, fmt.Errorf("cannot read qcow2 image: "+format, args...))
}

// outside classifies a structure that the file is too short for. An offset
// that an image of this virtual size can have means that the file was cut
// off; one that it cannot have means that the table is damaged or hostile.
func (h *Header) outside(what string, off, fileSize int64) error {
	if off > 2*h.VirtualSize+reach {
		return corrupt("%s stands at offset %d, far outside the file of %d bytes", what, off, fileSize)
	}
	return truncated("%s stands at offset %d, but the file ends at %d", what, off, fileSize)
}

// reach is what an image of any virtual size may take beside its data.
const reach = 1 << 30
