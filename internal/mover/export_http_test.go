// SPDX-License-Identifier: Apache-2.0

package mover_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// An upload is one request that brings a file.
type upload struct {
	Method, Path, Expect, IfMatch, IfNoneMatch string
	Length                                     int64
}

// taker is an HTTP server that keeps what is uploaded, as RFC 9110 wants it. Its
// hooks make it misbehave; they run one at a time.
type taker struct {
	*httptest.Server

	// take answers an upload itself, or returns false; try counts from 1. keep
	// changes what is kept. heads answers a HEAD or a GET itself, or returns false.
	take  func(w http.ResponseWriter, r *http.Request, try int) bool
	keep  func(content []byte) []byte
	heads func(w http.ResponseWriter, r *http.Request, uploads int) bool

	ignorant bool // It knows no conditions.
	tagless  bool // It has no entity tags.

	received atomic.Int64 // bytes of all requests, heads and bodies

	mu      sync.Mutex
	files   map[string][]byte
	uploads []upload
	looks   int // requests that brought nothing
}

// counting counts what arrives.
type counting struct {
	net.Listener

	n *atomic.Int64
}

type countedConn struct {
	net.Conn

	n *atomic.Int64
}

func (l counting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return countedConn{c, l.n}, err
}

func (c countedConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.n.Add(int64(n))
	return n, err
}

func newTaker(t *testing.T) *taker {
	t.Helper()
	k := &taker{files: map[string][]byte{}}
	k.Server = httptest.NewUnstartedServer(k)
	k.Listener = counting{k.Listener, &k.received}
	k.Start()
	t.Cleanup(k.Close)
	return k
}

// ServeHTTP implements http.Handler.
func (k *taker) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodHead || r.Method == http.MethodGet {
		k.show(w, r)
		return
	}
	k.mu.Lock()
	k.uploads = append(k.uploads, upload{
		r.Method, r.URL.Path, r.Header.Get("Expect"), r.Header.Get("If-Match"), r.Header.Get("If-None-Match"), r.ContentLength,
	})
	try := len(k.uploads)
	k.mu.Unlock()
	if k.take != nil && k.take(w, r, try) {
		return
	}
	if !k.holds(r) {
		w.WriteHeader(http.StatusPreconditionFailed)
		return
	}
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	if k.keep != nil {
		content = k.keep(content)
	}
	k.put(r.URL.Path, content)
	k.tag(w, content)
	w.WriteHeader(http.StatusCreated)
}

func (k *taker) show(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	k.looks++
	uploads := len(k.uploads)
	k.mu.Unlock()
	if k.heads != nil && k.heads(w, r, uploads) {
		return
	}
	content, ok := k.get(r.URL.Path)
	if !ok {
		http.NotFound(w, r)
		return
	}
	k.tag(w, content)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// holds reports whether a request's conditions do.
func (k *taker) holds(r *http.Request) bool {
	content, ok := k.get(r.URL.Path)
	if tag := r.Header.Get("If-Match"); tag != "" && !k.ignorant && (!ok || tag != tagOf(content)) {
		return false
	}
	return r.Header.Get("If-None-Match") == "" || k.ignorant || !ok
}

func tagOf(content []byte) string { return fmt.Sprintf(`"%x"`, sha256.Sum256(content)) }

func (k *taker) tag(w http.ResponseWriter, content []byte) {
	if !k.tagless {
		w.Header().Set("ETag", tagOf(content))
	}
}

func (k *taker) put(path string, content []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.files[path] = content
}

func (k *taker) get(path string) ([]byte, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	content, ok := k.files[path]
	return content, ok
}

// asked returns the uploads so far.
func (k *taker) asked() []upload {
	k.mu.Lock()
	defer k.mu.Unlock()
	return append([]upload(nil), k.uploads...)
}

func (k *taker) looked() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.looks
}

func httpJob(from, url string, k kind) *transfer.Job {
	j := exportJob(from, "", k.format, k.algorithm)
	j.Artifact.File = nil
	j.Artifact.HTTP = &transfer.HTTPUpload{HTTPSource: transfer.HTTPSource{URL: url}}
	return j
}

