// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// proxy serves on the node's address what handle makes of requests to a server;
// handle gets the handler that passes a request on. It returns the proxy's URL.
func proxy(t *testing.T, server string, handle func(w http.ResponseWriter, r *http.Request, pass http.Handler)) string {
	t.Helper()
	to, err := url.Parse(server)
	if err != nil {
		t.Fatalf("cannot read URL of server: %v", err)
	}
	node, err := url.Parse(setting(t, "WUKONG_S3"))
	if err != nil {
		t.Fatalf("cannot read URL of the store: %v", err)
	}
	pass := &httputil.ReverseProxy{
		// The host stays the one that was signed.
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host, r.Out.Host = to.Scheme, to.Host, r.In.Host
		},
		ErrorHandler: func(http.ResponseWriter, *http.Request, error) { panic(http.ErrAbortHandler) },
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(node.Hostname(), "0"))
	if err != nil {
		t.Fatalf("cannot listen: %v", err)
	}
	s := &http.Server{
		Handler:           http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { handle(w, r, pass) }),
		ReadHeaderTimeout: time.Minute,
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Shutdown(context.WithoutCancel(t.Context())) })
	return "http://" + l.Addr().String()
}

// tokens is a store that wants a session token, before one that knows none.
type tokens struct {
	t *testing.T

	mu      sync.Mutex
	valid   string // the token that is valid now
	parts   int    // that were stored
	refused int    // requests with another token
}

// handle refuses requests with a token that is not valid, as S3 does, and signs
// the others as the store wants it.
func (s *tokens) handle(w http.ResponseWriter, r *http.Request, pass http.Handler) {
	s.mu.Lock()
	valid := s.valid
	s.mu.Unlock()
	if r.Header.Get("X-Amz-Security-Token") != valid {
		s.mu.Lock()
		s.refused++
		s.mu.Unlock()
		_, _ = io.Copy(io.Discard, r.Body)
		w.WriteHeader(http.StatusBadRequest)
		_, _ = io.WriteString(w, `<?xml version="1.0" encoding="UTF-8"?><Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message></Error>`)
		return
	}
	s.resign(r)
	pass.ServeHTTP(w, r)
	if r.URL.Query().Has("partNumber") {
		s.mu.Lock()
		s.parts++
		s.mu.Unlock()
	}
}

// expire makes another token the valid one.
func (s *tokens) expire(next string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.valid = next
}

// counts are the parts that were stored, and the requests that were refused.
func (s *tokens) counts() (parts, refused int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.parts, s.refused
}

// resign signs a request with the store's own keys.
func (s *tokens) resign(r *http.Request) {
	signed := &http.Request{Method: r.Method, URL: r.URL, Host: r.Host, Header: http.Header{}, ContentLength: r.ContentLength}
	for name, values := range r.Header {
		if (strings.HasPrefix(name, "X-Amz-") || name == "Content-Md5") && name != "X-Amz-Security-Token" {
			signed.Header[name] = values
		}
	}
	keys := aws.Credentials{AccessKeyID: setting(s.t, "WUKONG_S3_ACCESS_KEY"), SecretAccessKey: setting(s.t, "WUKONG_S3_SECRET_KEY")}
	paths := func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true }
	if err := v4.NewSigner(paths).SignHTTP(r.Context(), keys, signed, r.Header.Get("X-Amz-Content-Sha256"), "s3", "us-east-1", time.Now()); err != nil {
		s.t.Errorf("cannot sign: %v", err)
	}
	r.Header.Del("X-Amz-Security-Token")
	for _, name := range []string{"Authorization", "X-Amz-Date"} {
		r.Header.Set(name, signed.Header.Get(name))
	}
}
