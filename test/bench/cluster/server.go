// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// imageSize is that of every disk: what is measured is not the transfer.
const imageSize = 16 << 20

// A server offers one raw disk under any name that ends in .raw, and knows for
// each name when its first and its last byte went out.
type server struct {
	*http.Server
	base   string
	disk   []byte
	digest string

	mu    sync.Mutex
	spans map[string]span
}

// A span is when something began and when it ended, so far.
type span struct{ first, last time.Time }

func serve(ctx context.Context, host string) (*server, error) {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", ":0")
	if err != nil {
		return nil, fmt.Errorf("cannot listen: %w", err)
	}
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		return nil, fmt.Errorf("cannot read address: %w", err)
	}
	s := &server{base: "http://" + net.JoinHostPort(host, port) + "/", disk: make([]byte, imageSize), spans: map[string]span{}}
	rand.NewChaCha8([32]byte{1}).Read(s.disk)
	sum := sha256.Sum256(s.disk)
	s.digest = "sha256:" + hex.EncodeToString(sum[:])
	s.Server = &http.Server{Handler: http.HandlerFunc(s.answer), ReadHeaderTimeout: time.Minute}
	go func() { _ = s.Serve(l) }()
	return s, nil
}

func (s *server) url(name string) string { return s.base + name + ".raw" }

func (s *server) answer(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimSuffix(path.Base(r.URL.Path), ".raw")
	w.Header().Set("ETag", strconv.Quote(s.digest))
	http.ServeContent(&clocked{w, s, name}, r, "", time.Time{}, bytes.NewReader(s.disk))
}

// moved notes that bytes of a name have gone out.
func (s *server) moved(name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	sp := s.spans[name]
	sp.last = time.Now()
	if sp.first.IsZero() {
		sp.first = sp.last
	}
	s.spans[name] = sp
}

// span is when the bytes of a name went out.
func (s *server) span(name string) span {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spans[name]
}

// clocked is an answer whose bytes are timed.
type clocked struct {
	http.ResponseWriter
	server *server
	name   string
}

// Write implements io.Writer.
func (c *clocked) Write(p []byte) (int, error) {
	n, err := c.ResponseWriter.Write(p)
	if n > 0 {
		c.server.moved(c.name)
	}
	return n, err //nolint:wrapcheck // The caller is the library's.
}
