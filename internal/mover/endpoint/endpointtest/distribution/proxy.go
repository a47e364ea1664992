// SPDX-License-Identifier: Apache-2.0

package distribution

import (
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// A Proxy stands before a registry. Each request is shown to Fault first.
type Proxy struct {
	// Host is its address and port.
	Host string

	forward *httputil.ReverseProxy

	mu       sync.Mutex
	fault    func(p *Proxy, w http.ResponseWriter, r *http.Request) (answered bool)
	requests []string
}

// Before returns a proxy before the registry, which speaks plain http.
func (r *Registry) Before(t *testing.T) *Proxy {
	t.Helper()
	p := r.proxy()
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.Start()
	t.Cleanup(s.Close)
	p.Host = strings.TrimPrefix(s.URL, "http://")
	return p
}

// BeforeTLS returns a proxy that speaks https, of which the registry does not
// know, and the certificate in PEM form that is to be trusted.
func (r *Registry) BeforeTLS(t *testing.T) (*Proxy, []byte) {
	t.Helper()
	p := r.proxy()
	s := httptest.NewUnstartedServer(p)
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	p.Host = strings.TrimPrefix(s.URL, "https://")
	return p, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.Certificate().Raw})
}

func (r *Registry) proxy() *Proxy {
	return &Proxy{forward: &httputil.ReverseProxy{
		// The registry makes its Locations of the host that it is asked by.
		Rewrite: func(pr *httputil.ProxyRequest) {
			pr.SetURL(&url.URL{Scheme: "http", Host: r.Host})
			pr.Out.Host = pr.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
		ErrorLog:     log.New(io.Discard, "", 0),
	}}
}

// Fault sets what misbehaves: it answers a request, or returns false. It may be
// called by many goroutines at once.
func (p *Proxy) Fault(f func(p *Proxy, w http.ResponseWriter, r *http.Request) (answered bool)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = f
}

// Requests are the methods and paths of all requests so far.
func (p *Proxy) Requests() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.requests...)
}

// ServeHTTP implements http.Handler.
func (p *Proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	p.requests = append(p.requests, r.Method+" "+r.URL.Path)
	fault := p.fault
	p.mu.Unlock()
	if fault == nil || !fault(p, w, r) {
		p.Forward(w, r)
	}
}

// Forward gives a request to the registry.
func (p *Proxy) Forward(w http.ResponseWriter, r *http.Request) { p.forward.ServeHTTP(w, r) }

// Cut gives the first n bytes of a request's body to the registry, and breaks
// both connections.
func (p *Proxy) Cut(w http.ResponseWriter, r *http.Request, n int64) {
	r.Body = io.NopCloser(io.MultiReader(io.LimitReader(r.Body, n), broken{}))
	p.Forward(w, r)
	panic(http.ErrAbortHandler)
}

// Swallow gives a request to the registry and breaks the connection instead of
// answering.
func (p *Proxy) Swallow(r *http.Request) {
	p.Forward(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// Refuse answers in the form of a registry.
func Refuse(w http.ResponseWriter, status int, code, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = io.WriteString(w, `{"errors":[{"code":"`+code+`","message":"`+message+`"}]}`)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("cut on purpose") }
