// SPDX-License-Identifier: Apache-2.0

package rogue

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"time"
)

// cutter ends a body after left bytes with what end does.
type cutter struct {
	http.ResponseWriter

	left int64
	end  func()
}

func (c *cutter) Write(p []byte) (int, error) {
	if int64(len(p)) < c.left {
		c.left -= int64(len(p))
		return c.ResponseWriter.Write(p)
	}
	n, _ := c.ResponseWriter.Write(p[:c.left])
	c.left = 0
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	c.end()
	return n, http.ErrAbortHandler
}

// Unwrap is for http.ResponseController.
func (c *cutter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// Drop closes the connection after that many bytes of a body.
func Drop(c *Count, bytes func() int64) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&cutter{w, bytes(), func() { panic(http.ErrAbortHandler) }}, r)
	})
}

// Constant is for the number of bytes of a way.
func Constant(n int64) func() int64 { return func() int64 { return n } }

// Stall sends that many bytes of a body and then nothing until the client has
// had enough.
func Stall(c *Count, bytes int64) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&cutter{w, bytes, func() { <-r.Context().Done() }}, r)
	})
}

// Silent never answers.
func Silent(c *Count) Way {
	return on(c, func(_ http.Handler, _ http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
}

// Cut announces less than was asked for, in Content-Length and Content-Range,
// as caches with a largest range do.
func Cut(c *Count, largest int64) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		var first, last int64
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err == nil {
			r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first, min(last, first+largest-1)))
		}
		next.ServeHTTP(w, r)
	})
}

// Packets sends each byte by itself.
func Packets(c *Count) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(dribbler{w}, r)
	})
}

type dribbler struct{ http.ResponseWriter }

func (d dribbler) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := d.ResponseWriter.Write(p[i : i+1]); err != nil {
			return i, err
		}
		if err := http.NewResponseController(d.ResponseWriter).Flush(); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// Unwrap is for http.ResponseController.
func (d dribbler) Unwrap() http.ResponseWriter { return d.ResponseWriter }

// Chunked leaves the length out.
func Chunked(c *Count) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&header{ResponseWriter: w, change: func(h http.Header, _ *int) { h.Del("Content-Length") }}, r)
	})
}

// Endless sends bytes behind each part, without an end.
func Endless(c *Count) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		part := false
		next.ServeHTTP(&header{ResponseWriter: w, change: func(h http.Header, status *int) {
			if part = *status == http.StatusPartialContent; part {
				h.Del("Content-Length")
			}
		}}, r)
		junk := bytes.Repeat([]byte("junk"), 16<<10)
		for part && r.Context().Err() == nil {
			if _, err := w.Write(junk); err != nil {
				return
			}
		}
	})
}

// Gzip compresses although nobody asked.
func Gzip(c *Count) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		w.Header().Del("Content-Length")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write(rec.Body.Bytes())
		_ = z.Close()
	})
}

// OldStyle answers in HTTP/1.0 with neither length nor chunks: the end of the
// connection is the end of the body. It ends it after that many bytes; all
// when negative.
func OldStyle(c *Count, bytes int) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		rec := httptest.NewRecorder()
		next.ServeHTTP(rec, r)
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		body := rec.Body.Bytes()
		if bytes >= 0 {
			body = body[:min(bytes, len(body))]
		}
		_, _ = conn.Write(append([]byte("HTTP/1.0 200 OK\r\n\r\n"), body...))
	})
}

// Slow waits before it answers.
func Slow(c *Count, d time.Duration) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		select {
		case <-time.After(d):
			next.ServeHTTP(w, r)
		case <-r.Context().Done():
		}
	})
}

// HugeHeaders sends that many bytes of headers.
func HugeHeaders(c *Count, bytes int) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		for i := range bytes / 1024 {
			w.Header().Set("X-Huge-"+strconv.Itoa(i), strings.Repeat("h", 1024))
		}
		next.ServeHTTP(w, r)
	})
}
