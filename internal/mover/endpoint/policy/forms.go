// SPDX-License-Identifier: Apache-2.0

package policy

import "net/netip"

// forms returns an address without its zone, and the IPv4 addresses that it
// carries when it is an IPv6 address: a gateway or a tunnel would deliver to
// them.
func forms(a netip.Addr) []netip.Addr {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return []netip.Addr{a}
	}
	b := a.As16()
	out := []netip.Addr{a}
	switch {
	case within(a, "::/96") && !a.IsUnspecified() && !a.IsLoopback(): // IPv4-compatible, RFC 4291 §2.5.5.1
		out = append(out, v4(b[12:]))
	case within(a, "64:ff9b::/96"): // NAT64, RFC 6052 §2.1
		out = append(out, v4(b[12:]))
	case within(a, "64:ff9b:1::/48"): // NAT64 of one network, RFC 8215
		out = append(out, translated(b)...)
	case within(a, "2002::/16"): // 6to4, RFC 3056 §2
		out = append(out, v4(b[2:6]))
	case within(a, "2001::/32"): // Teredo, RFC 4380 §4: server, and client with its bits turned over
		out = append(out, v4(b[4:8]), netip.AddrFrom4([4]byte{^b[12], ^b[13], ^b[14], ^b[15]}))
	case b[8]&0xfd == 0 && b[9] == 0 && b[10] == 0x5e && b[11] == 0xfe: // ISATAP, RFC 5214 §6.1
		out = append(out, v4(b[12:]))
	}
	return out
}

// translated returns what a NAT64 address of unknown prefix length can carry
// (RFC 6052 §2.2). What begins with a zero is the filling of another length.
func translated(b [16]byte) []netip.Addr {
	var out []netip.Addr
	for _, f := range [][4]byte{
		{b[6], b[7], b[9], b[10]},    // /48
		{b[7], b[9], b[10], b[11]},   // /56
		{b[9], b[10], b[11], b[12]},  // /64
		{b[12], b[13], b[14], b[15]}, // /96
	} {
		if f[0] != 0 {
			out = append(out, netip.AddrFrom4(f))
		}
	}
	return out
}

func within(a netip.Addr, prefix string) bool { return netip.MustParsePrefix(prefix).Contains(a) }

func v4(b []byte) netip.Addr { return netip.AddrFrom4([4]byte(b)) }
