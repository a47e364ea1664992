// SPDX-License-Identifier: Apache-2.0

package format

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"unicode/utf8"
)

// maxTitle is how much of a page's title a message shows.
const maxTitle = 80

// document refuses what is meant for people or browsers: the answers of log-in
// pages, portals and object stores that come with status 200.
func document(s Sample) error {
	text := strings.TrimLeft(strings.TrimPrefix(string(s.Head[:min(len(s.Head), 4096)]), "\ufeff"), " \t\r\n")
	lower := strings.ToLower(text)
	switch {
	case anyPrefix(lower, "<!doctype html", "<html", "<head", "<body", "<script"):
		return refuse("it is a web page%s, perhaps one that asks to log in: check the URL and the credentials", title(text))
	case anyPrefix(lower, "<?xml", "<error"):
		return refuse("it is an XML document, perhaps an error message of the server: check the URL and the credentials")
	case strings.HasPrefix(text, "version https://git-lfs.github.com/spec/"):
		return refuse("it is a Git LFS pointer, not the file that it stands for: use the URL of the file itself")
	case isText(s.Head) && anyPrefix(text, "{", "["):
		return refuse("it is a JSON document, perhaps an error message of the server: check the URL and the credentials")
	case isText(s.Head):
		return refuse("it is a text file: check the URL or path")
	}
	switch mediaType(s.ContentType) {
	case "text/html", "application/xhtml+xml", "application/json", "application/xml", "text/xml":
		if !hasBootSignature(s.Head) {
			return refuse("the server says that it is %q: check the URL, or set the format to Raw if it is a disk", mediaType(s.ContentType))
		}
	}
	return nil
}

func anyPrefix(s string, prefixes ...string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}

// title returns the title of a web page, for a message.
func title(page string) string {
	m := regexp.MustCompile(`(?is)<title[^>]*>([^<]*)`).FindStringSubmatch(page)
	if m == nil {
		return ""
	}
	t := strings.Join(strings.Fields(m[1]), " ")
	if t == "" {
		return ""
	}
	if len(t) > maxTitle {
		t = strings.ToValidUTF8(t[:maxTitle], "") + "…"
	}
	return fmt.Sprintf(" (%q)", t)
}

// isText reports whether all of p is printable text. A disk is not: even an
// empty one is full of zero bytes.
func isText(p []byte) bool {
	// The sample may end within a character.
	for i := 0; i < utf8.UTFMax-1 && len(p) > 0 && !utf8.Valid(p); i++ {
		p = p[:len(p)-1]
	}
	return utf8.Valid(p) && !bytes.ContainsFunc(p, func(r rune) bool {
		return r < ' ' && !strings.ContainsRune("\t\n\v\f\r\x1b", r)
	})
}

// hasBootSignature reports whether p begins with a boot sector or a protective
// MBR (UEFI specification § 5.2).
func hasBootSignature(p []byte) bool { return has(p, sector-2, "\x55\xaa") }
