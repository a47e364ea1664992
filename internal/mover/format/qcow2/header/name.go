// SPDX-License-Identifier: Apache-2.0

package header

import (
	"fmt"
	"regexp"
)

const (
	extensionEnd      = 0x00000000
	extensionDataFile = 0x44415441

	// maxName is how much of another file's name a message shows.
	maxName = 200
)

// backingName returns the name of the backing file for a message, or nothing
// if it stands beyond p.
func backingName(p []byte, off uint64, length uint32) string {
	if off > uint64(len(p)) || uint64(length) > uint64(len(p))-off {
		return ""
	}
	return quote(p[off : off+uint64(length)])
}

// dataFileName returns the name of the external data file for a message, or
// nothing if it stands beyond p (qcow2.txt, "Header extensions").
func dataFileName(p []byte) string {
	rest := p[min(uint64(len(p)), uint64(fields(p).u32(100))):]
	for len(rest) >= 8 {
		kind, length := fields(rest).u32(0), uint64(fields(rest).u32(4))
		rest = rest[8:]
		if kind == extensionEnd || length > uint64(len(rest)) {
			return ""
		}
		if kind == extensionDataFile {
			return quote(rest[:length])
		}
		rest = rest[min(uint64(len(rest)), (length+7)&^7):]
	}
	return ""
}

// quote makes a name that a stranger chose fit for a message: escaped, short,
// and without what may be a secret.
func quote(name []byte) string {
	name = name[:min(len(name), maxName)]
	// A name can be a URL with a password, or a JSON object with one.
	name = regexp.MustCompile(`//[^/@]*@`).ReplaceAll(name, []byte("//…@"))
	name = regexp.MustCompile(`("[^"]*(?:secret|password)[^"]*"\s*:\s*)"[^"]*"?`).ReplaceAll(name, []byte(`$1"…"`))
	return fmt.Sprintf(" %q", name)
}
