// SPDX-License-Identifier: Apache-2.0

package s3conn

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	awshttp "github.com/aws/aws-sdk-go-v2/aws/transport/http"
	"github.com/aws/aws-sdk-go-v2/config"
	"github.com/aws/aws-sdk-go-v2/service/s3"
	"github.com/aws/smithy-go/logging"
)

const (
	// DefaultRegion is that of a store that has none, and AWS's first.
	DefaultRegion = "us-east-1"

	// findTimeout bounds the search for credentials: a machine that is in no
	// cloud does not answer where clouds serve their roles.
	findTimeout = 10 * time.Second

	dialTimeout      = 15 * time.Second
	handshakeTimeout = 15 * time.Second
	headerTimeout    = 60 * time.Second
)

// Options say which store is spoken to, and how. Zero values mean the
// defaults.
type Options struct {
	// Endpoint is the store's URL. Empty: what the environment names, or
	// AWS's own in Region.
	Endpoint string

	// Region to sign for. Empty: what the environment names, or
	// DefaultRegion.
	Region string

	// Load reads the credentials. Nil: the environment's, the AWS files' or
	// the machine's role, as every AWS tool finds them; where there are none,
	// requests are anonymous.
	Load Loader

	// Transport makes the requests to the store. Nil: one that trusts CABundle
	// and asks Control.
	Transport http.RoundTripper

	// CABundle are authorities, in PEM form, that are trusted beside the
	// system's.
	CABundle []byte

	// Control is asked about every address before it is connected to, after
	// DNS has answered, by a Transport of this package and by whatever finds
	// credentials; see net.Dialer.ControlContext.
	Control func(ctx context.Context, network, address string, c syscall.RawConn) error
}

// A Conn is a client of one store. It may be used by many goroutines at once.
type Conn struct {
	// Client makes the requests, each of them once.
	*s3.Client

	keys      *keys
	renewable bool
	anonymous error // why there are no credentials; nil: there are
}

// New returns a client. An error is a *CredentialsError, or says that the CA
// bundle holds no certificate; no request has been made to the store.
func New(ctx context.Context, o Options) (*Conn, error) {
	transport, err := o.transport()
	if err != nil {
		return nil, err
	}
	c := &Conn{renewable: o.Load != nil}
	cfg := aws.Config{}
	if o.Load == nil {
		if cfg, err = config.LoadDefaultConfig(ctx, config.WithHTTPClient(o.finder()), config.WithLogger(logging.Nop{})); err != nil {
			return nil, &CredentialsError{err}
		}
		o.Load = found(cfg.Credentials)
	}
	c.keys = &keys{load: o.Load}
	if err := c.find(ctx); err != nil {
		return nil, err
	}
	c.Client = s3.NewFromConfig(cfg, func(so *s3.Options) { c.configure(so, o, once{transport}) })
	return c, nil
}

// find reads the credentials for the first time.
func (c *Conn) find(ctx context.Context) error {
	limited, cancel := context.WithTimeout(ctx, findTimeout)
	defer cancel()
	_, err := c.keys.Retrieve(limited)
	if err == nil || c.renewable || ctx.Err() != nil {
		return err
	}
	c.anonymous = err
	return nil
}

// found is the loader of credentials that the SDK's own chain finds and keeps.
func found(p aws.CredentialsProvider) Loader {
	return func(ctx context.Context) (aws.Credentials, error) {
		if cache, ok := p.(*aws.CredentialsCache); ok {
			cache.Invalidate()
		}
		return p.Retrieve(ctx)
	}
}

func (c *Conn) configure(so *s3.Options, o Options, client once) {
	so.HTTPClient = client
	so.Retryer = aws.NopRetryer{}
	so.Logger = logging.Nop{}
	so.DisableLogOutputChecksumValidationSkipped = true
	so.Credentials = c.keys
	if c.anonymous != nil {
		so.Credentials = aws.AnonymousCredentials{}
	}
	if o.Endpoint != "" {
		so.BaseEndpoint = aws.String(o.Endpoint)
	}
	if o.Region != "" {
		so.Region = o.Region
	}
	if so.Region == "" {
		so.Region = DefaultRegion
	}
	if so.BaseEndpoint == nil {
		return
	}
	so.UsePathStyle = true
	so.RequestChecksumCalculation = aws.RequestChecksumCalculationWhenRequired
	so.ResponseChecksumValidation = aws.ResponseChecksumValidationWhenRequired
}

// AWS reports whether the store is AWS's own, of which it is known what it can
// do.
func (c *Conn) AWS() bool { return c.Options().BaseEndpoint == nil }

// Secure reports whether requests are made by https.
func (c *Conn) Secure() bool {
	endpoint, err := url.Parse(aws.ToString(c.Options().BaseEndpoint))
	return c.AWS() || err == nil && endpoint.Scheme == "https"
}

// Generation tells the credentials of a request from those that Renew reads
// later.
func (c *Conn) Generation() int { return c.keys.generation() }

// Renew reads the credentials again after the store has refused those of a
// generation, and reports whether the next request has others.
func (c *Conn) Renew(ctx context.Context, generation int) (bool, error) {
	if c.anonymous != nil {
		return false, nil //nolint:nilerr // It says why there is nothing to renew.
	}
	return c.keys.renew(ctx, generation)
}

// Renewable reports whether the credentials stand where somebody can renew
// them while this process runs.
func (c *Conn) Renewable() bool { return c.renewable }

// Anonymous returns why requests are not signed; nil when they are.
func (c *Conn) Anonymous() error { return c.anonymous }

// Scrub removes the credentials from text that somebody else wrote.
func (c *Conn) Scrub(text string) string { return c.keys.scrub(text) }

// Close closes the connections that are idle.
func (c *Conn) Close() {
	if client, ok := c.Options().HTTPClient.(once); ok {
		client.close()
	}
}

// once makes a request and follows no redirect: a store that answers with one
// is asked in the wrong region.
type once struct{ http.RoundTripper }

// Do implements aws.HTTPClient.
func (o once) Do(r *http.Request) (*http.Response, error) { return o.RoundTrip(r) }

func (o once) close() {
	if c, ok := o.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// finder is the client of the services that give credentials. It trusts what
// AWS_CA_BUNDLE names, as the SDK makes it do.
func (o Options) finder() *awshttp.BuildableClient {
	return awshttp.NewBuildableClient().WithTransportOptions(func(t *http.Transport) { t.DialContext = o.dialer().DialContext })
}

func (o Options) dialer() *net.Dialer {
	return &net.Dialer{Timeout: dialTimeout, ControlContext: o.Control}
}

func (o Options) transport() (http.RoundTripper, error) {
	if o.Transport != nil {
		return o.Transport, nil
	}
	t := &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           o.dialer().DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   handshakeTimeout,
		ResponseHeaderTimeout: headerTimeout,
	}
	if len(o.CABundle) == 0 {
		return t, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool()
	}
	if !pool.AppendCertsFromPEM(o.CABundle) {
		return nil, errNoCertificate
	}
	t.TLSClientConfig.RootCAs = pool
	return t, nil
}

var errNoCertificate = errors.New("cannot use CA bundle: it holds no certificate in PEM form")
