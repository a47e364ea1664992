// SPDX-License-Identifier: Apache-2.0

package pki

import (
	"crypto/tls"
	"crypto/x509"
	"os"
	"path/filepath"
	"testing"
)

func TestSignedPairVerifies(t *testing.T) {
	authority, err := NewAuthority("test-ca")
	if err != nil {
		t.Fatal(err)
	}
	pair, err := authority.Sign(Request{CommonName: "server", Organization: "org", Names: []string{"example.com", "10.250.0.1"}})
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := pair.Write(dir, "server"); err != nil {
		t.Fatal(err)
	}
	loaded, err := tls.LoadX509KeyPair(filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(authority.CertificatePEM()) {
		t.Fatal("the authority's certificate is no PEM")
	}
	for name, tc := range map[string]struct {
		reason string
		host   string
		ok     bool
	}{
		"Name":    {reason: "a named host should verify", host: "example.com", ok: true},
		"Address": {reason: "a named address should verify", host: "10.250.0.1", ok: true},
		"Other":   {reason: "another host should not verify", host: "example.org"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := loaded.Leaf.Verify(x509.VerifyOptions{DNSName: tc.host, Roots: roots})
			if (err == nil) != tc.ok {
				t.Errorf("%s: verifying %s: %v", tc.reason, tc.host, err)
			}
		})
	}
	info, err := os.Stat(filepath.Join(dir, "server.key"))
	if err != nil {
		t.Fatal(err)
	}
	if info.Mode().Perm() != 0o600 {
		t.Errorf("the key's mode is %v", info.Mode())
	}
}
