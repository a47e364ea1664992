// SPDX-License-Identifier: Apache-2.0

package httpurl_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/rogue"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// stall is how long the tests wait for a silent server; none waits for less.
const stall = 200 * time.Millisecond

// size is larger than what is kept or skipped, and no multiple of anything.
const size = 2<<20 + 4321

func options(url string) httpurl.Options {
	return httpurl.Options{URL: url, Link: link.Options{Stall: 10 * time.Second, Proxy: noProxy}}
}

// file is what the server serves when nothing else is wanted.
func file() rogue.File {
	return rogue.File{Content: endpointtest.Content(11, size), ETag: `"v1"`, Modified: time.Unix(1700000000, 0)}
}

func mustOpen(t *testing.T, o httpurl.Options) *httpurl.File {
	t.Helper()
	f, err := httpurl.New(t.Context(), o)
	if err != nil {
		t.Fatalf("New(%s): %v", o.URL, err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

func read(ctx context.Context, f disk.File, off, n int64) ([]byte, error) {
	r, err := f.Open(ctx, off, n)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return io.ReadAll(io.LimitReader(r, 64<<20))
}

// store is a server and a client for the conformance suite.
type store struct {
	make  func(content []byte, version string) rogue.File
	ways  []rogue.Way
	tls   bool
	serve *rogue.Server
}

func (s *store) Put(t *testing.T, content []byte) disk.File {
	start := rogue.New
	if s.tls {
		start = rogue.NewTLS
	}
	s.serve = start(t, s.make(content, "1"), s.ways...)
	o := options(s.serve.URL + "/disk.img")
	if s.tls {
		o.Link.CAFile = caFile(t, s.serve)
	}
	f, err := httpurl.New(t.Context(), o)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return f
}

func (s *store) Missing(t *testing.T) error {
	srv := rogue.New(t, rogue.File{}, rogue.Status(rogue.Always(), http.StatusNotFound, "no such file"))
	_, err := httpurl.New(t.Context(), options(srv.URL))
	return err
}

// changer is a store whose server tells when its file has changed.
type changer struct{ *store }

func (s changer) Change(_ *testing.T, content []byte) { s.serve.Change(s.make(content, "2")) }

func TestConformance(t *testing.T) {
	tagged := func(content []byte, version string) rogue.File {
		return rogue.File{Content: content, ETag: `"` + version + `"`}
	}
	weak := func(content []byte, version string) rogue.File {
		return rogue.File{Content: content, ETag: `W/"` + version + `"`}
	}
	dated := func(content []byte, version string) rogue.File {
		return rogue.File{Content: content, Modified: time.Unix(1700000000+int64(len(version)+int(version[0])), 0)}
	}
	bare := func(content []byte, _ string) rogue.File { return rogue.File{Content: content} }
	none := func() rogue.Way { return rogue.IgnoreRange(rogue.Always()) }

	cases := map[string]struct {
		reason string
		make   func([]byte, string) rogue.File
		ways   func() []rogue.Way
		tls    bool
		tells  bool
	}{
		"Ranges":           {reason: "the usual server", make: tagged, tells: true},
		"TLS":              {reason: "the usual server with https", make: tagged, tls: true, tells: true},
		"WeakTag":          {reason: "a weak tag is compared, not sent", make: weak, tells: true},
		"Dated":            {reason: "the time of change stands in for a tag", make: dated, tells: true},
		"Bare":             {reason: "only the size is known", make: bare},
		"IgnoresIfRange":   {reason: "the answers' tags are compared", make: tagged, tells: true, ways: func() []rogue.Way { return []rogue.Way{rogue.IgnoreIfRange(rogue.Always())} }},
		"NoRanges":         {reason: "every read begins at byte 0", make: tagged, tells: true, ways: func() []rogue.Way { return []rogue.Way{none()} }},
		"NoRangesDated":    {reason: "without a tag too", make: dated, tells: true, ways: func() []rogue.Way { return []rogue.Way{none()} }},
		"Chunked":          {reason: "no length and no ranges", make: tagged, tells: true, ways: func() []rogue.Way { return []rogue.Way{rogue.Chunked(rogue.Always()), none()} }},
		"ChunkedParts":     {reason: "parts without a Content-Length", make: tagged, tells: true, ways: func() []rogue.Way { return []rogue.Way{rogue.Chunked(rogue.Always())} }},
		"OldStyle":         {reason: "HTTP/1.0, the connection's end is the file's", make: bare, ways: func() []rogue.Way { return []rogue.Way{rogue.OldStyle(rogue.Always(), -1)} }},
		"NoRangesAtFirst":  {reason: "a cold cache answers the first request whole", make: tagged, tells: true, ways: func() []rogue.Way { return []rogue.Way{rogue.IgnoreRange(rogue.First(1))} }},
		"RedirectedSigned": {reason: "each signature serves two requests", make: tagged, tells: true, ways: func() []rogue.Way { return []rogue.Way{rogue.Signed("/disk.img", 2, http.StatusForbidden)} }},
		"OnlyGet":          {reason: "a presigned URL refuses HEAD", make: tagged, tells: true, ways: func() []rogue.Way { return []rogue.Way{rogue.NoHead()} }},
		"EndlessParts":     {reason: "more bytes follow than were announced", make: tagged, tells: true, ways: func() []rogue.Way { return []rogue.Way{rogue.Endless(rogue.Always())} }},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			endpointtest.Run(t, func(*testing.T) endpointtest.Store {
				s := &store{make: tc.make, tls: tc.tls}
				if tc.ways != nil {
					s.ways = tc.ways()
				}
				if tc.tells {
					return changer{s}
				}
				return s
			})
		})
	}
}

func TestStat(t *testing.T) {
	whole := file()
	cases := map[string]struct {
		reason string
		file   rogue.File
		ways   []rogue.Way
		want   disk.Stat
	}{
		"StrongTag": {
			reason: "the tag is preferred to the date",
			file:   whole,
			want:   disk.Stat{Size: size, Validator: `"v1"`, Ranged: true, ContentType: "application/octet-stream"},
		},
		"Dated": {
			reason: "the date is the validator where there is no tag",
			file:   rogue.File{Content: whole.Content, Modified: whole.Modified},
			want:   disk.Stat{Size: size, Validator: "Tue, 14 Nov 2023 22:13:20 GMT", Ranged: true, ContentType: "application/octet-stream"},
		},
		"Chunked": {
			reason: "a whole answer without length has no size",
			file:   whole,
			ways:   []rogue.Way{rogue.Chunked(rogue.Always()), rogue.IgnoreRange(rogue.Always())},
			want:   disk.Stat{Size: disk.Unknown, Validator: `"v1"`, ContentType: "application/octet-stream"},
		},
		"SmallChunked": {
			reason: "the size of a small one is learned by reading it",
			file:   rogue.File{Content: []byte("small")},
			ways:   []rogue.Way{rogue.Chunked(rogue.Always()), rogue.IgnoreRange(rogue.Always())},
			want:   disk.Stat{Size: 5, ContentType: "application/octet-stream"},
		},
		"WebPage": {
			reason: "the type is told, so that detection can refuse a page",
			file:   rogue.File{Content: []byte("<html>Please log in</html>"), Type: "text/html; charset=utf-8"},
			want:   disk.Stat{Size: 26, Ranged: true, ContentType: "text/html; charset=utf-8"},
		},
		"UnknownTotal": {
			reason: "a part of an unknown whole is not enough: the whole is asked for",
			file:   whole,
			ways: []rogue.Way{rogue.Header(rogue.First(1), func(h http.Header, _ *int) {
				h.Set("Content-Range", strings.Replace(h.Get("Content-Range"), "/2101473", "/*", 1))
			})},
			want: disk.Stat{Size: size, Validator: `"v1"`, ContentType: "application/octet-stream"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := rogue.New(t, tc.file, tc.ways...)
			f := mustOpen(t, options(srv.URL+"/images/disk.img?X-Amz-Signature=secret#top"))
			tc.want.Name = srv.URL + "/images/disk.img"
			if diff := cmp.Diff(tc.want, f.Stat()); diff != "" {
				t.Errorf("%s: Stat(): -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestRequestsAreFew(t *testing.T) {
	cases := map[string]struct {
		reason string
		ways   []rogue.Way
		want   []string
	}{
		"Ranged": {
			reason: "the head is fetched once, and the rest from where it ends",
			want:   []string{"bytes=0-65535", "bytes=65536-2101472"},
		},
		"NoRanges": {
			reason: "the opening request's answer is read to its end",
			ways:   []rogue.Way{rogue.IgnoreRange(rogue.Always())},
			want:   []string{"bytes=0-65535"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			f := file()
			srv := rogue.New(t, f, tc.ways...)
			h := mustOpen(t, options(srv.URL))
			if _, err := read(t.Context(), h, 0, 64<<10); err != nil {
				t.Fatalf("reading the head: %v", err)
			}
			got, err := read(t.Context(), h, 0, -1)
			if err != nil || !bytes.Equal(got, f.Content) {
				t.Fatalf("reading all: %d bytes, %v", len(got), err)
			}
			var ranges []string
			for _, r := range srv.Requests() {
				if r.Method != http.MethodGet || r.Proto != "HTTP/1.1" || r.Header.Get("Accept-Encoding") != "identity" {
					t.Errorf("%s: request %s %s with Accept-Encoding %q", tc.reason, r.Method, r.Proto, r.Header.Get("Accept-Encoding"))
				}
				ranges = append(ranges, r.Header.Get("Range"))
			}
			// The way that ignores ranges removes them from its own copy only.
			if diff := cmp.Diff(tc.want, ranges); diff != "" {
				t.Errorf("%s: ranges: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestOpeningRequestOutlivesItsContext(t *testing.T) {
	f := file()
	srv := rogue.New(t, f, rogue.IgnoreRange(rogue.Always()))
	ctx, cancel := context.WithCancel(t.Context())
	h, err := httpurl.New(ctx, options(srv.URL))
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	defer h.Close()
	cancel()
	got, err := read(t.Context(), h, 0, -1)
	if err != nil || !bytes.Equal(got, f.Content) {
		t.Errorf("reading all: %d bytes, %v", len(got), err)
	}
}

func TestContextEndsWaiting(t *testing.T) {
	cases := map[string]struct {
		reason string
		way    rogue.Way
	}{
		"Opening": {"a server that does not answer", rogue.Silent(rogue.Always())},
		"Head":    {"a server that stops in the first answer", rogue.Stall(rogue.Always(), 100)},
		"Reading": {"a server that stops in the second", rogue.Stall(rogue.After(1), 100)},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			srv := rogue.New(t, file(), tc.way)
			ctx, cancel := context.WithTimeout(t.Context(), stall)
			defer cancel()
			f, err := httpurl.New(ctx, options(srv.URL))
			if err == nil {
				defer f.Close()
				_, err = read(ctx, f, 1<<20, -1)
			}
			if !errors.Is(err, context.DeadlineExceeded) || transfer.ReasonOf(err) != transfer.ReasonDeadlineExceeded {
				t.Errorf("%s: got %v, want %v", tc.reason, err, context.DeadlineExceeded)
			}
		})
	}
}
