// SPDX-License-Identifier: Apache-2.0

// Package guard makes the requests of the provider itself, to places that its
// users name, obey the policy that a mover obeys: its hosts and networks, and no
// address of the provider's own machine.
package guard

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"syscall"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A DeniedError says that the policy forbids a request.
type DeniedError struct{ why string }

// Error implements error.
func (e *DeniedError) Error() string { return "the policy " + e.why }

func denied(format string, args ...any) error { return &DeniedError{why: fmt.Sprintf(format, args...)} }

// A Guard permits what the policy does.
type Guard struct {
	hosts           []string
	allowed, denied []netip.Prefix
	httpsOnly       bool
}

// New returns a guard for a policy. It fails for a network that is none.
func New(p transfer.Policy) (*Guard, error) {
	g := &Guard{hosts: p.AllowedHosts, httpsOnly: p.RefusePlainHTTP}
	for _, s := range []struct {
		from []string
		to   *[]netip.Prefix
	}{{p.AllowedNetworks, &g.allowed}, {p.DeniedNetworks, &g.denied}} {
		for _, n := range s.from {
			prefix, err := netip.ParsePrefix(n)
			if err != nil {
				return nil, errors.Wrapf(err, "cannot read network %q of the policy", n)
			}
			*s.to = append(*s.to, prefix.Masked())
		}
	}
	return g, nil
}

// HTTPSOnly reports whether plain http is forbidden.
func (g *Guard) HTTPSOnly() bool { return g.httpsOnly }

// Control is asked about every address before it is connected to, after DNS
// has answered; see net.Dialer.ControlContext.
func (g *Guard) Control(_ context.Context, _, address string, _ syscall.RawConn) error {
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.Wrapf(err, "cannot read address %q", address)
	}
	ip := a.Addr().Unmap()
	within := func(ps []netip.Prefix) bool {
		return slices.ContainsFunc(ps, func(p netip.Prefix) bool { return p.Contains(ip) })
	}
	switch {
	case within(g.allowed):
		return nil
	case within(g.denied), ip.IsLoopback(), ip.IsLinkLocalUnicast(), ip.IsMulticast(), ip.IsUnspecified(), !ip.IsGlobalUnicast():
		return denied("forbids address %s", ip)
	}
	return nil
}

// checkURL says whether a URL may be asked.
func (g *Guard) checkURL(u *url.URL) error {
	if g.httpsOnly && u.Scheme != "https" {
		return denied("forbids plain http")
	}
	host := strings.ToLower(u.Hostname())
	if len(g.hosts) == 0 || slices.ContainsFunc(g.hosts, func(h string) bool {
		h = strings.ToLower(h)
		below, wild := strings.CutPrefix(h, "*")
		return h == host || wild && strings.HasSuffix(host, below)
	}) {
		return nil
	}
	return denied("does not name host %q", host)
}

// A Transport makes requests that the guard permits, redirects included. It
// keeps no connection open unless it is told to.
type Transport struct {
	guard *Guard
	next  *http.Transport
}

// RoundTrip implements http.RoundTripper.
func (t *Transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.guard.checkURL(r.URL); err != nil {
		return nil, err
	}
	return t.next.RoundTrip(r)
}

// KeepAlive makes the transport keep its connections until
// CloseIdleConnections, and returns it.
func (t *Transport) KeepAlive() *Transport {
	t.next.DisableKeepAlives = false
	return t
}

// CloseIdleConnections closes what KeepAlive has kept.
func (t *Transport) CloseIdleConnections() { t.next.CloseIdleConnections() }

// Transport returns a transport that trusts the bundle beside the system's
// authorities.
func (g *Guard) Transport(bundle []byte) (*Transport, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the system's certificate authorities")
	}
	if len(bundle) > 0 && !pool.AppendCertsFromPEM(bundle) {
		return nil, errors.New("cannot use CA bundle: it holds no certificate")
	}
	d := &net.Dialer{ControlContext: g.Control}
	return &Transport{guard: g, next: &http.Transport{
		DialContext:       d.DialContext,
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}}, nil
}