// rawJob uploads a disk as it is.
func rawJob(from, url string) *transfer.Job {
	return httpJob(from, url, kind{"raw", transfer.ArtifactRaw, transfer.CompressionNone})
}

// TestExportHTTP uploads every disk in every format, by requests that ask first
// and have a length where it can be known.
func TestExportHTTP(t *testing.T) {
	for name, from := range disks(t) {
		if name == "sparse" {
			continue // The server of this test keeps all in memory.
		}
		for _, k := range kinds() {
			t.Run(name+"/"+k.name, func(t *testing.T) {
				s := newTaker(t)
				j := httpJob(from, s.URL+"/disk?signature=secret", k)
				j.Artifact.ReadBack = name == "mixed"
				r := run(t, j)
				if !r.Succeeded() {
					t.Fatalf("%s: %s", r.Reason, r.Message)
				}
				got, _ := s.get("/disk")
				want := transfer.ArtifactFacts{
					URI: s.URL + "/disk", Format: k.format, Digest: fmt.Sprintf("sha256:%x", sha256.Sum256(got)), Size: int64(len(got)),
					ContentDigest: contentDigest(t, from), Validator: tagOf(got),
				}
				if r.Artifact != want {
					t.Errorf("artifact: got %+v, want %+v", r.Artifact, want)
				}
				length := int64(len(got))
				if k.name == "raw.zst" || k.name == "raw.gz" {
					length = -1
				}
				request := []upload{{Method: http.MethodPut, Path: "/disk", Expect: "100-continue", IfNoneMatch: "*", Length: length}}
				if diff := cmp.Diff(request, s.asked()); diff != "" {
					t.Errorf("requests: -want, +got:\n%s", diff)
				}
				to := filepath.Join(t.TempDir(), "got")
				if err := os.WriteFile(to, got, 0o600); err != nil {
					t.Fatal(err)
				}
				readable(t, k, from, to)
			})
		}
	}
}

// TestExportHTTPPost posts: what is at the URL then says nothing, and is not asked
// for.
func TestExportHTTPPost(t *testing.T) {
	from := disks(t)["mixed"]
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			s := newTaker(t)
			s.put("/form", []byte("<form>Post disks here</form>"))
			var got []byte
			s.keep = func(content []byte) []byte {
				got = content
				return []byte("<form>One more?</form>")
			}
			j := httpJob(from, s.URL+"/form", k)
			j.Artifact.HTTP.Method = http.MethodPost
			r := run(t, j)
			if !r.Succeeded() {
				t.Fatalf("%s: %s", r.Reason, r.Message)
			}
			if want := fmt.Sprintf("sha256:%x", sha256.Sum256(got)); r.Artifact.Digest != want || r.Artifact.Size != int64(len(got)) {
				t.Errorf("artifact: got %+v, want %d bytes with %s", r.Artifact, len(got), want)
			}
			u := s.asked()
			if len(u) != 1 || u[0].Method != http.MethodPost || u[0].Expect != "100-continue" || u[0].IfMatch+u[0].IfNoneMatch != "" || s.looked() != 0 {
				t.Errorf("got %+v and %d other requests, want one POST that asks first", u, s.looked())
			}
			to := filepath.Join(t.TempDir(), "got")
			if err := os.WriteFile(to, got, 0o600); err != nil {
				t.Fatal(err)
			}
			readable(t, k, from, to)
		})
	}
}

