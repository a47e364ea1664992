// SPDX-License-Identifier: Apache-2.0

package policy_test

import (
	"net/url"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/policy"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func mustNew(t *testing.T, p transfer.Policy) *policy.Policy {
	t.Helper()
	out, err := policy.New(p)
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	return out
}

// judge compares an error with the text it should have, empty for none.
func judge(t *testing.T, reason, what string, err error, says string) {
	t.Helper()
	switch {
	case says == "" && err != nil:
		t.Errorf("%s: %s: got %v, want none", reason, what, err)
	case says != "" && (transfer.ReasonOf(err) != transfer.ReasonPolicyDenied || !strings.Contains(err.Error(), says)):
		t.Errorf("%s: %s: got %v, want reason %s and %q", reason, what, err, transfer.ReasonPolicyDenied, says)
	}
}

func TestCheckURL(t *testing.T) {
	hosts := transfer.Policy{AllowedHosts: []string{"Images.example.com.", "*.cdn.example.com", "192.0.2.7", "2001:db8::1"}}
	cases := map[string]struct {
		reason string
		policy transfer.Policy
		url    string
		says   string
	}{
		"Any":               {"no list permits every host", transfer.Policy{}, "http://example.com/", ""},
		"Listed":            {"a host of the list, in any case and with any port", hosts, "https://IMAGES.example.com:8443/", ""},
		"FinalDot":          {"a complete name is the same name", hosts, "https://images.example.com./", ""},
		"NotListed":         {"a host that is not on the list", hosts, "https://example.com/", "example.com is none of the allowed hosts"},
		"Wildcard":          {"a name below", hosts, "https://a.b.cdn.example.com/", ""},
		"WildcardItself":    {"the name itself is not below itself", hosts, "https://cdn.example.com/", "none of the allowed"},
		"WildcardLookalike": {"a name that only ends alike", hosts, "https://evilcdn.example.com/", "none of the allowed"},
		"Suffix":            {"a listed name as part of another", hosts, "https://images.example.com.evil.org/", "none of the allowed"},
		"UserInformation":   {"a listed name where the user stands", hosts, "https://images.example.com@evil.org/", "evil.org is none"},
		"ListedAddress":     {"an address of the list", hosts, "https://192.0.2.7/", ""},
		"ListedAddress6":    {"in any of its spellings", hosts, "https://[2001:0db8:0::0001]/", ""},
		"PlainHTTP":         {"https is wanted", transfer.Policy{RefusePlainHTTP: true}, "http://example.com/", "only https"},
		"HTTPS":             {"https is wanted, and is there", transfer.Policy{RefusePlainHTTP: true}, "https://example.com/", ""},
		"UnrestrictedPlain": {"the lifted rules are those about networks", transfer.Policy{RefusePlainHTTP: true, Unrestricted: true}, "http://127.0.0.1/", "only https"},
		"Unrestricted":      {"a person at a terminal may", transfer.Policy{Unrestricted: true}, "http://127.0.0.1/", ""},
		"Loopback":          {"an address in the URL is checked, as a proxy would not", transfer.Policy{}, "http://127.0.0.1/", "127.0.0.0/8 (loopback)"},
		"Mapped":            {"in its IPv6 form", transfer.Policy{}, "http://[::ffff:169.254.169.254]/", "169.254.0.0/16"},
		"Zone":              {"with a zone", transfer.Policy{}, "http://[fe80::1%25eth0]/", "fe80::/10"},
		"Localhost":         {"by its name", transfer.Policy{}, "http://LocalHost./", "loopback"},
		"BelowLocalhost":    {"by a name below it", transfer.Policy{}, "http://a.localhost/", "loopback"},
		"LocalhostAllowed":  {"unless loopback is allowed", transfer.Policy{AllowedNetworks: []string{"127.0.0.0/8"}}, "http://localhost/", ""},
		"Decimal":           {"as one number", transfer.Policy{}, "http://2130706433/", "neither a name nor an address"},
		"Hexadecimal":       {"as a hexadecimal one", transfer.Policy{}, "http://0x7f000001/", "neither a name nor an address"},
		"Short":             {"with parts left out", transfer.Policy{}, "http://127.1/", "neither a name nor an address"},
		"Octal":             {"in octal", transfer.Policy{}, "http://0177.0.0.1/", "neither a name nor an address"},
		"DigitsInName":      {"digits in a name are only that", transfer.Policy{}, "http://mirror1.0x.example/", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u, err := url.Parse(tc.url)
			if err != nil {
				t.Fatal(err)
			}
			judge(t, tc.reason, tc.url, mustNew(t, tc.policy).CheckURL(u), tc.says)
		})
	}
}

