// SPDX-License-Identifier: Apache-2.0

package httpurl_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/rogue"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestStatuses(t *testing.T) {
	soon := time.Date(2026, 11, 23, 12, 0, 30, 0, time.UTC)
	const denied = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>Access Denied</Message><StringToSign>hidden</StringToSign></Error>`
	cases := map[string]struct {
		reason  string
		status  int
		text    string
		headers []string
		want    transfer.Reason
		says    string
		after   time.Duration
	}{
		"Unauthorized": {"wants credentials", 401, "who are you?", nil, transfer.ReasonUnauthorized, "401 Unauthorized: who are you?", 0},
		"Forbidden":    {"refuses the credentials", 403, denied, []string{"Content-Type", "application/xml"}, transfer.ReasonUnauthorized, "403 Forbidden: AccessDenied: Access Denied", 0},
		"NotFound":     {"is not there", 404, "<html>lost</html>", []string{"Content-Type", "text/html"}, transfer.ReasonSourceNotFound, "404 Not Found", 0},
		"Gone":         {"is not there any more", 410, "", nil, transfer.ReasonSourceNotFound, "410 Gone", 0},
		"Proxy":        {"the proxy wants credentials", 407, "", nil, transfer.ReasonUnauthorized, "proxy wants credentials", 0},
		"Bad":          {"the request is wrong", 400, "no such bucket name", nil, transfer.ReasonSourceRefused, "400 Bad Request: no such bucket name", 0},
		"Method":       {"the request is not allowed", 405, "", nil, transfer.ReasonSourceRefused, "405", 0},
		"Teapot":       {"anything else of the 400s", 418, "short and stout", nil, transfer.ReasonSourceRefused, "short and stout", 0},
		"Unknown":      {"a status without a name", 499, "", nil, transfer.ReasonSourceRefused, "server answers 499", 0},
		"NotModified":  {"an answer without a body", 304, "", nil, transfer.ReasonSourceRefused, "304", 0},
		"Choices":      {"a redirect that leaves the choice", 300, "", nil, transfer.ReasonSourceRefused, "300", 0},
		"NoContent":    {"a success without bytes", 204, "", nil, transfer.ReasonSourceRefused, "204", 0},
		"Precondition": {"the version is not the pinned one", 412, "", nil, transfer.ReasonSourceChanged, "412", 0},
		"Timeout":      {"the server waited too long for us", 408, "", nil, transfer.ReasonSourceUnavailable, "408", 0},
		"TooEarly":     {"again later", 425, "", nil, transfer.ReasonSourceUnavailable, "425", 0},
		"TooMany":      {"again after seconds", 429, "slow down", []string{"Retry-After", "7"}, transfer.ReasonSourceUnavailable, "429 Too Many Requests: slow down", 7 * time.Second},
		"Error":        {"the server is broken", 500, "oops\nstack trace", nil, transfer.ReasonSourceUnavailable, "500 Internal Server Error: oops", 0},
		"Gateway":      {"the server behind is broken", 502, "", nil, transfer.ReasonSourceUnavailable, "502", 0},
		"Busy":         {"again at a time", 503, "", []string{"Retry-After", soon.Format(http.TimeFormat)}, transfer.ReasonSourceUnavailable, "503", 30 * time.Second},
		"BusyInPast":   {"a time that is over is no wait", 503, "", []string{"Retry-After", soon.Add(-time.Hour).Format(http.TimeFormat)}, transfer.ReasonSourceUnavailable, "503", 0},
		"BusyNonsense": {"what cannot be understood is no wait", 503, "", []string{"Retry-After", "-5 minutes"}, transfer.ReasonSourceUnavailable, "503", 0},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			for when, first := range map[string]int{"opening": 0, "reading": 1} {
				srv := rogue.New(t, file(), rogue.Status(rogue.After(first), tc.status, tc.text, tc.headers...))
				o := options(srv.URL + "/disk.img?signature=hidden")
				o.Now = func() time.Time { return soon.Add(-30 * time.Second) }
				f, err := httpurl.New(t.Context(), o)
				if first > 0 {
					if err != nil {
						t.Fatalf("New: %v", err)
					}
					_, err = read(t.Context(), f, 1<<20, 10)
				}
				var e *transfer.Error
				if !errors.As(err, &e) || e.Reason != tc.want || e.RetryAfter != tc.after {
					t.Fatalf("%s when %s: got %v (%s), want reason %s after %s", tc.reason, when, err, transfer.ReasonOf(err), tc.want, tc.after)
				}
				m := err.Error()
				if !strings.Contains(m, tc.says) || !strings.Contains(m, srv.URL+"/disk.img") {
					t.Errorf("%s when %s: message %q does not say %q of %s", tc.reason, when, m, tc.says, srv.URL)
				}
				if strings.Contains(m, "hidden") || strings.ContainsAny(m, "\n<") {
					t.Errorf("%s when %s: message %q says too much", tc.reason, when, m)
				}
			}
		})
	}
}

// TestMisbehaviour shows for each thing that servers do wrong after a file was
// opened which error it is, and that no wrong byte is delivered before it.
func TestMisbehaviour(t *testing.T) {
	good := file()
	changed := rogue.File{Content: endpointtest.Content(12, size), ETag: `"v2"`, Modified: good.Modified.Add(time.Hour)}
	grown := rogue.File{Content: append(bytes.Clone(good.Content), 1)}
	cut := rogue.File{Content: good.Content[:1<<20], ETag: good.ETag, Modified: good.Modified}
	cases := map[string]struct {
		reason string
		file   rogue.File
		ways   []rogue.Way
		change *rogue.File
		whole  bool // read all, not a part
		stalls bool // the server falls silent
		want   transfer.Reason
	}{
		"Dropped":           {reason: "the connection ends early", file: good, ways: []rogue.Way{rogue.Drop(rogue.After(1), rogue.Constant(1000))}, want: transfer.ReasonSourceUnavailable},
		"DroppedAtOnce":     {reason: "the connection ends before the first byte", file: good, ways: []rogue.Way{rogue.Drop(rogue.After(1), rogue.Constant(0))}, want: transfer.ReasonSourceUnavailable},
		"DroppedWhole":      {reason: "so does the opening request's own stream", file: good, ways: []rogue.Way{rogue.IgnoreRange(rogue.Always()), rogue.Drop(rogue.Always(), rogue.Constant(1<<20))}, whole: true, want: transfer.ReasonSourceUnavailable},
		"DroppedChunked":    {reason: "chunks have an end that can be missed", file: good, ways: []rogue.Way{rogue.IgnoreRange(rogue.Always()), rogue.Chunked(rogue.Always()), rogue.Drop(rogue.Always(), rogue.Constant(1<<20))}, whole: true, want: transfer.ReasonSourceUnavailable},
		"Stalled":           {reason: "the connection falls silent", file: good, ways: []rogue.Way{rogue.Stall(rogue.After(1), 1000)}, stalls: true, want: transfer.ReasonSourceUnavailable},
		"Silent":            {reason: "the server does not answer", file: good, ways: []rogue.Way{rogue.Silent(rogue.After(1))}, stalls: true, want: transfer.ReasonSourceUnavailable},
		"Cut":               {reason: "the server announces and sends less than was asked for", file: good, ways: []rogue.Way{rogue.Cut(rogue.After(1), 5000)}, want: transfer.ReasonSourceUnavailable},
		"OtherRange":        {reason: "other bytes, and the answer says so", file: good, ways: []rogue.Way{rogue.WrongRange(rogue.After(1), 512, false)}, want: transfer.ReasonSourceUnavailable},
		"NoContentRange":    {reason: "a part, and nobody knows which", file: good, ways: []rogue.Way{header(1, func(h http.Header, _ *int) { h.Del("Content-Range") })}, want: transfer.ReasonSourceUnavailable},
		"OddContentRange":   {reason: "a part that ends before it begins", file: good, ways: []rogue.Way{header(1, func(h http.Header, _ *int) { h.Set("Content-Range", "bytes 9-3/10") })}, want: transfer.ReasonSourceUnavailable},
		"LongContentRange":  {reason: "the announced length and range differ", file: good, ways: []rogue.Way{rogue.Drop(rogue.After(1), rogue.Constant(100)), header(1, func(h http.Header, _ *int) { h.Set("Content-Length", "700000") })}, want: transfer.ReasonSourceUnavailable},
		"IgnoredRange":      {reason: "the whole file, of the right version", file: good, ways: []rogue.Way{rogue.IgnoreRange(rogue.After(1))}, want: transfer.ReasonSourceUnavailable},
		"Changed":           {reason: "If-Range finds another version", file: good, change: &changed, want: transfer.ReasonSourceChanged},
		"ChangedNoIfRange":  {reason: "a part of another version", file: good, change: &changed, ways: []rogue.Way{rogue.IgnoreIfRange(rogue.Always())}, want: transfer.ReasonSourceChanged},
		"ChangedDate":       {reason: "another time of change", file: rogue.File{Content: good.Content, Modified: good.Modified}, change: &rogue.File{Content: changed.Content, Modified: changed.Modified}, want: transfer.ReasonSourceChanged},
		"ChangedSize":       {reason: "nothing but the size tells", file: rogue.File{Content: good.Content}, change: &grown, want: transfer.ReasonSourceChanged},
		"ChangedWhole":      {reason: "no ranges, another version", file: good, change: &changed, ways: []rogue.Way{rogue.IgnoreRange(rogue.Always())}, want: transfer.ReasonSourceChanged},
		"TagGone":           {reason: "the whole file, and its tag is gone", file: good, change: &rogue.File{Content: changed.Content}, want: transfer.ReasonSourceChanged},
		"Truncated":         {reason: "the range does not exist any more", file: rogue.File{Content: good.Content}, change: &rogue.File{Content: cut.Content[:1000]}, want: transfer.ReasonSourceChanged},
		"TruncatedSameTag":  {reason: "a server that serves what is left under the same tag", file: good, change: &cut, ways: []rogue.Way{rogue.IgnoreIfRange(rogue.Always())}, want: transfer.ReasonSourceChanged},
		"Gzip":              {reason: "compressed although nobody asked", file: good, ways: []rogue.Way{rogue.Gzip(rogue.After(1))}, want: transfer.ReasonSourceRefused},
		"HugeHeaders":       {reason: "a megabyte of headers", file: good, ways: []rogue.Way{rogue.HugeHeaders(rogue.After(1), 1<<20)}, want: transfer.ReasonSourceUnavailable},
		"RedirectedNowhere": {reason: "a redirect without a place", file: good, ways: []rogue.Way{rogue.Status(rogue.After(1), http.StatusFound, "")}, want: transfer.ReasonSourceRefused},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := rogue.New(t, tc.file, tc.ways...)
			o := options(srv.URL + "/disk.img")
			if tc.stalls {
				o.Link.Stall = stall
			}
			f := mustOpen(t, o)
			if tc.change != nil {
				srv.Change(*tc.change)
			}
			off, n := int64(1<<20+500<<10), int64(512<<10)
			if tc.whole {
				off, n = 0, -1
			}
			got, err := read(t.Context(), f, off, n)
			if transfer.ReasonOf(err) != tc.want {
				t.Errorf("%s: got %v (%s), want reason %s", tc.reason, err, transfer.ReasonOf(err), tc.want)
			}
			if !bytes.HasPrefix(tc.file.Content[off:], got) {
				t.Errorf("%s: delivers %d bytes that are not the file's", tc.reason, len(got))
			}
		})
	}
}

func header(first int, change func(h http.Header, status *int)) rogue.Way {
	return rogue.Header(rogue.After(first), change)
}

// TestOddButRight are things that servers may do and that change nothing.
func TestOddButRight(t *testing.T) {
	good := file()
	cases := map[string]struct {
		reason string
		path   string
		ways   []rogue.Way
	}{
		"Packets":        {reason: "one byte a packet", ways: []rogue.Way{rogue.Packets(rogue.First(1))}},
		"EndlessParts":   {reason: "what follows the announced bytes is not read", ways: []rogue.Way{rogue.Endless(rogue.Always())}},
		"SomeWhole":      {reason: "a range near the beginning that is ignored is skipped to", ways: []rogue.Way{rogue.IgnoreRange(rogue.After(1))}},
		"NoAcceptRanges": {reason: "what a part says is believed, not what it promises", ways: []rogue.Way{header(0, func(h http.Header, _ *int) { h.Set("Accept-Ranges", "none") })}},
		"OwnEncoding":    {reason: "a compressed file that is labelled as what it is", path: "/disk.img.gz", ways: []rogue.Way{header(0, func(h http.Header, _ *int) { h.Set("Content-Encoding", "gzip") })}},
		"Identity":       {reason: "no encoding, by name", ways: []rogue.Way{header(0, func(h http.Header, _ *int) { h.Set("Content-Encoding", "identity") })}},
		"NoTagInParts":   {reason: "a server that pinned by If-Range need not repeat the tag", ways: []rogue.Way{header(1, func(h http.Header, _ *int) { h.Del("ETag") })}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := rogue.New(t, good, tc.ways...)
			f := mustOpen(t, options(srv.URL+tc.path))
			for _, r := range []disk.Extent{{Offset: 0, Length: 100}, {Offset: 70000, Length: 1 << 20}} {
				got, err := read(t.Context(), f, r.Offset, r.Length)
				if err != nil || !bytes.Equal(got, good.Content[r.Offset:r.End()]) {
					t.Errorf("%s: reading %d bytes at %d: %d bytes, %v", tc.reason, r.Length, r.Offset, len(got), err)
				}
			}
		})
	}
}

func TestRefusedAtOpening(t *testing.T) {
	good := file()
	never := func() (auth.Credentials, error) { return auth.Load("/does/not/exist") }
	cases := map[string]struct {
		reason string
		change func(o *httpurl.Options)
		ways   []rogue.Way
		want   transfer.Reason
		says   string
	}{
		"Scheme":      {reason: "not a web address", change: func(o *httpurl.Options) { o.URL = "ftp://user:hidden@host/" }, want: transfer.ReasonInvalidJob, says: "not an http or https URL"},
		"NotAURL":     {reason: "not an address at all", change: func(o *httpurl.Options) { o.URL = "http://[hidden" }, want: transfer.ReasonInvalidJob, says: "not an http or https URL"},
		"HeaderName":  {reason: "a header that cannot be sent", change: func(o *httpurl.Options) { o.Headers = []transfer.Header{{Name: "X Y", Value: "hidden"}} }, want: transfer.ReasonInvalidJob, says: "X Y"},
		"HeaderValue": {reason: "a header with a line break", change: func(o *httpurl.Options) { o.Headers = []transfer.Header{{Name: "X-Y", Value: "hidden\r\nHost: b"}} }, want: transfer.ReasonInvalidJob, says: "X-Y"},
		"HeaderOurs":  {reason: "a header that would break the read", change: func(o *httpurl.Options) { o.Headers = []transfer.Header{{Name: "range", Value: "hidden"}} }, want: transfer.ReasonInvalidJob, says: "set by the mover"},
		"Credentials": {reason: "the folder is not there", change: func(o *httpurl.Options) { o.Credentials = never }, want: transfer.ReasonUnauthorized, says: "cannot read credentials"},
		"Policy": {reason: "the operator forbids it", change: func(o *httpurl.Options) {
			o.CheckURL = func(*url.URL) error {
				return transfer.Terminal(transfer.ReasonPolicyDenied, errors.New("not this one"))
			}
		}, want: transfer.ReasonPolicyDenied, says: "not this one"},
		"Encoding": {reason: "compressed although nobody asked", ways: []rogue.Way{rogue.Gzip(rogue.Always())}, want: transfer.ReasonSourceRefused, says: `"gzip"`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := rogue.New(t, good, tc.ways...)
			o := options(srv.URL + "/disk.img")
			if tc.change != nil {
				tc.change(&o)
			}
			_, err := httpurl.New(t.Context(), o)
			if transfer.ReasonOf(err) != tc.want || !strings.Contains(err.Error(), tc.says) || strings.Contains(err.Error(), "hidden") {
				t.Errorf("%s: got %v (%s), want reason %s and %q", tc.reason, err, transfer.ReasonOf(err), tc.want, tc.says)
			}
		})
	}
}