// TestExportHTTPFaults is what a server can do to an upload.
func TestExportHTTPFaults(t *testing.T) {
	from := disks(t)["random"]
	cases := map[string]struct {
		reason string
		take   func(w http.ResponseWriter, r *http.Request, try int) bool
		want   transfer.Reason
		tries  int
	}{
		"Busy": {"a server that is busy for a moment is asked again", func(w http.ResponseWriter, _ *http.Request, try int) bool {
			if try < 3 {
				w.WriteHeader(http.StatusServiceUnavailable)
			}
			return try < 3
		}, "", 3},
		"Breaks": {"a body that breaks is begun again", func(_ http.ResponseWriter, r *http.Request, try int) bool {
			if try < 3 {
				_, _ = io.CopyN(io.Discard, r.Body, mib)
				panic(http.ErrAbortHandler)
			}
			return false
		}, "", 3},
		"Redirects": {"a redirect is followed", func(w http.ResponseWriter, r *http.Request, _ int) bool {
			if r.URL.Path == "/disk" {
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
				return true
			}
			return false
		}, "", 2},
		"Loop":         {"redirects end", redirect, transfer.ReasonTooManyRedirects, 12},
		"Unauthorized": {"credentials are wanted", status(http.StatusUnauthorized), transfer.ReasonUnauthorized, 1},
		"Forbidden":    {"other credentials are wanted", status(http.StatusForbidden), transfer.ReasonUnauthorized, 1},
		"TooLarge":     {"the server's limit", status(http.StatusRequestEntityTooLarge), transfer.ReasonTargetRefused, 1},
		"Missing":      {"there is no such folder", status(http.StatusNotFound), transfer.ReasonTargetRefused, 1},
		"NoMethod":     {"the server knows no PUT, with a condition or without", status(http.StatusNotImplemented), transfer.ReasonTargetRefused, 2},
		"Full":         {"the server's disk is full", status(http.StatusInsufficientStorage), transfer.ReasonOutOfSpace, 1},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newTaker(t)
			s.take = tc.take
			r := run(t, rawJob(from, s.URL+"/disk"))
			asked := s.asked()
			if r.Reason != tc.want || len(asked) != tc.tries {
				t.Errorf("%s: got %s (%s) after %d requests, want %q after %d", tc.reason, r.Reason, r.Message, len(asked), tc.want, tc.tries)
			}
			for _, u := range asked {
				if u.Expect != "100-continue" {
					t.Errorf("%s: a request does not ask first: %+v", tc.reason, u)
				}
			}
			if tc.want != "" {
				if n := s.received.Load(); n > 16*kib {
					t.Errorf("%s: %d bytes were sent to a server that refuses them", tc.reason, n)
				}
				return
			}
			got, _ := s.get(asked[len(asked)-1].Path)
			if content, _ := os.ReadFile(from); !bytes.Equal(content, got) {
				t.Errorf("%s: the server got something else", tc.reason)
			}
		})
	}
}

func redirect(w http.ResponseWriter, r *http.Request, _ int) bool {
	http.Redirect(w, r, "/again", http.StatusPermanentRedirect)
	return true
}

func status(code int) func(http.ResponseWriter, *http.Request, int) bool {
	return func(w http.ResponseWriter, _ *http.Request, _ int) bool {
		w.WriteHeader(code)
		return true
	}
}

// other is what another writer has: it is as large as the disk "random".
func other() []byte { return endpointtest.Content(99, 10*mib) }

