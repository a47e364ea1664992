// SPDX-License-Identifier: Apache-2.0

package push_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/distribution"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// fault is that of a distribution.Proxy.
type fault = func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool

// chunk reports whether a request brings a chunk, not a whole blob.
func chunk(r *http.Request) bool {
	return r.Method == http.MethodPatch && r.Header.Get("Content-Range") != ""
}

// noChunks refuses all chunks.
func noChunks(status int) fault {
	return func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
		if chunk(r) {
			distribution.Refuse(w, status, "UNSUPPORTED", "on purpose")
		}
		return chunk(r)
	}
}

// oneChunk refuses a second chunk of a session, as a registry does that takes the
// first one for all.
func oneChunk(status int) fault {
	return func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
		second := chunk(r) && !strings.HasPrefix(r.Header.Get("Content-Range"), "0-")
		if second {
			distribution.Refuse(w, status, "BLOB_UPLOAD_UNKNOWN", "on purpose")
		}
		return second
	}
}

// smallChunks takes 4 MiB in a request that has a range, as GitHub's does.
func smallChunks(status int) func() fault {
	return func() fault {
		return func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
			large := chunk(r) && r.ContentLength > 4*mib
			if large {
				distribution.Refuse(w, status, "RANGE_INVALID", "the request body is too large")
			}
			return large
		}
	}
}

// amazon answers as Amazon's registry does: 201 to a chunk, the range of the
// first one to all, and 404 to whoever asks for a session. Its chunks are whole
// or not there: broken says which of them breaks before its first byte.
func amazon(broken int32) fault {
	var seen atomic.Int32
	var mu sync.Mutex
	first := ""
	return func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
		session := strings.Contains(r.URL.Path, "/blobs/uploads/")
		switch {
		case session && r.Method == http.MethodGet:
			distribution.Refuse(w, http.StatusNotFound, "BLOB_UPLOAD_UNKNOWN", "on purpose")
			return true
		case !chunk(r):
			return false
		case seen.Add(1) == broken:
			p.Cut(w, r, 0)
		}
		answer := httptest.NewRecorder()
		p.Forward(answer, r)
		mu.Lock()
		defer mu.Unlock()
		if first == "" {
			first = answer.Header().Get("Range")
		}
		status := answer.Code
		if status == http.StatusAccepted {
			status = http.StatusCreated
			answer.Header().Set("Range", first)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(status)
		_, _ = w.Write(answer.Body.Bytes())
		return true
	}
}

// TestWriterWithoutChunks exports to registries that take no chunks, or not such
// ones.
func TestWriterWithoutChunks(t *testing.T) {
	cutOnce := func(f fault) fault {
		var cut atomic.Bool
		return func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
			if r.Method == http.MethodPatch && !chunk(r) && cut.CompareAndSwap(false, true) {
				p.Cut(w, r, 20*mib)
			}
			return f(p, w, r)
		}
	}
	withTokens := func(f fault) fault {
		k := &distribution.Tokens{Uses: 1} // Each request is refused first.
		return func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
			return k.Fault(p, w, r) || f(p, w, r)
		}
	}
	cases := map[string]struct {
		reason string
		fault  fault
		chunks bool // it is uploaded in several requests in the end
		most   int64
	}{
		"BadRequest":     {"chunks are refused", noChunks(400), false, 60},
		"NotAllowed":     {"by another status", noChunks(405), false, 60},
		"LengthRequired": {"or another", noChunks(411), false, 60},
		"NotImplemented": {"or another", noChunks(501), false, 60},
		"Range":          {"the range is, however small the chunk is", noChunks(416), false, 100},
		"TooLarge":       {"the size is, however small the chunk is", noChunks(413), false, 100},
		"Second":         {"the first chunk is taken for all, and the session ends", oneChunk(404), false, 130},
		"SecondRange":    {"the second one's range is refused", oneChunk(416), false, 130},
		"SecondBad":      {"the second one is refused", oneChunk(400), false, 100},
		"Small":          {"chunks are taken that are small", smallChunks(416)(), true, 80},
		"SmallTooLarge":  {"the same, said otherwise", smallChunks(413)(), true, 80},
		"Amazon":         {"the range stands still", amazon(0), true, 37},
		"AmazonBreaks":   {"and nobody tells what arrived of a chunk that broke off", amazon(2), true, 60},
		"Breaks":         {"one request breaks off: it is made again", cutOnce(noChunks(400)), false, 100},
		"Tokens":         {"its token has expired: it is refused before a byte of it is sent", withTokens(noChunks(400)), false, 100},
	}
	b := layer()
	for name, tc := range cases {
		if testing.Short() && name != "Small" && name != "Second" && name != "AmazonBreaks" && name != "Breaks" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			r := distribution.Start(t)
			p := r.Before(t)
			var announced, chunks, whole atomic.Int64
			p.Fault(func(p *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
				if chunk(r) {
					chunks.Add(1)
				} else if r.Method == http.MethodPatch {
					whole.Add(1)
				}
				if r.Method == http.MethodPatch {
					announced.Add(max(r.ContentLength, 0))
				}
				return tc.fault(p, w, r)
			})
			o := options(t, p.Host)
			if _, _, err := export(t.Context(), o, b); err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			whole2(t, r, b)
			if tc.chunks != (whole.Load() == 0) {
				t.Errorf("%s: %d chunks and %d requests with all of it", tc.reason, chunks.Load(), whole.Load())
			}
			if n := announced.Load(); n > tc.most*mib {
				t.Errorf("%s: announced %d MiB in chunks, want at most %d", tc.reason, n/mib, tc.most)
			}
		})
	}
}

// TestWriterRefusesAll gives the registry's words when it takes a layer in no way.
func TestWriterRefusesAll(t *testing.T) {
	r := distribution.Start(t)
	p := r.Before(t)
	p.Fault(func(_ *distribution.Proxy, w http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodPatch {
			distribution.Refuse(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "it is read-only")
		}
		return r.Method == http.MethodPatch
	})
	_, _, err := export(t.Context(), options(t, p.Host), layer())
	if got := transfer.ReasonOf(err); got != transfer.ReasonTargetRefused || !strings.Contains(err.Error(), "it is read-only") {
		t.Errorf("got %s: %v", got, err)
	}
	if r.Manifest(t, "vms/golden", "v1") != nil || r.Uploads(t, "vms/golden") != 0 {
		t.Error("something is left")
	}
}
