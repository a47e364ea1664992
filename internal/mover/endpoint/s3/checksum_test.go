// SPDX-License-Identifier: Apache-2.0

package s3_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/crc64nvme"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/s3test/versity"
)

const unsignedBody = "UNSIGNED-PAYLOAD"

// carried is what the requests with parts bring of the parts.
type carried struct {
	mu   sync.Mutex
	seen []string
}

// note keeps what a request brings.
func (c *carried) note(r *http.Request) {
	if !versity.IsPart(r) {
		return
	}
	var what []string
	if r.Header.Get("X-Amz-Checksum-Crc64nvme") != "" {
		what = append(what, "crc")
	}
	if r.Header.Get("Content-Md5") != "" {
		what = append(what, "md5")
	}
	if r.Header.Get("X-Amz-Content-Sha256") != unsignedBody {
		what = append(what, "signed")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seen = append(c.seen, strings.Join(what, "+"))
}

// begins matches requests that begin an upload, with a checksum or not.
func begins(r *http.Request) bool { return r.Method == http.MethodPost && r.URL.Query().Has("uploads") }

func beginsWithChecksum(r *http.Request) bool {
	return begins(r) && r.Header.Get("X-Amz-Checksum-Algorithm") != ""
}

// forgets takes every checksum from the answers to some requests.
func forgets(w *world, match func(*http.Request) bool) versity.Fault {
	element := regexp.MustCompile(`<ChecksumCRC64NVME>[^<]*</ChecksumCRC64NVME>`)
	return versity.Times(versity.Always, match, w.proxy.Altered(func(h http.Header, body string) string {
		for name := range h {
			if strings.HasPrefix(name, "X-Amz-Checksum-") {
				h.Del(name)
			}
		}
		return element.ReplaceAllString(body, "")
	}))
}

// ignores is a store that has never heard of checksums.
func ignores(t *testing.T, w *world) versity.Fault {
	t.Helper()
	forget := forgets(w, versity.Any)
	return func(rw http.ResponseWriter, r *http.Request) bool {
		for name := range r.Header {
			if strings.HasPrefix(name, "X-Amz-Checksum-") {
				r.Header.Del(name)
			}
		}
		versity.Resign(t, r)
		return forget(rw, r)
	}
}

// TestChecksums sends to stores that know the checksum and to stores that do
// not, and looks at what is made of each part for them.
func TestChecksums(t *testing.T) {
	content := endpointtest.Content(1, 2*partSize+99)
	cases := map[string]struct {
		reason string
		fault  func(t *testing.T, w *world) versity.Fault
		first  string // what the first part brings
		last   string // and the last
		most   int    // parts that are sent
	}{
		"Known": {"the checksum proves the part, the signature its origin", func(*testing.T, *world) versity.Fault { return nil }, "crc+signed", "crc+signed", 3},
		"Refused": {"the store refuses it in its own words", func(*testing.T, *world) versity.Fault {
			return versity.Times(versity.Always, beginsWithChecksum, versity.Answer(400, "InvalidArgument", "Unsupported header"))
		}, "md5", "md5", 3},
		"Unknown": {"the store knows nothing of it", func(*testing.T, *world) versity.Fault {
			return versity.Times(versity.Always, beginsWithChecksum, versity.Answer(501, "NotImplemented", "what?"))
		}, "md5", "md5", 3},
		"Ignored": {"the store ignores it", ignores, "md5", "md5", 3},
		"Silent":  {"the store names it and never says that it has compared", func(_ *testing.T, w *world) versity.Fault { return forgets(w, versity.IsPart) }, "crc+signed", "crc+md5", 6},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			seen, fault := &carried{}, tc.fault(t, w)
			w.proxy.Set(func(rw http.ResponseWriter, r *http.Request) bool {
				seen.note(r)
				return fault != nil && fault(rw, r)
			})
			u := create(t, w.through)
			if _, err := putAll(t.Context(), u, content, offsets(u, content)); err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			w.holds(t, nil)
			placed, err := u.Commit(t.Context(), sumOf(content))
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			w.holds(t, content)
			if want := crc64nvme.Digest(crc64nvme.Checksum(content)); placed.Digest != want {
				t.Errorf("%s: the digest is %s, want %s", tc.reason, placed.Digest, want)
			}
			if n := len(seen.seen); seen.seen[0] != tc.first || seen.seen[n-1] != tc.last || n > tc.most {
				t.Errorf("%s: parts came with %q, want %q to %q", tc.reason, seen.seen, tc.first, tc.last)
			}
		})
	}
}

