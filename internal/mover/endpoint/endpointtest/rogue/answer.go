// SPDX-License-Identifier: Apache-2.0

package rogue

import (
	"fmt"
	"io"
	"log"
	"net/http"
	"strings"
	"sync"
)

func silent() *log.Logger { return log.New(io.Discard, "", 0) }

// header changes headers and status just before they are sent.
type header struct {
	http.ResponseWriter

	change func(h http.Header, status *int)
	sent   bool
}

// Unwrap is for http.ResponseController.
func (h *header) Unwrap() http.ResponseWriter { return h.ResponseWriter }

func (h *header) WriteHeader(status int) {
	h.change(h.Header(), &status)
	h.sent = true
	h.ResponseWriter.WriteHeader(status)
}

func (h *header) Write(p []byte) (int, error) {
	if !h.sent {
		h.WriteHeader(http.StatusOK)
	}
	return h.ResponseWriter.Write(p)
}

// Header changes the headers, and the status, of an answer.
func Header(c *Count, change func(h http.Header, status *int)) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		next.ServeHTTP(&header{ResponseWriter: w, change: change}, r)
	})
}

// Status answers with a status, headers given in pairs, and a text.
func Status(c *Count, status int, text string, headers ...string) Way {
	return on(c, func(_ http.Handler, w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	})
}

// IgnoreRange answers with the whole file.
func IgnoreRange(c *Count) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		r.Header.Del("Range")
		next.ServeHTTP(&header{ResponseWriter: w, change: func(h http.Header, _ *int) { h.Del("Accept-Ranges") }}, r)
	})
}

// IgnoreIfRange answers with a part whatever the version is.
func IgnoreIfRange(c *Count) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		r.Header.Del("If-Range")
		next.ServeHTTP(w, r)
	})
}

// WrongRange sends other bytes than were asked for. Its Content-Range says
// which, unless it lies about that too.
func WrongRange(c *Count, shift int64, lie bool) Way {
	return on(c, func(next http.Handler, w http.ResponseWriter, r *http.Request) {
		var first, last int64
		if _, err := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-%d", &first, &last); err != nil {
			next.ServeHTTP(w, r)
			return
		}
		r.Header.Set("Range", fmt.Sprintf("bytes=%d-%d", first+shift, last+shift))
		change := func(h http.Header, _ *int) {
			if _, total, ok := strings.Cut(h.Get("Content-Range"), "/"); ok && lie {
				h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%s", first, last, total))
			}
		}
		next.ServeHTTP(&header{ResponseWriter: w, change: change}, r)
	})
}

// NoHead refuses every method but GET, as a presigned URL does.
func NoHead() Way {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Method != http.MethodGet {
				http.Error(w, "only GET is signed", http.StatusForbidden)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Wants refuses requests without a header's value.
func Wants(name string, value func() string) Way {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get(name) != value() {
				http.Error(w, "wrong credentials", http.StatusUnauthorized)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

// Redirect sends requests for a path on to a URL.
func Redirect(path string, to func() string) Way {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != path {
				next.ServeHTTP(w, r)
				return
			}
			w.Header().Set("Location", to())
			w.WriteHeader(http.StatusFound)
		})
	}
}

// Signed redirects requests for a path to one whose signature is refused, with
// a status, after it has served a number of requests.
func Signed(path string, uses, status int) Way {
	var mu sync.Mutex
	used := map[string]int{}
	issued := 0
	issue := func() string {
		mu.Lock()
		defer mu.Unlock()
		issued++
		return fmt.Sprintf("/signed%s?signature=number-%d", path, issued)
	}
	use := func(signature string) bool {
		mu.Lock()
		defer mu.Unlock()
		used[signature]++
		return signature != "" && used[signature] <= uses
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s := r.URL.Query().Get("signature")
			switch {
			case r.URL.Path == path:
				w.Header().Set("Location", issue())
				w.WriteHeader(http.StatusFound)
			case use(s):
				next.ServeHTTP(w, r)
			default:
				w.Header().Set("Content-Type", "application/xml")
				w.WriteHeader(status)
				_, _ = fmt.Fprintf(w, "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>Request has expired</Message><Signature>%s</Signature></Error>", s)
			}
		})
	}
}
