// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"crypto/tls"
	"crypto/x509"
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

// A guard permits what the policy does.
type guard struct {
	hosts           []string
	allowed, denied []netip.Prefix
	httpsOnly       bool
}

func newGuard(p transfer.Policy) (*guard, error) {
	g := &guard{hosts: p.AllowedHosts, httpsOnly: p.RefusePlainHTTP}
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

// control is asked about every address before it is connected to, after DNS
// has answered; see net.Dialer.ControlContext.
func (g *guard) control(_ context.Context, _, address string, _ syscall.RawConn) error {
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
		return errors.Errorf("the policy forbids address %s", ip)
	}
	return nil
}

// checkURL says whether a URL may be asked.
func (g *guard) checkURL(u *url.URL) error {
	if g.httpsOnly && u.Scheme != "https" {
		return errors.New("the policy forbids plain http")
	}
	host := strings.ToLower(u.Hostname())
	if len(g.hosts) == 0 || slices.ContainsFunc(g.hosts, func(h string) bool {
		h = strings.ToLower(h)
		below, wild := strings.CutPrefix(h, "*")
		return h == host || wild && strings.HasSuffix(host, below)
	}) {
		return nil
	}
	return errors.Errorf("the policy does not name host %q", host)
}

// A transport makes requests that the guard permits, redirects included.
type transport struct {
	guard *guard
	next  http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (t transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := t.guard.checkURL(r.URL); err != nil {
		return nil, err
	}
	return t.next.RoundTrip(r)
}

// transport returns a transport that trusts the bundle beside the system's
// authorities. Its connections are not kept: there is one request.
func (g *guard) transport(bundle []byte) (http.RoundTripper, error) {
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, errors.Wrap(err, "cannot read the system's certificate authorities")
	}
	if len(bundle) > 0 && !pool.AppendCertsFromPEM(bundle) {
		return nil, errors.New("cannot use CA bundle: it holds no certificate")
	}
	d := &net.Dialer{ControlContext: g.control}
	return transport{guard: g, next: &http.Transport{
		DialContext:       d.DialContext,
		TLSClientConfig:   &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		DisableKeepAlives: true,
	}}, nil
}