// TestResumeByWhatTheStoreTells goes on with parts that were sent in one way at a
// store that tells of them in another.
func TestResumeByWhatTheStoreTells(t *testing.T) {
	content := endpointtest.Content(1, 2*partSize+99)
	lists := func(r *http.Request) bool { return r.Method == http.MethodGet && r.URL.Query().Has("uploadId") }
	cases := map[string]struct {
		reason string
		before func(t *testing.T, w *world) versity.Fault
		then   func(t *testing.T, w *world) versity.Fault
	}{
		"ByTag":     {"the list tells no checksums", nil, func(_ *testing.T, w *world) versity.Fault { return forgets(w, lists) }},
		"WithMD5":   {"it was begun without a checksum", ignores, ignores},
		"SinceThen": {"the store has learned the checksum since", ignores, nil},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			if tc.before != nil {
				w.proxy.Set(tc.before(t, w))
			}
			begun(t, w.through, content, []int64{0, partSize})
			w.proxy.Set(nil)
			if tc.then != nil {
				w.proxy.Set(tc.then(t, w))
			}
			u := create(t, w.through)
			reused, err := putAll(t.Context(), u, content, offsets(u, content))
			if err != nil || reused != 2*partSize {
				t.Fatalf("%s: %d bytes reused, %v", tc.reason, reused, err)
			}
			if _, err := u.Commit(t.Context(), sumOf(content)); err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			w.holds(t, content)
		})
	}
}

// TestDamagedInTheStore lets a store say that it has taken other bytes than
// those that were sent: the part is sent again, and the object never is.
func TestDamagedInTheStore(t *testing.T) {
	w := newWorld(t)
	content := endpointtest.Content(1, 2*partSize)
	damaged := func(h http.Header, body string) string {
		h.Set("X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA=")
		return body
	}
	w.proxy.Set(versity.Times(1, versity.IsPart, w.proxy.Altered(damaged)))
	u := create(t, w.through)
	if _, err := putAll(t.Context(), u, content, offsets(u, content)); err != nil {
		t.Fatal(err)
	}
	sent := 0
	for _, r := range w.proxy.Requests() {
		if strings.Contains(r, "partNumber=") {
			sent++
		}
	}
	if sent != 3 {
		t.Errorf("%d parts were sent, want one of two again", sent)
	}
	if _, err := u.Commit(t.Context(), sumOf(content)); err != nil {
		t.Fatal(err)
	}
	w.holds(t, content)
}

// TestTheWholeIsCompared has a store compare the checksum of the whole before
// anything stands under the key.
func TestTheWholeIsCompared(t *testing.T) {
	w := newWorld(t)
	content := endpointtest.Content(1, 2*partSize)
	var sums []string
	w.proxy.Set(func(_ http.ResponseWriter, r *http.Request) bool {
		if versity.IsComplete(r) {
			sums = append(sums, r.Header.Get("X-Amz-Checksum-Crc64nvme"), r.Header.Get("X-Amz-Checksum-Type"))
			r.Header.Set("X-Amz-Checksum-Crc64nvme", "AAAAAAAAAAA=")
			versity.Resign(t, r)
		}
		return false
	})
	u := create(t, w.through)
	if _, err := putAll(t.Context(), u, content, offsets(u, content)); err != nil {
		t.Fatal(err)
	}
	if _, err := u.Commit(t.Context(), sumOf(content)); err == nil {
		t.Error("the store takes a checksum that is wrong")
	}
	w.holds(t, nil)
	if len(sums) == 0 || slices.Contains(sums, "") || sums[1] != "FULL_OBJECT" {
		t.Errorf("the last request has the checksums %q", sums)
	}
}
