// SPDX-License-Identifier: Apache-2.0

// Package policy enforces which hosts and networks an operator permits.
//
// A URL is checked before every request, redirects included. An address is
// checked when it is connected to, after DNS has answered and for each address
// that it gave, so that a name that resolves differently the second time (DNS
// rebinding) gains nothing. IPv6 addresses that carry an IPv4 address in them
// are checked as both.
//
// A connection through an HTTP proxy is made by the proxy: DNS is asked and the
// address is chosen there, so that the check of the URL is all that applies.
// An address that stands in the URL itself is checked in either case. An
// operator who sets a proxy makes the rules about networks in the proxy.
package policy

import (
	"context"
	"fmt"
	"net/netip"
	"net/url"
	"strings"
	"syscall"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// A Policy is what an operator permits. It may be used by many goroutines at
// once.
type Policy struct {
	hosts        []string
	allowed      []netip.Prefix
	denied       []rule
	unrestricted bool
	httpsOnly    bool
}

// A rule is a network that may not be connected to, and what to call it.
type rule struct {
	network netip.Prefix
	name    string
}

// New returns the policy that p describes. The error is terminal.
func New(p transfer.Policy) (*Policy, error) {
	allowed, err := prefixes(p.AllowedNetworks)
	if err != nil {
		return nil, err
	}
	denied, err := prefixes(p.DeniedNetworks)
	if err != nil {
		return nil, err
	}
	out := &Policy{allowed: allowed, denied: always(), unrestricted: p.Unrestricted, httpsOnly: p.RefusePlainHTTP}
	for _, d := range denied {
		out.denied = append(out.denied, rule{d, "a denied network"})
	}
	for _, h := range p.AllowedHosts {
		out.hosts = append(out.hosts, canonical(h))
	}
	return out, nil
}

// always lists what is denied unless it is allowed by name.
func always() []rule {
	return []rule{
		{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
		{netip.MustParsePrefix("::1/128"), "loopback"},
		{netip.MustParsePrefix("169.254.0.0/16"), "link-local, where cloud metadata is served"},
		{netip.MustParsePrefix("fe80::/10"), "link-local"},
		{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
		{netip.MustParsePrefix("ff00::/8"), "multicast"},
		{netip.MustParsePrefix("255.255.255.255/32"), "broadcast"},
		{netip.MustParsePrefix("0.0.0.0/8"), "unspecified, which means this machine"},
		{netip.MustParsePrefix("::/128"), "unspecified, which means this machine"},
	}
}

func prefixes(networks []string) ([]netip.Prefix, error) {
	var out []netip.Prefix
	for _, n := range networks {
		p, err := netip.ParsePrefix(n)
		if err != nil {
			return nil, transfer.Terminal(transfer.ReasonInvalidJob, fmt.Errorf("policy: %q is not a network such as 10.0.0.0/8", n))
		}
		if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(a.Unmap(), p.Bits()-96)
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

// CheckURL returns an error whose reason is transfer.ReasonPolicyDenied unless
// the URL's scheme and host are permitted.
func (p *Policy) CheckURL(u *url.URL) error {
	host := canonical(u.Hostname())
	if p.httpsOnly && u.Scheme != "https" {
		return denied("host %s: plain %s is refused, only https is permitted", host, u.Scheme)
	}
	if len(p.hosts) > 0 && !p.permits(host) {
		return denied("host %s is none of the allowed hosts %s", host, strings.Join(p.hosts, ", "))
	}
	if p.unrestricted {
		return nil
	}
	if host == "localhost" || strings.HasSuffix(host, ".localhost") {
		// RFC 6761 §6.3; a proxy would resolve it to its own loopback.
		return p.checkAddress(netip.AddrFrom4([4]byte{127, 0, 0, 1}))
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return p.checkAddress(a)
	}
	if numeric(host) {
		return denied("host %s is neither a name nor an address in its usual form", host)
	}
	return nil
}

// permits reports whether a host is one of the allowed ones.
func (p *Policy) permits(host string) bool {
	for _, h := range p.hosts {
		if suffix, ok := strings.CutPrefix(h, "*"); ok && strings.HasPrefix(suffix, ".") {
			if len(host) > len(suffix) && strings.HasSuffix(host, suffix) {
				return true
			}
		} else if host == h {
			return true
		}
	}
	return false
}

// Control is for net.Dialer.ControlContext: it returns an error whose reason
// is transfer.ReasonPolicyDenied unless the address may be connected to.
func (p *Policy) Control(_ context.Context, _, address string, _ syscall.RawConn) error {
	if p.unrestricted {
		return nil
	}
	a, err := netip.ParseAddrPort(address)
	if err != nil {
		return denied("%q is not an address", address)
	}
	return p.checkAddress(a.Addr())
}

// checkAddress checks an address in each of its forms. One that is allowed as
// it stands is allowed, whatever it carries.
func (p *Policy) checkAddress(a netip.Addr) error {
	all := forms(a)
	if contains(p.allowed, all[0]) {
		return nil
	}
	for _, form := range all {
		if err := p.checkForm(all[0], form); err != nil {
			return err
		}
	}
	return nil
}

func (p *Policy) checkForm(a, form netip.Addr) error {
	if contains(p.allowed, form) {
		return nil
	}
	carried := ""
	if form != a {
		carried = fmt.Sprintf("carries %s, which ", form)
	}
	for _, r := range p.denied {
		if r.network.Contains(form) {
			return denied("address %s: it %sis in %s (%s); the operator can permit it in allowedNetworks", a, carried, r.network, r.name)
		}
	}
	return nil
}

func contains(ps []netip.Prefix, a netip.Addr) bool {
	for _, p := range ps {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func denied(format string, args ...any) error {
	return transfer.Terminal(transfer.ReasonPolicyDenied, fmt.Errorf("policy denies "+format, args...))
}

// canonical is a host name as it is compared: in lower case, without the dot
// at the end that only says it is complete, and without a zone.
func canonical(host string) string {
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return a.Unmap().WithZone("").String()
	}
	return host
}

// numeric reports whether a host ends in a number and is no address: some
// resolvers read "2130706433" and "0x7f.1" as 127.0.0.1 (URL standard,
// "ends in a number").
func numeric(host string) bool {
	last := host[strings.LastIndexByte(host, '.')+1:]
	if hex, ok := strings.CutPrefix(last, "0x"); ok {
		return strings.Trim(hex, "0123456789abcdef") == ""
	}
	return last != "" && strings.Trim(last, "0123456789") == ""
}