// TestExportHTTPContested has others write to the same name, or seem to.
func TestExportHTTPContested(t *testing.T) {
	from := disks(t)["random"]
	wrote := func(s *taker, content []byte, at int) {
		s.take = func(_ http.ResponseWriter, r *http.Request, try int) bool {
			if try == at {
				s.put(r.URL.Path, content)
			}
			return false
		}
	}
	// lost takes an upload and says nothing.
	lost := func(s *taker, keep func([]byte) []byte) {
		s.take = func(_ http.ResponseWriter, r *http.Request, try int) bool {
			if try == 1 {
				content, _ := io.ReadAll(r.Body)
				s.put(r.URL.Path, keep(content))
				panic(http.ErrAbortHandler)
			}
			return false
		}
	}
	refuses := func(code int) func(http.ResponseWriter, *http.Request, int) bool {
		return func(w http.ResponseWriter, r *http.Request, _ int) bool {
			conditional := r.Header.Get("If-Match")+r.Header.Get("If-None-Match") != ""
			if conditional {
				w.WriteHeader(code)
			}
			return conditional
		}
	}
	old := []byte("an older artifact")
	cases := map[string]struct {
		reason  string
		prepare func(s *taker)
		want    transfer.Reason
		message string
		puts    []upload // of which the conditions are compared
	}{
		"Replaces": {"what stood there is replaced, if it is still that", func(s *taker) {
			s.put("/disk", old)
		}, "", "", []upload{{IfMatch: tagOf(old)}}},
		"NoTag": {"where nothing names what stood there no condition can be made", func(s *taker) {
			s.put("/disk", old)
			s.tagless = true
		}, "", "", []upload{{}}},
		"Appears": {"another writer was faster", func(s *taker) {
			wrote(s, other(), 1)
		}, transfer.ReasonTargetChanged, "put a file there meanwhile: there is a file of 10485760 bytes", []upload{{IfNoneMatch: "*"}}},
		"Replaced": {"another writer has replaced what stood there", func(s *taker) {
			s.put("/disk", old)
			wrote(s, other(), 1)
		}, transfer.ReasonTargetChanged, "replaced the file that was there", []upload{{IfMatch: tagOf(old)}}},
		"AppearsUnnoticed": {"a server without conditions does not notice; the last look does", func(s *taker) {
			s.ignorant = true
			wrote(s, other(), 1)
		}, transfer.ReasonTargetChanged, "put a file there meanwhile", []upload{{IfNoneMatch: "*"}}},
		"ReplacedAfter": {"another writer comes later, with another size", func(s *taker) {
			s.tagless = true
			s.keep = func([]byte) []byte { return other()[mib:] }
		}, transfer.ReasonTargetChanged, "a file of 9437184 bytes, and 10485760 bytes were sent", []upload{{IfNoneMatch: "*"}}},
		"ReplacedAfterSameSize": {"or with another tag", func(s *taker) {
			s.heads = func(_ http.ResponseWriter, _ *http.Request, uploads int) bool {
				if _, taken := s.get("/disk"); taken && uploads == 1 {
					s.put("/disk", other())
				}
				return false
			}
		}, transfer.ReasonTargetChanged, "with entity tag", []upload{{IfNoneMatch: "*"}}},
		"AnswerLost": {"the file that stands in the way is our own", func(s *taker) {
			lost(s, func(content []byte) []byte { return content })
		}, "", "", []upload{{IfNoneMatch: "*"}, {IfNoneMatch: "*"}, {IfMatch: "its own"}}},
		"AnswerLostInPart": {"or what a server keeps of one that it did not get whole", func(s *taker) {
			lost(s, func(content []byte) []byte { return content[:mib] })
		}, "", "", []upload{{IfNoneMatch: "*"}, {IfNoneMatch: "*"}, {IfMatch: "its own"}}},
		"AnswerLostOfAnother": {"or it cannot be", func(s *taker) {
			lost(s, func(content []byte) []byte { return append(content, 1) })
		}, transfer.ReasonTargetChanged, "an earlier request, of which no answer came, had 10485760 bytes at most", []upload{{IfNoneMatch: "*"}, {IfNoneMatch: "*"}}},
		"Contradicts": {"a server whose conditions do not work is asked without", func(s *taker) {
			s.put("/disk", old)
			s.take = refuses(http.StatusPreconditionFailed)
		}, "", "", []upload{{IfMatch: tagOf(old)}, {}}},
		"Unknown": {"as is one that knows none", func(s *taker) {
			s.take = refuses(http.StatusNotImplemented)
		}, "", "", []upload{{IfNoneMatch: "*"}, {}}},
		"Signed": {"a URL that is signed for PUT alone is not asked about", func(s *taker) {
			s.heads = status(http.StatusForbidden)
		}, "", "", []upload{{}}},
		"NoHead": {"nor a server that does not know the question", func(s *taker) {
			s.heads = status(http.StatusMethodNotAllowed)
		}, "", "", []upload{{}}},
		"BusyAtFirst": {"a server that is busy for a moment is asked again", func(s *taker) {
			busy := 2
			s.heads = func(w http.ResponseWriter, _ *http.Request, _ int) bool {
				busy--
				if busy >= 0 {
					w.WriteHeader(http.StatusServiceUnavailable)
				}
				return busy >= 0
			}
		}, "", "", []upload{{IfNoneMatch: "*"}}},
		"Moved": {"a condition is made of what stands where redirects end", func(s *taker) {
			s.put("/elsewhere", old)
			s.take = func(w http.ResponseWriter, r *http.Request, try int) bool {
				if try == 1 {
					http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
				}
				return try == 1
			}
		}, "", "", []upload{{IfNoneMatch: "*"}, {IfMatch: tagOf(old)}}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newTaker(t)
			tc.prepare(s)
			r := run(t, rawJob(from, s.URL+"/disk"))
			if r.Reason != tc.want || !strings.Contains(r.Message, tc.message) {
				t.Errorf("%s: got %s: %s; want %q with %q", tc.reason, r.Reason, r.Message, tc.want, tc.message)
			}
			content, err := os.ReadFile(from)
			if err != nil {
				t.Fatal(err)
			}
			var got []upload
			for _, u := range s.asked() {
				c := upload{IfMatch: u.IfMatch, IfNoneMatch: u.IfNoneMatch}
				if strings.HasPrefix(name, "AnswerLost") && c.IfMatch != "" {
					c.IfMatch = "its own"
				}
				got = append(got, c)
			}
			if diff := cmp.Diff(tc.puts, got); diff != "" {
				t.Errorf("%s: conditions: -want, +got:\n%s", tc.reason, diff)
			}
			asked := s.asked()
			there, _ := s.get(asked[len(asked)-1].Path)
			if right := bytes.Equal(there, content); right != (tc.want == "") {
				t.Errorf("%s: the artifact is there: %t", tc.reason, right)
			}
		})
	}
}

