// SPDX-License-Identifier: Apache-2.0

package answer_test

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func part(contentRange string, length int64) *http.Response {
	return &http.Response{StatusCode: http.StatusPartialContent, ContentLength: length, Header: http.Header{"Content-Range": {contentRange}}}
}

func TestRange(t *testing.T) {
	cases := map[string]struct {
		reason  string
		value   string
		length  int64
		want    int64
		refused bool
	}{
		"Asked":       {"what was asked for", "bytes 100-199/1000", 100, 100, false},
		"NoLength":    {"without a Content-Length", "bytes 100-199/1000", -1, 100, false},
		"Fewer":       {"a server may give fewer", "bytes 100-149/1000", 50, 50, false},
		"AnyTotal":    {"a total that is not known", "bytes 100-199/*", 100, 100, false},
		"Capital":     {"the unit in any case", "Bytes 100-199/1000", 100, 100, false},
		"More":        {"more than was asked for", "bytes 100-200/1000", 101, 0, true},
		"Earlier":     {"another beginning", "bytes 99-198/1000", 100, 0, true},
		"OtherLength": {"two lengths", "bytes 100-199/1000", 99, 0, true},
		"Backwards":   {"an end before the beginning", "bytes 100-50/1000", 100, 0, true},
		"BeyondTotal": {"an end beyond the whole", "bytes 100-199/150", 100, 0, true},
		"Unsatisfied": {"no range at all", "bytes */1000", 100, 0, true},
		"Unit":        {"another unit", "pages 100-199/1000", 100, 0, true},
		"Negative":    {"a sign", "bytes -100-199/1000", 100, 0, true},
		"Plus":        {"another sign", "bytes +100-199/1000", 100, 0, true},
		"Huge":        {"a number that does not fit", "bytes 100-99999999999999999999/*", -1, 0, true},
		"Largest":     {"an end whose length would not fit", "bytes 100-9223372036854775807/*", -1, 0, true},
		"Empty":       {"nothing", "", 100, 0, true},
		"Multipart":   {"several parts in one answer have none", "multipart/byteranges", 100, 0, true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := answer.Range(part(tc.value, tc.length), 100, 100)
			if got != tc.want || (err != nil) != tc.refused {
				t.Errorf("%s: got %d, %v, want %d", tc.reason, got, err, tc.want)
			}
			if tc.refused && transfer.ReasonOf(err) != transfer.ReasonSourceUnavailable {
				t.Errorf("%s: reason %s, want %s", tc.reason, transfer.ReasonOf(err), transfer.ReasonSourceUnavailable)
			}
		})
	}
}

func FuzzRange(f *testing.F) {
	for _, s := range []string{"bytes 0-9/10", "bytes 0-9/*", "bytes 10-9/10", "bytes */10", "bytes 0-9223372036854775807/*", "\x00"} {
		f.Add(s, int64(0), int64(10), int64(10))
		f.Add(s, int64(-1), int64(0), int64(10))
	}
	f.Fuzz(func(t *testing.T, s string, length, off, n int64) {
		if off < 0 || n <= 0 || off > 1<<62 || n > 1<<62 {
			return
		}
		got, err := answer.Range(part(s, length), off, n)
		if err == nil && (got <= 0 || got > n || (length >= 0 && got != length)) {
			t.Errorf("Range(%q, %d) of %d bytes at %d: %d", s, length, n, off, got)
		}
	})
}

func TestPrintable(t *testing.T) {
	cases := map[string]struct{ reason, text, want string }{
		"FirstLine": {"the first line that has a word", "\r\n  \n first \nsecond", "first"},
		"Terminal":  {"nothing that a terminal acts on", "a\x1b[2Jb\x07c", "a [2Jb c"},
		"Invalid":   {"bytes that are no text", "a\xff\xfeb", "a�b"},
		"Bidi":      {"nor anything that turns text around", "a\u202eb", "a b"},
		"Long":      {"cut at characters, not bytes", strings.Repeat("é", 50), strings.Repeat("é", 9) + "…"},
		"Nothing":   {"nothing", "\n\n", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tc.want, answer.Printable(tc.text, 10)); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("first\nsecond")
	f.Add("\x1b\u202e\xff")
	f.Fuzz(func(t *testing.T, s string) {
		got := answer.Printable(s, 20)
		if !utf8.ValidString(got) || utf8.RuneCountInString(got) > 20 || strings.ContainsFunc(got, func(r rune) bool { return !unicode.IsPrint(r) }) {
			t.Errorf("Printable(%q): %q", s, got)
		}
	})
}

func TestName(t *testing.T) {
	u, err := url.Parse("https://jo:hidden@example.com:8443/a%2Fb/disk.img?signature=hidden#hidden")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := answer.Name(u), "https://example.com:8443/a%2Fb/disk.img"; got != want {
		t.Errorf("Name: got %q, want %q", got, want)
	}
}

func TestEncoding(t *testing.T) {
	cases := map[string]struct {
		reason, encoding, file string
		refused                bool
	}{
		"None":       {"no encoding", "", "/disk.img", false},
		"Identity":   {"no encoding, said aloud", "Identity", "/disk.img", false},
		"Gzip":       {"the server's own doing", "gzip", "/disk.img", true},
		"Brotli":     {"the same", "br", "/disk.img.gz", true},
		"OwnGzip":    {"the file is what the label says", "x-gzip", "/disk.img.GZ", false},
		"OwnZstd":    {"the same", "zstd", "/disk.raw.zst", false},
		"OwnXZ":      {"the same", "xz", "/disk.img.xz", false},
		"OwnBzip2":   {"the same", "x-bzip2", "/disk.img.bz2", false},
		"TwiceGzip":  {"twice is not the file's own", "gzip, gzip", "/disk.img.gz", true},
		"OtherLabel": {"zstd around a gzip file", "zstd", "/disk.img.gz", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := answer.Encoding(&http.Response{Header: http.Header{"Content-Encoding": {tc.encoding}}}, tc.file)
			if (err != nil) != tc.refused || (err != nil && transfer.ReasonOf(err) != transfer.ReasonSourceRefused) {
				t.Errorf("%s: got %v", tc.reason, err)
			}
		})
	}
}

func TestRefusalReadsLittle(t *testing.T) {
	u, err := url.Parse("https://example.com/disk.img?sig=abcdefgh12345678")
	if err != nil {
		t.Fatal(err)
	}
	body := &counter{Reader: strings.NewReader("no: abcdefgh12345678 " + strings.Repeat("x", 1<<20))}
	err = answer.Refusal(&http.Response{
		StatusCode: http.StatusForbidden, Request: &http.Request{URL: u}, Header: http.Header{}, Body: io.NopCloser(body),
	}, func(s string) string { return s }, time.Now())
	m := fmt.Sprint(err)
	if body.n > 8<<10 || len(m) > 300 || !strings.HasPrefix(m, "server answers 403 Forbidden: no: … x") {
		t.Errorf("read %d bytes for %q", body.n, m)
	}
}

type counter struct {
	io.Reader

	n int
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n += n
	return n, err
}
