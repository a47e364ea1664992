// SPDX-License-Identifier: Apache-2.0

package format

import (
	"encoding/binary"
	"fmt"
	"mime"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// HeadSize is how many bytes of a file Detect looks at: the volume descriptor
// of an ISO stands behind 16 sectors of 2 KiB (ECMA-119 § 8.1).
const HeadSize = 34 << 10

// TailSize is how many bytes at the end of a file CheckTail looks at.
const TailSize = sector

const sector = 512

// Compression is what an image file is wrapped in.
type Compression string

// The compressions that can be unpacked.
const (
	None Compression = ""
	Gzip Compression = "gzip"
	XZ   Compression = "xz"
	Zstd Compression = "zstd"
)

// A Sample is what detection goes by.
type Sample struct {
	// Head is the beginning of the file: HeadSize bytes, or all of them.
	Head []byte

	// Size of the file in bytes, or disk.Unknown.
	Size int64

	// ContentType as the server gave it, if it did.
	ContentType string

	// Unpacked says that Head has been unpacked already.
	Unpacked bool
}

// Found is what a file is.
type Found struct {
	// Format of the image; transfer.FormatAuto while Compression hides it:
	// then Detect is asked again with a sample of what is inside.
	Format transfer.Format

	// Compression around the image.
	Compression Compression
}

// Detect tells what a file is. asked is the format that the user named, or
// transfer.FormatAuto. Errors have the reason transfer.ReasonFormatRefused.
//
// Compression is unpacked whatever was asked for. Beyond that, asking for
// transfer.FormatRaw takes any bytes as they are, also those of a format that
// would be refused; asking for another format that is not found is an error.
func Detect(asked transfer.Format, s Sample) (Found, error) {
	if len(s.Head) == 0 {
		return Found{}, refuse("it is empty: nothing has been uploaded there, or the upload failed")
	}
	if c := compression(s.Head); c != None {
		if !s.Unpacked {
			return Found{Format: transfer.FormatAuto, Compression: c}, nil
		}
		if asked != transfer.FormatRaw {
			return Found{}, refuse("it is compressed twice, the second time with %s: compress it once", c)
		}
	}
	if asked == transfer.FormatRaw {
		return Found{Format: transfer.FormatRaw}, nil
	}
	found, err := image(s)
	switch {
	case err != nil:
		return Found{}, err
	case asked != "" && asked != transfer.FormatAuto && asked != found:
		return Found{}, refuse("the request says %s, but it is %s: correct the format, or leave it out", asked, found)
	}
	return Found{Format: found}, nil
}

// image tells which image format a sample is of.
func image(s Sample) (transfer.Format, error) {
	if has(s.Head, 0, "QFI\xfb") {
		return qcow(s.Head)
	}
	if has(s.Head, 0x8001, "CD001") {
		return transfer.FormatISO, nil
	}
	if k, ok := known(s.Head); ok {
		return "", refuse("it is %s: %s", k.name, k.advice)
	}
	if err := document(s); err != nil {
		return "", err
	}
	if s.Size != disk.Unknown && s.Size < sector || int64(len(s.Head)) < sector {
		return "", refuse("it has %d bytes, less than one sector of a disk", len(s.Head))
	}
	return transfer.FormatRaw, nil
}

// qcow tells the versions of QEMU's format apart.
func qcow(head []byte) (transfer.Format, error) {
	if len(head) >= 8 && binary.BigEndian.Uint32(head[4:]) == 1 {
		return "", refuse("it is a qcow image of version 1: %s", convertAdvice)
	}
	return transfer.FormatQCOW2, nil
}

// compression tells what a file is wrapped in (RFC 1952 § 2.3.1, the .xz file
// format § 2.1.1.1, RFC 8878 § 3.1).
func compression(head []byte) Compression {
	switch {
	case has(head, 0, "\x1f\x8b\x08"):
		return Gzip
	case has(head, 0, "\xfd7zXZ\x00"):
		return XZ
	case has(head, 0, "\x28\xb5\x2f\xfd"):
		return Zstd
	case len(head) >= 4 && has(head, 1, "\x2a\x4d\x18") && head[0]>>4 == 5:
		return Zstd // It begins with a skippable frame.
	}
	return None
}

func has(p []byte, off int, mark string) bool {
	return len(p) >= off+len(mark) && string(p[off:off+len(mark)]) == mark
}

func refuse(format string, args ...any) error {
	return transfer.Terminal(transfer.ReasonFormatRefused, fmt.Errorf("cannot import the source: "+format, args...))
}

// mediaType is a content type without its parameters.
func mediaType(contentType string) string {
	m, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		return ""
	}
	return m
}
