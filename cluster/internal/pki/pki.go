// SPDX-License-Identifier: Apache-2.0

// Package pki makes the key pairs and certificates of a throwaway cluster.
package pki

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

// lifetime is that of every certificate: longer than any throwaway cluster's.
const lifetime = 365 * 24 * time.Hour

// Pair is a certificate, DER encoded, and its key.
type Pair struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

// Request says what a certificate is for. Names that are IP addresses become
// IP address names.
type Request struct {
	CommonName   string
	Organization string
	Names        []string
}

// NewAuthority makes a certificate authority.
func NewAuthority(name string) (*Pair, error) {
	template := template(Request{CommonName: name})
	template.IsCA = true
	template.KeyUsage |= x509.KeyUsageCertSign | x509.KeyUsageCRLSign
	template.ExtKeyUsage = nil
	return sign(template, nil)
}

// Sign makes a key pair for clients and servers, signed by the authority.
func (a *Pair) Sign(r Request) (*Pair, error) { return sign(template(r), a) }

func template(r Request) *x509.Certificate {
	t := &x509.Certificate{
		Subject:               pkix.Name{CommonName: r.CommonName},
		NotBefore:             time.Now().Add(-time.Hour),
		NotAfter:              time.Now().Add(lifetime),
		KeyUsage:              x509.KeyUsageDigitalSignature,
		ExtKeyUsage:           []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth, x509.ExtKeyUsageServerAuth},
		BasicConstraintsValid: true,
	}
	if r.Organization != "" {
		t.Subject.Organization = []string{r.Organization}
	}
	for _, n := range r.Names {
		if ip := net.ParseIP(n); ip != nil {
			t.IPAddresses = append(t.IPAddresses, ip)
			continue
		}
		t.DNSNames = append(t.DNSNames, n)
	}
	return t
}

func sign(template *x509.Certificate, by *Pair) (*Pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("cannot make key: %w", err)
	}
	if template.SerialNumber, err = rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127)); err != nil {
		return nil, fmt.Errorf("cannot make serial number: %w", err)
	}
	if by == nil {
		by = &Pair{certificate: template, key: key}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, by.certificate, &key.PublicKey, by.key)
	if err != nil {
		return nil, fmt.Errorf("cannot sign certificate of %s: %w", template.Subject.CommonName, err)
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return nil, fmt.Errorf("cannot parse certificate of %s: %w", template.Subject.CommonName, err)
	}
	return &Pair{certificate: certificate, key: key}, nil
}

// CertificatePEM returns the certificate.
func (a *Pair) CertificatePEM() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.certificate.Raw})
}

// KeyPEM returns the private key.
func (a *Pair) KeyPEM() ([]byte, error) {
	der, err := x509.MarshalECPrivateKey(a.key)
	if err != nil {
		return nil, fmt.Errorf("cannot encode key: %w", err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: der}), nil
}

// Write writes the pair to NAME.crt and NAME.key in a folder.
func (a *Pair) Write(dir, name string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("cannot make folder of keys: %w", err)
	}
	key, err := a.KeyPEM()
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, name+".key"), key, 0o600); err != nil {
		return fmt.Errorf("cannot write key: %w", err)
	}
	if err := os.WriteFile(filepath.Join(dir, name+".crt"), a.CertificatePEM(), 0o644); err != nil {
		return fmt.Errorf("cannot write certificate: %w", err)
	}
	return nil
}