// TestExportHTTPNotKept has servers that take an artifact and show something else.
func TestExportHTTPNotKept(t *testing.T) {
	from := disks(t)["random"]
	cases := map[string]struct {
		reason  string
		prepare func(s *taker)
		want    transfer.Reason
		message string
	}{
		"Dropped": {"there is nothing", func(s *taker) {
			s.heads = status(http.StatusNotFound)
		}, transfer.ReasonTargetUnavailable, "there is nothing, and 10485760 bytes were sent"},
		"Late": {"there is nothing at first", func(s *taker) {
			late := true
			s.heads = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				if _, taken := s.get("/disk"); !taken || !late {
					return false
				}
				late = false
				w.WriteHeader(http.StatusNotFound)
				return true
			}
		}, "", ""},
		"Cut": {"the server has less, and calls it what it called the artifact", func(s *taker) {
			s.keep = func(content []byte) []byte { return content[:mib] }
		}, transfer.ReasonTargetError, "there is a file of 1048576 bytes, and 10485760 bytes were sent"},
		"CutWithoutTag": {"or does not say which it is", func(s *taker) {
			s.tagless = true
			s.keep = func(content []byte) []byte { return content[:mib] }
		}, transfer.ReasonTargetChanged, "or the server did not keep all of it"},
		"SizeUnknown": {"a size that is not told is not compared", func(s *taker) {
			s.heads = func(w http.ResponseWriter, r *http.Request, _ int) bool {
				content, taken := s.get("/disk")
				if taken {
					s.tag(w, content)
				}
				return taken
			}
		}, "", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			s := newTaker(t)
			tc.prepare(s)
			j := rawJob(from, s.URL+"/disk")
			j.Limits.Retries = new(2)
			r := run(t, j)
			if r.Reason != tc.want || !strings.Contains(r.Message, tc.message) {
				t.Errorf("%s: got %s: %s; want %q with %q", tc.reason, r.Reason, r.Message, tc.want, tc.message)
			}
			if n := len(s.asked()); n != 1 {
				t.Errorf("%s: the artifact was sent %d times", tc.reason, n)
			}
		})
	}
}

// TestExportHTTPPolicy asks the policy before it looks.
func TestExportHTTPPolicy(t *testing.T) {
	s := newTaker(t)
	j := rawJob(disks(t)["odd"], s.URL+"/disk")
	j.Policy = transfer.Policy{}
	if r := run(t, j); r.Reason != transfer.ReasonPolicyDenied || s.looked()+len(s.asked()) != 0 {
		t.Errorf("got %s: %s after %d requests", r.Reason, r.Message, s.looked()+len(s.asked()))
	}
}
