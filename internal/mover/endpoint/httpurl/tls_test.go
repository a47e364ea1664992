// SPDX-License-Identifier: Apache-2.0

package httpurl_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/endpointtest/rogue"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func noProxy(*http.Request) (*url.URL, error) { return nil, nil }

// caFile writes the certificate of a test server where a job would have it.
func caFile(t *testing.T, s *rogue.Server) string {
	t.Helper()
	return pemFile(t, s.Certificate().Raw)
}

func pemFile(t *testing.T, der []byte) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "ca.pem")
	b := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if err := os.WriteFile(name, b, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// certified starts an https server with a certificate of its own, and returns
// that certificate.
func certified(t *testing.T, name string, end time.Time) (*httptest.Server, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name},
		NotBefore: end.Add(-48 * time.Hour), NotAfter: end,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	if ip := net.ParseIP(name); ip != nil {
		c.IPAddresses = []net.IP{ip}
	} else {
		c.DNSNames = []string{name}
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(http.NotFoundHandler())
	s.TLS = &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12}
	s.Config.ErrorLog = nullLog()
	s.StartTLS()
	t.Cleanup(s.Close)
	return s, der
}

func TestCertificates(t *testing.T) {
	tomorrow, yesterday := time.Now().Add(24*time.Hour), time.Now().Add(-24*time.Hour)
	cases := map[string]struct {
		reason string
		open   func(t *testing.T) (url, ca string)
		want   string
	}{
		"SelfSigned": {
			reason: "nobody named the authority",
			open:   func(t *testing.T) (string, string) { s, _ := certified(t, "127.0.0.1", tomorrow); return s.URL, "" },
			want:   "caBundleRef",
		},
		"WrongCA": {
			reason: "another authority was named",
			open: func(t *testing.T) (string, string) {
				s, _ := certified(t, "127.0.0.1", tomorrow)
				_, other := certified(t, "127.0.0.1", tomorrow)
				return s.URL, pemFile(t, other)
			},
			want: "caBundleRef",
		},
		"Expired": {
			reason: "the certificate has expired",
			open: func(t *testing.T) (string, string) {
				s, der := certified(t, "127.0.0.1", yesterday)
				return s.URL, pemFile(t, der)
			},
			want: "expired",
		},
		"WrongHost": {
			reason: "the certificate is for another name",
			open: func(t *testing.T) (string, string) {
				s, der := certified(t, "images.example.com", tomorrow)
				return s.URL, pemFile(t, der)
			},
			want: "not for host 127.0.0.1",
		},
		"EmptyBundle": {
			reason: "the bundle holds no certificate",
			open: func(t *testing.T) (string, string) {
				name := filepath.Join(t.TempDir(), "ca.pem")
				if err := os.WriteFile(name, []byte("-----BEGIN NOTHING-----"), 0o600); err != nil {
					t.Fatal(err)
				}
				return "https://127.0.0.1:1/", name
			},
			want: "no certificate in PEM form",
		},
		"NoBundle": {
			reason: "the bundle is not there",
			open:   func(t *testing.T) (string, string) { return "https://127.0.0.1:1/", filepath.Join(t.TempDir(), "none") },
			want:   "cannot read CA bundle",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u, ca := tc.open(t)
			o := options(u)
			o.Link.CAFile = ca
			_, err := httpurl.New(t.Context(), o)
			if transfer.ReasonOf(err) != transfer.ReasonCertificateUntrusted {
				t.Fatalf("%s: got %v, want reason %s", tc.reason, err, transfer.ReasonCertificateUntrusted)
			}
			if !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: message %q does not say %q", tc.reason, err, tc.want)
			}
		})
	}
}

func TestWrongProtocol(t *testing.T) {
	plain, secure := rogue.New(t, file()), rogue.NewTLS(t, file())
	alert := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = c.Write([]byte{0x15, 0x03, 0x01, 0x00, 0x02, 0x02, 0x16, '\n'})
	})
	cases := map[string]struct{ reason, url, want string }{
		"PlainOnTLSPort":   {"https URL, http port", strings.Replace(plain.URL, "http:", "https:", 1), "does not speak https"},
		"TLSOnPlainPort":   {"http URL, https port with an answer in plain text", strings.Replace(secure.URL, "https:", "http:", 1), "speaks https"},
		"AlertOnPlainPort": {"http URL, https port that answers with an alert", "http://" + alert, "speaks https"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := httpurl.New(t.Context(), options(tc.url))
			if transfer.ReasonOf(err) != transfer.ReasonSourceRefused || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s: got %v, want reason %s and %q", tc.reason, err, transfer.ReasonSourceRefused, tc.want)
			}
		})
	}
}

// listen serves each connection on a port of its own, and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			serve(c)
			_ = c.Close()
		}
	}()
	return l.Addr().String()
}

func TestUnreachable(t *testing.T) {
	closed := listen(t, func(net.Conn) {})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	refused := l.Addr().String()
	_ = l.Close()
	garbage := listen(t, func(c net.Conn) {
		_, _ = c.Read(make([]byte, 4096))
		_, _ = c.Write([]byte("220 mail.example.com \x1b[2J" + strings.Repeat("x", 5000) + "\r\n"))
	})
	cases := map[string]struct{ reason, host, want string }{
		"Refused":   {"nobody listens", refused, "connection refused"},
		"HangsUp":   {"the connection ends before an answer", closed, "cannot open http://" + closed},
		"NotHTTP":   {"the answer is not HTTP, and not repeated at length", garbage, "malformed HTTP"},
		"NoSuchDNS": {"the name has no address", "no-such-host.invalid", "no-such-host.invalid"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			_, err := httpurl.New(t.Context(), options("http://user:pass@"+tc.host+"/?signature=hidden"))
			if transfer.ReasonOf(err) != transfer.ReasonSourceUnavailable || !strings.Contains(err.Error(), tc.want) {
				t.Fatalf("%s: got %v, want reason %s and %q", tc.reason, err, transfer.ReasonSourceUnavailable, tc.want)
			}
			if m := err.Error(); strings.Contains(m, "hidden") || strings.Contains(m, "pass") || len(m) > 600 || strings.ContainsRune(m, '\x1b') {
				t.Errorf("%s: message %q", tc.reason, m)
			}
		})
	}
}

func TestLinkDefaults(t *testing.T) {
	if _, err := link.New(link.Options{}); err != nil {
		t.Errorf("New with the system's certificates: %v", err)
	}
}
