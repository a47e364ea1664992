// SPDX-License-Identifier: Apache-2.0

package versity

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// A Proxy stands before a server and misbehaves as a test tells it.
type Proxy struct {
	URL     string
	forward *httputil.ReverseProxy

	mu       sync.Mutex
	fault    Fault
	requests []string // method and query of each
	bodies   int64    // bytes of parts and objects that were sent
}

// A Fault may answer a request itself; otherwise it reaches the server.
type Fault func(w http.ResponseWriter, r *http.Request) (answered bool)

// NewProxy starts a proxy before a server.
func NewProxy(t *testing.T, s *Server) *Proxy {
	t.Helper()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	p := &Proxy{forward: &httputil.ReverseProxy{
		// The host stays the one that was signed.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = u.Scheme, u.Host, r.In.Host
		},
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
	}}
	srv := httptest.NewServer(p)
	t.Cleanup(srv.Close)
	p.URL = srv.URL
	return p
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r.Method+" "+r.URL.RawQuery)
	fault := p.fault
	p.mu.Unlock()
	r.Body = &counted{r.Body, p}
	if fault != nil && fault(w, r) {
		return
	}
	p.forward.ServeHTTP(w, r)
}

// Set makes the proxy misbehave from now on, and count anew; nil: it behaves.
func (p *Proxy) Set(fault Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault, p.requests, p.bodies = fault, nil, 0
}

// Requests returns the method and the query of each request.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// Sent is how many bytes of parts, objects and lists of parts were sent.
func (p *Proxy) Sent() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.bodies
}

type counted struct {
	io.ReadCloser

	proxy *Proxy
}

func (c *counted) Read(b []byte) (int, error) {
	n, err := c.ReadCloser.Read(b)
	c.proxy.mu.Lock()
	defer c.proxy.mu.Unlock()
	c.proxy.bodies += int64(n)
	return n, err
}

// Times lets a fault happen n times, to the requests that match.
func Times(n int, match func(*http.Request) bool, fault http.HandlerFunc) Fault {
	var mu sync.Mutex
	return func(w http.ResponseWriter, r *http.Request) bool {
		if !match(r) {
			return false
		}
		mu.Lock()
		n--
		left := n
		mu.Unlock()
		if left < 0 {
			return false
		}
		fault(w, r)
		return true
	}
}

// Always is a number of times that no test reaches.
const Always = 1 << 30

// Any matches every request.
func Any(*http.Request) bool { return true }

// IsPart matches those that bring a part of a multipart upload.
func IsPart(r *http.Request) bool {
	return r.Method == http.MethodPut && r.URL.Query().Has("partNumber")
}

// IsComplete matches those that make an object of an upload's parts.
func IsComplete(r *http.Request) bool {
	return r.Method == http.MethodPost && r.URL.Query().Has("uploadId")
}

// IsAbort matches those that end a multipart upload.
func IsAbort(r *http.Request) bool {
	return r.Method == http.MethodDelete && r.URL.Query().Has("uploadId")
}

// IsPutObject matches those that bring an object as a whole.
func IsPutObject(r *http.Request) bool {
	return r.Method == http.MethodPut && !r.URL.Query().Has("partNumber")
}

// IsGet matches those that get an object or a list.
func IsGet(r *http.Request) bool { return r.Method == http.MethodGet }

// Answer is an S3 error.
func Answer(status int, code, message string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(status)
		if r.Method != http.MethodHead {
			_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>`+code+`</Code><Message>`+message+`</Message><RequestId>1</RequestId></Error>`)
		}
	}
}

// Cut reads n bytes of the body and closes the connection.
func Cut(n int64) http.HandlerFunc {
	return func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.CopyN(io.Discard, r.Body, n)
		panic(http.ErrAbortHandler)
	}
}

// Resign signs a request with the server's own credentials, in place of the
// temporary ones that it came with: the server knows no session tokens.
func Resign(t *testing.T, r *http.Request) {
	t.Helper()
	signed := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: http.Header{}, ContentLength: r.ContentLength}
	for name, values := range r.Header {
		if (strings.HasPrefix(name, "X-Amz-") || name == "Content-Md5") && name != "X-Amz-Security-Token" {
			signed.Header[name] = values
		}
	}
	keys := aws.Credentials{AccessKeyID: AccessKeyID, SecretAccessKey: SecretAccessKey}
	s3Paths := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }
	err := v4.NewSigner(s3Paths).SignHTTP(r.Context(), keys, signed, r.Header.Get("X-Amz-Content-Sha256"), "s3", "us-east-1", time.Now())
	if err != nil {
		t.Errorf("cannot sign: %v", err)
	}
	r.Header.Del("X-Amz-Security-Token")
	for _, name := range []string{"Authorization", "X-Amz-Date"} {
		r.Header.Set(name, signed.Header.Get(name))
	}
}

// Swallow lets the server do its work and loses its answer.
func (p *Proxy) Swallow(_ http.ResponseWriter, r *http.Request) {
	r = r.WithContext(context.WithoutCancel(r.Context()))
	p.forward.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// Late takes the whole body of a request and tells taken, as a proxy does that
// buffers bodies. The server gets the last byte only when until is closed, and
// the answer is lost.
func (p *Proxy) Late(taken func(), until <-chan struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || len(body) == 0 {
			panic(http.ErrAbortHandler)
		}
		taken()
		last := len(body) - 1
		end := &late{until, bytes.NewReader(body[last:])}
		r.Body = io.NopCloser(io.MultiReader(bytes.NewReader(body[:last]), end))
		p.Swallow(w, r)
	}
}

// late cannot be read before until is closed.
type late struct {
	until <-chan struct{}

	io.Reader
}

func (l *late) Read(b []byte) (int, error) {
	<-l.until
	return l.Reader.Read(b)
}

// Altered gives the server's answer as alter leaves it: it may change the
// headers, and returns the body.
func (p *Proxy) Altered(alter func(h http.Header, body string) string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		rec := httptest.NewRecorder()
		p.forward.ServeHTTP(rec, r)
		body := alter(rec.Header(), rec.Body.String())
		for k, v := range rec.Header() {
			w.Header()[k] = v
		}
		if r.Method != http.MethodHead {
			w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		}
		w.WriteHeader(rec.Code)
		_, _ = io.WriteString(w, body)
	}
}

// Halve gives only the first half of the answer's body.
func (p *Proxy) Halve(w http.ResponseWriter, r *http.Request) {
	rec := httptest.NewRecorder()
	p.forward.ServeHTTP(rec, r)
	for k, v := range rec.Header() {
		w.Header()[k] = v
	}
	w.WriteHeader(rec.Code)
	_, _ = io.Copy(w, bytes.NewReader(rec.Body.Bytes()[:rec.Body.Len()/2]))
	panic(http.ErrAbortHandler)
}
