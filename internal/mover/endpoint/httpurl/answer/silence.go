// SPDX-License-Identifier: Apache-2.0

package answer

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// maxCause is how many characters of a cause stand in a message: the
// standard library quotes what a server sent, however long.
const maxCause = 300

// Silence returns the error that a request without an answer, or a body that
// breaks off, stands for. It must not be called for a context that ended.
func Silence(err error, u *url.URL) error {
	var known *transfer.Error
	if errors.As(err, &known) {
		return err
	}
	if e := untrusted(err, u); e != nil {
		return transfer.Terminal(transfer.ReasonCertificateUntrusted, e)
	}
	if e := wrongProtocol(err, u); e != nil {
		return transfer.Terminal(transfer.ReasonSourceRefused, e)
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.IsNotFound:
		// Not terminal: a cluster's DNS can learn a name late.
		return unavailable(bounded{fmt.Errorf("no address is known for host %s: %w", u.Hostname(), err)})
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return Truncated()
	}
	return unavailable(bounded{err})
}

// untrusted says what is wrong with a certificate and where to put it right.
func untrusted(err error, u *url.URL) error {
	var (
		authority x509.UnknownAuthorityError
		invalid   x509.CertificateInvalidError
		name      x509.HostnameError
		roots     x509.SystemRootsError
		other     *tls.CertificateVerificationError
	)
	switch {
	case errors.As(err, &authority), errors.As(err, &roots):
		return fmt.Errorf("the certificate of %s is signed by an authority that is not trusted; put that authority's certificate, in PEM form, into the source's caBundleRef (--ca-file on the command line): %w", u.Host, bounded{err})
	case errors.As(err, &name):
		return fmt.Errorf("the certificate is not for host %s; use a name that is in it, or let the server present the right one: %w", u.Hostname(), bounded{err})
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the certificate of %s has expired or is not valid yet; renew it at the server, or check this machine's clock: %w", u.Host, bounded{err})
	case errors.As(err, &other), errors.As(err, &invalid):
		return fmt.Errorf("the certificate of %s is not acceptable: %w", u.Host, bounded{err})
	}
	return nil
}

// wrongProtocol tells a port that speaks https from one that does not.
func wrongProtocol(err error, u *url.URL) error {
	var record tls.RecordHeaderError
	if errors.As(err, &record) {
		return fmt.Errorf("the port of %s does not speak https, the URL says so; try http: %w", u.Host, bounded{err})
	}
	// A TLS alert where an HTTP answer should begin. The standard library
	// has no type for it.
	if u.Scheme == "http" && strings.Contains(err.Error(), `malformed HTTP response "\x15\x03`) {
		return fmt.Errorf("the port of %s speaks https, the URL says http: %w", u.Host, bounded{err})
	}
	return nil
}

// bounded is an error whose text is printable and not longer than maxCause.
type bounded struct{ error }

func (b bounded) Error() string { return Printable(b.error.Error(), maxCause) }
func (b bounded) Unwrap() error { return b.error }