func TestControl(t *testing.T) {
	inside := transfer.Policy{DeniedNetworks: []string{"10.0.0.0/8", "fd00::/8"}, AllowedNetworks: []string{"10.9.0.0/16", "127.0.0.2/32"}}
	cases := map[string]struct {
		reason  string
		policy  transfer.Policy
		address string
		says    string
	}{
		"Public":            {"nothing is wrong with it", inside, "93.184.216.34:443", ""},
		"Public6":           {"nor with this", inside, "[2606:2800:220:1::1]:443", ""},
		"Loopback":          {"always denied", transfer.Policy{}, "127.0.0.1:80", "address 127.0.0.1: it is in 127.0.0.0/8 (loopback)"},
		"Loopback6":         {"always denied", transfer.Policy{}, "[::1]:80", "::1/128"},
		"LinkLocal":         {"where clouds serve credentials", transfer.Policy{}, "169.254.169.254:80", "metadata"},
		"LinkLocal6":        {"with its zone", transfer.Policy{}, "[fe80::1%eth0]:80", "fe80::/10"},
		"Multicast":         {"always denied", transfer.Policy{}, "224.0.0.1:80", "multicast"},
		"Multicast6":        {"always denied", transfer.Policy{}, "[ff02::1]:80", "multicast"},
		"Broadcast":         {"always denied", transfer.Policy{}, "255.255.255.255:80", "broadcast"},
		"Unspecified":       {"Linux takes it for loopback", transfer.Policy{}, "0.0.0.0:80", "unspecified"},
		"Unspecified6":      {"the same", transfer.Policy{}, "[::]:80", "unspecified"},
		"Denied":            {"a network that the operator denies", inside, "10.1.2.3:80", "10.0.0.0/8 (a denied network)"},
		"Denied6":           {"the same", inside, "[fd00::1]:80", "fd00::/8"},
		"AllowedInDenied":   {"a part of it that is allowed", inside, "10.9.2.3:80", ""},
		"AllowedDefault":    {"a default that is lifted", inside, "127.0.0.2:80", ""},
		"NextToAllowed":     {"and no more of it", inside, "127.0.0.3:80", "loopback"},
		"Mapped":            {"IPv4 in IPv6", inside, "[::ffff:10.1.2.3]:80", "10.0.0.0/8"},
		"MappedAllowed":     {"allowed in the same form", inside, "[::ffff:10.9.2.3]:80", ""},
		"Compatible":        {"IPv4-compatible", transfer.Policy{}, "[::7f00:1]:80", "carries 127.0.0.1"},
		"NAT64":             {"a translator would deliver it to loopback", transfer.Policy{}, "[64:ff9b::7f00:1]:80", "carries 127.0.0.1"},
		"NAT64Public":       {"the rest of the internet is behind it too", inside, "[64:ff9b::5db8:d822]:80", ""},
		"NAT64Local":        {"a prefix of its own, /96", inside, "[64:ff9b:1::a01:203]:80", "carries 10.1.2.3"},
		"NAT64Local48":      {"a prefix of its own, /48", transfer.Policy{}, "[64:ff9b:1:a9fe:a9:fe00::]:80", "carries 169.254.169.254"},
		"NAT64LocalPublic":  {"a public address behind it", inside, "[64:ff9b:1::808:808]:80", ""},
		"6to4":              {"a tunnel", transfer.Policy{}, "[2002:7f00:1::1]:80", "carries 127.0.0.1"},
		"TeredoServer":      {"a tunnel's server", inside, "[2001:0:a01:203::]:80", "carries 10.1.2.3"},
		"TeredoClient":      {"a tunnel's client", transfer.Policy{}, "[2001:0:5db8:d822::80ff:fffe]:80", "carries 127.0.0.1"},
		"ISATAP":            {"another tunnel", transfer.Policy{}, "[2001:db8::5efe:7f00:1]:80", "carries 127.0.0.1"},
		"ISATAPGlobal":      {"with its other mark", transfer.Policy{}, "[2001:db8::200:5efe:7f00:1]:80", "carries 127.0.0.1"},
		"CarrierAllowed":    {"the whole address is allowed", transfer.Policy{AllowedNetworks: []string{"64:ff9b::/96"}}, "[64:ff9b::7f00:1]:80", ""},
		"MappedRule":        {"a rule in the mapped form", transfer.Policy{DeniedNetworks: []string{"::ffff:10.0.0.0/104"}}, "10.1.2.3:80", "10.0.0.0/8"},
		"Unrestricted":      {"a person at a terminal may", transfer.Policy{Unrestricted: true, DeniedNetworks: []string{"0.0.0.0/0"}}, "127.0.0.1:80", ""},
		"Nonsense":          {"what is no address is not connected to", transfer.Policy{}, "localhost:80", "is not an address"},
		"EverythingDenied":  {"nothing but what is allowed", transfer.Policy{DeniedNetworks: []string{"0.0.0.0/0", "::/0"}, AllowedNetworks: []string{"93.184.216.0/24"}}, "8.8.8.8:443", "0.0.0.0/0"},
		"EverythingAllowed": {"what is allowed", transfer.Policy{DeniedNetworks: []string{"0.0.0.0/0", "::/0"}, AllowedNetworks: []string{"93.184.216.0/24"}}, "93.184.216.34:443", ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			judge(t, tc.reason, tc.address, mustNew(t, tc.policy).Control(t.Context(), "tcp", tc.address, nil), tc.says)
		})
	}
}

func TestNewRefuses(t *testing.T) {
	for _, p := range []transfer.Policy{{AllowedNetworks: []string{"10.0.0.0"}}, {DeniedNetworks: []string{"nonsense/8"}}} {
		if _, err := policy.New(p); transfer.ReasonOf(err) != transfer.ReasonInvalidJob {
			t.Errorf("New(%+v): got %v, want reason %s", p, err, transfer.ReasonInvalidJob)
		}
	}
}
