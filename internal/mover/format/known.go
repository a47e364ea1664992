// SPDX-License-Identifier: Apache-2.0

package format

import "bytes"

// A kind is a file format that is recognised so that it can be refused by
// name.
type kind struct {
	off          int
	mark         string
	name, advice string
}

const (
	convertAdvice  = "convert it with `qemu-img convert -O qcow2` first"
	unpackAdvice   = "unpack it and name the disk image inside"
	compressAdvice = "unpack it, or compress it with gzip, xz or zstd instead"
	otherAdvice    = "that is no disk image; check the URL or path"
)

// known looks a head up among the formats that are refused.
func known(head []byte) (kind, bool) {
	for _, k := range kinds() {
		if has(head, k.off, k.mark) {
			return k, true
		}
	}
	if has(head, ustarOffset, "ustar") {
		return archive(head), true
	}
	return kind{}, false
}

// kinds lists the formats that are refused. No mark is one that the boot code
// of a disk begins with.
func kinds() []kind {
	return []kind{
		{0, "KDMV", "a VMDK image", convertAdvice},
		{0, "COWD", "a VMDK image of an ESX server", convertAdvice},
		{0, "# Disk DescriptorFile", "the descriptor of a VMDK image, whose data is in other files", convertAdvice},
		{0, "conectix", "a VHD image", convertAdvice},
		{0, "vhdxfile", "a VHDX image", convertAdvice},
		{0x40, "\x7f\x10\xda\xbe", "a VDI image", convertAdvice},
		{0, "QED\x00", "a QED image", convertAdvice},
		{0, "WithoutFreeSpace", "a Parallels image", convertAdvice},
		{0, "WithouFreSpacExt", "a Parallels image", convertAdvice},
		{0, "Bochs Virtual HD Image", "a Bochs image", convertAdvice},
		{0, "\x3a\xff\x26\xed", "an Android sparse image", "convert it with `simg2img` first"},
		{0, "LUKS\xba\xbe", "encrypted with LUKS", "decrypt it first; to import it as it is, set the format to Raw"},
		{0, "PK\x03\x04", "a zip archive", unpackAdvice},
		{0, "PK\x05\x06", "an empty zip archive", unpackAdvice},
		{0, "7z\xbc\xaf\x27\x1c", "a 7z archive", unpackAdvice},
		{0, "Rar!\x1a\x07", "a RAR archive", unpackAdvice},
		{0, "!<arch>\n", "an ar archive or a Debian package", unpackAdvice},
		{0, "\xed\xab\xee\xdb", "an RPM package", unpackAdvice},
		{0, "MSWIM\x00\x00\x00", "a Windows image (WIM), which holds files", "import a disk or ISO that was made from it"},
		{4, "1AY&SY", "compressed with bzip2", compressAdvice},
		{0, "\x04\x22\x4d\x18", "compressed with lz4", compressAdvice},
		{0, "LZIP", "compressed with lzip", compressAdvice},
		{0, "\x5d\x00\x00\x80\x00\xff\xff\xff\xff\xff\xff\xff\xff", "compressed with lzma", compressAdvice},
		{0, "%PDF-", "a PDF document", otherAdvice},
		{0, "\x7fELF", "a program (ELF)", otherAdvice},
		{0, "\x89PNG\r\n\x1a\n", "a PNG picture", otherAdvice},
	}
}

// ustarOffset is where a tar header has its mark (POSIX pax, "ustar
// Interchange Format").
const ustarOffset = 257

// archive names a tar file by its first member.
func archive(head []byte) kind {
	name, _, _ := bytes.Cut(head[:100], []byte{0})
	if bytes.HasSuffix(bytes.ToLower(name), []byte(".ovf")) {
		return kind{name: "an OVA, an archive of disk images and their description", advice: unpackAdvice}
	}
	return kind{name: "a tar archive", advice: unpackAdvice}
}

// CheckTail looks at the last TailSize bytes of a file that was taken for
// raw, for the marks of formats that have theirs at the end. It is worth a
// request where that is cheap. Its error's reason is
// transfer.ReasonFormatRefused.
func CheckTail(tail []byte) error {
	switch {
	case has(tail, 0, "conectix"):
		return refuse("it is a VHD image of fixed size: %s", convertAdvice)
	case has(tail, 0, "koly"):
		return refuse("it is an Apple disk image (DMG): %s", convertAdvice)
	}
	return nil
}
