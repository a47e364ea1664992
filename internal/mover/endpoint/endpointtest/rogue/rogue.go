// SPDX-License-Identifier: Apache-2.0

// Package rogue is an HTTP server for tests that misbehaves on purpose.
//
// A server serves one file well, with ranges, an entity tag and If-Range. Each
// Way wraps it in one thing that real servers, proxies and links do wrong;
// several ways can be combined, the first being the outermost.
package rogue

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// A Way to misbehave wraps a handler.
type Way func(next http.Handler) http.Handler

// A File is what a server serves. The zero value of a field leaves the header
// out.
type File struct {
	Content  []byte
	ETag     string
	Modified time.Time
	Type     string
}

// A Server serves a file, badly.
type Server struct {
	*httptest.Server

	mu       sync.Mutex
	file     File
	requests []*http.Request
}

// New starts a server that ends with the test.
func New(t testing.TB, f File, ways ...Way) *Server {
	t.Helper()
	s := &Server{file: f}
	s.Server = httptest.NewServer(s.handler(ways))
	t.Cleanup(s.end)
	return s
}

// NewTLS starts a server that speaks https.
func NewTLS(t testing.TB, f File, ways ...Way) *Server {
	t.Helper()
	s := &Server{file: f}
	s.Server = httptest.NewUnstartedServer(s.handler(ways))
	s.Config.ErrorLog = silent()
	s.StartTLS()
	t.Cleanup(s.end)
	return s
}

// end does not wait for those who are still stalled.
func (s *Server) end() {
	s.CloseClientConnections()
	s.Close()
}

func (s *Server) handler(ways []Way) http.Handler {
	var h http.Handler = http.HandlerFunc(s.serve)
	for i := len(ways) - 1; i >= 0; i-- {
		h = ways[i](h)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.Clone(r.Context()))
		s.mu.Unlock()
		h.ServeHTTP(w, r)
	})
}

func (s *Server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f := s.file
	s.mu.Unlock()
	if f.ETag != "" {
		w.Header().Set("ETag", f.ETag)
	}
	if f.Type == "" {
		f.Type = "application/octet-stream"
	}
	w.Header().Set("Content-Type", f.Type)
	http.ServeContent(w, r, "", f.Modified, bytes.NewReader(f.Content))
}

// Change replaces the file.
func (s *Server) Change(f File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.file = f
}

// Requests returns every request so far.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

// A Count lets a way act on some of the requests. It may be shared.
type Count struct {
	mu   sync.Mutex
	n    int
	when func(n int) bool
}

// First counts the first n requests.
func First(n int) *Count { return &Count{when: func(i int) bool { return i < n }} }

// After counts all but the first n requests.
func After(n int) *Count { return &Count{when: func(i int) bool { return i >= n }} }

// Between counts requests from the one with number begin, counted from 0, to
// the one before end.
func Between(begin, end int) *Count {
	return &Count{when: func(i int) bool { return i >= begin && i < end }}
}

// Every counts each n-th request, beginning with the n-th.
func Every(n int) *Count { return &Count{when: func(i int) bool { return i%n == n-1 }} }

// Always counts every request.
func Always() *Count { return After(0) }

func (c *Count) hit() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.when(c.n - 1)
}

// on calls bad for the requests that are counted, and next for the others.
func on(c *Count, bad func(next http.Handler, w http.ResponseWriter, r *http.Request)) Way {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if c.hit() {
				bad(next, w, r)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}
