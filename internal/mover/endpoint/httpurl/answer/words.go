// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"encoding/xml"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
	"unicode"
)

const (
	// maxWordsRead is how much of a refusal's body is looked at.
	maxWordsRead = 4 << 10

	// maxWords is how many characters of it stand in a message.
	maxWords = 200
)

// ownWords returns ": " and the first line of what the server says about its
// refusal, printable and bounded; nothing for a web page, which says little
// in many words.
func ownWords(r *http.Response, scrub func(string) string) string {
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "text/html" || kind == "application/xhtml+xml" || r.Header.Get("Content-Encoding") != "" {
		return ""
	}
	// What could be read before an error is as good as the whole.
	body, _ := io.ReadAll(io.LimitReader(r.Body, maxWordsRead))
	text := string(body)
	if strings.HasPrefix(strings.TrimSpace(text), "<") {
		text = xmlError(body)
	}
	text = Printable(scrub(queryless(text, r.Request.URL)), maxWords)
	if text == "" {
		return ""
	}
	return ": " + text
}

// xmlError returns code and message of an error as S3, GCS and Azure write
// it. The other elements repeat the request, signature and key included.
func xmlError(body []byte) string {
	var e struct {
		Code    string
		Message string
	}
	if xml.Unmarshal(body, &e) != nil {
		return ""
	}
	return strings.Trim(e.Code+": "+e.Message, ": ")
}

// queryless removes a URL's query, and the values in it, from a text: a
// presigned URL is a secret.
func queryless(text string, u *url.URL) string {
	const minSecretBytes = 8
	if u.RawQuery != "" {
		text = strings.ReplaceAll(text, u.RawQuery, "…")
	}
	for _, values := range u.Query() {
		for _, v := range values {
			if len(v) >= minSecretBytes {
				text = strings.ReplaceAll(text, v, "…")
			}
		}
	}
	return text
}

// Printable returns the first line of a text that has one, without what a
// terminal or a log would act on, cut to n characters.
func Printable(text string, n int) string {
	line := ""
	for l := range strings.Lines(text) {
		if line = strings.TrimSpace(l); line != "" {
			break
		}
	}
	clean := []rune(strings.ToValidUTF8(line, "�"))
	for i, r := range clean {
		if !unicode.IsPrint(r) {
			clean[i] = ' '
		}
	}
	if len(clean) > n {
		clean = append(clean[:n-1], '…')
	}
	return strings.TrimSpace(string(clean))
}

// Name is a URL as messages show it: without user information, query and
// fragment, any of which may hold a secret.
func Name(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
