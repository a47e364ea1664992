// SPDX-License-Identifier: Apache-2.0

// Package link makes the connections of the HTTP endpoint.
//
// It speaks HTTP/1.1 only: HTTP/2 would put all requests of a transfer on one
// connection, and the speed of a long link comes from having several. It asks
// for no compression, since the bytes of the file are what is wanted. A
// connection on which nothing arrives for the stall time is given up, whether
// in the TLS handshake, before the response or within the body.
package link

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"syscall"
	"time"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// DefaultStall is how long a connection may be silent. It is longer
	// than the time a cache needs to fetch a range from its origin.
	DefaultStall = 30 * time.Second

	dialTimeout      = 15 * time.Second
	handshakeTimeout = 15 * time.Second
	headerTimeout    = 60 * time.Second
	keepAlive        = 15 * time.Second

	// continueTimeout is how long a request with a body that asks first
	// (RFC 9110 §10.1.1) waits for the answer of a server that ignores it.
	continueTimeout = 5 * time.Second

	// idleConnections is above what the engine opens at once, so that no
	// connection is closed only because its request has ended.
	idleConnections = 64

	// readBufferBytes is used for headers and small reads; a read that is
	// larger goes from the socket straight into the caller's memory.
	readBufferBytes = 64 << 10

	// maxHeaderBytes bounds what a hostile server can make us keep.
	maxHeaderBytes = 256 << 10
)

// A Control looks at every address before it is connected to, after DNS has
// answered; see net.Dialer.ControlContext.
type Control func(ctx context.Context, network, address string, c syscall.RawConn) error

// Options of a link. Zero values mean the defaults.
type Options struct {
	// CAFile is a PEM bundle that is trusted beside the system's roots.
	CAFile string

	// Control is asked before every connection to a server. It is not asked
	// about a proxy, which the operator chose.
	Control Control

	// Proxy returns the proxy of a request. Nil: as the environment says.
	Proxy func(*http.Request) (*url.URL, error)

	// Stall is how long a connection may be silent. Zero: DefaultStall.
	Stall time.Duration

	// Answer is how long a server may take to answer when it has the whole
	// request. Zero: headerTimeout.
	Answer time.Duration

	// Received is told how many bytes arrived, by many goroutines at once.
	Received func(n int)
}

// A Link is the connections to servers. It may be used by many goroutines at
// once.
type Link struct {
	proxy   func(*http.Request) (*url.URL, error)
	direct  *http.Transport
	proxied *http.Transport
}

// New returns a link. A CA bundle that cannot be read or holds no certificate
// is transfer.ReasonCertificateUntrusted.
func New(o Options) (*Link, error) {
	roots, err := roots(o.CAFile)
	if err != nil {
		return nil, transfer.Terminal(transfer.ReasonCertificateUntrusted, err)
	}
	if o.Proxy == nil {
		o.Proxy = http.ProxyFromEnvironment
	}
	if o.Stall <= 0 {
		o.Stall = DefaultStall
	}
	if o.Answer <= 0 {
		o.Answer = headerTimeout
	}
	if o.Received == nil {
		o.Received = func(int) {}
	}
	direct, proxied := transport(o, roots, o.Control), transport(o, roots, nil)
	proxied.Proxy = o.Proxy
	return &Link{proxy: o.Proxy, direct: direct, proxied: proxied}, nil
}

// RoundTrip implements http.RoundTripper. It follows no redirect, and its
// errors do not hold the URL, whose query may be secret.
func (l *Link) RoundTrip(r *http.Request) (*http.Response, error) {
	p, err := l.proxy(r)
	if err != nil {
		return nil, transfer.Terminal(transfer.ReasonSourceRefused, errors.New("the proxy that the environment names is not a URL"))
	}
	if p != nil {
		return l.proxied.RoundTrip(r)
	}
	return l.direct.RoundTrip(r)
}

// Close closes the connections that are idle.
func (l *Link) Close() {
	l.direct.CloseIdleConnections()
	l.proxied.CloseIdleConnections()
}

func transport(o Options, roots *x509.CertPool, control Control) *http.Transport {
	d := &net.Dialer{Timeout: dialTimeout, KeepAlive: keepAlive, ControlContext: control}
	only1 := &http.Protocols{}
	only1.SetHTTP1(true)
	return &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := d.DialContext(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return newConn(c, o.Stall, o.Received), nil
		},
		Protocols: only1,
		TLSClientConfig: &tls.Config{
			MinVersion:         tls.VersionTLS12,
			RootCAs:            roots,
			ClientSessionCache: tls.NewLRUClientSessionCache(0),
		},
		DisableCompression:     true,
		TLSHandshakeTimeout:    handshakeTimeout,
		ResponseHeaderTimeout:  o.Answer,
		ExpectContinueTimeout:  continueTimeout,
		MaxIdleConnsPerHost:    idleConnections,
		MaxResponseHeaderBytes: maxHeaderBytes,
		ReadBufferSize:         readBufferBytes,
		OnProxyConnectResponse: proxyAnswer,
	}
}

// roots returns the system's certificate authorities and those of the file.
func roots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil //nolint:nilnil // Nil stands for the system's roots.
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("cannot read CA bundle: %w", err)
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("cannot use CA bundle %s: it holds no certificate in PEM form", file)
	}
	return pool, nil
}

// proxyAnswer classifies a proxy's refusal to connect to an https server.
func proxyAnswer(_ context.Context, proxy *url.URL, _ *http.Request, r *http.Response) error {
	if r.StatusCode == http.StatusOK {
		return nil
	}
	err := fmt.Errorf("proxy %s answers %s", proxy.Host, r.Status)
	switch {
	case r.StatusCode == http.StatusProxyAuthRequired:
		return transfer.Terminal(transfer.ReasonUnauthorized, err)
	case r.StatusCode < http.StatusInternalServerError:
		return transfer.Terminal(transfer.ReasonSourceRefused, err)
	}
	return transfer.Retryable(transfer.ReasonSourceUnavailable, err)
}
