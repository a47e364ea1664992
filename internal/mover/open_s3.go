// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/answer"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/policy"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/s3/store"
	"github.com/novasphere/provider-wukong/internal/s3conn"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// openS3 opens the job's source in an S3 store.
func openS3(ctx context.Context, job *transfer.Job, c *counters) (disk.File, error) {
	o := job.Source.S3
	p, err := s3Place(ctx, job.Policy, o, c)
	if err != nil {
		return nil, err
	}
	return retry.Open(ctx, s3Retries(job, c), func(ctx context.Context) (disk.File, error) {
		return s3.Open(ctx, p, o.VersionID)
	})
}

// uploadS3 begins the job's artifact, of at most bound bytes, in an S3 store. One
// that is not packed has exactly as many.
func uploadS3(ctx context.Context, job *transfer.Job, bound int64, c *counters) (disk.Upload, error) {
	p, err := s3Place(ctx, job.Policy, job.Artifact.S3, c)
	if err != nil {
		return nil, err
	}
	o := s3.Options{Most: bound, Note: c.noted}
	if unpacked(job.Artifact) {
		o.Least = bound
	}
	return retry.Create(ctx, s3Retries(job, c), func(ctx context.Context) (disk.Upload, error) {
		return s3.Create(ctx, p, o)
	})
}

// removeS3 removes from an S3 store what the job says was made there, unless
// another writer has replaced it.
func removeS3(ctx context.Context, job *transfer.Job, c *counters) error {
	p, err := s3Place(ctx, job.Policy, job.Artifact.S3, c)
	if err != nil {
		return err
	}
	defer p.Conn.Close()
	return retry.Do(ctx, s3Retries(job, c), func(ctx context.Context) error {
		replaced, err := s3.Remove(ctx, p, job.Made)
		if replaced {
			c.noted(disk.Replaced)
		}
		return err
	})
}

func s3Retries(job *transfer.Job, c *counters) retry.Policy {
	return retry.Policy{Retries: job.Limits.Retries, Observe: func(err error) {
		c.retried(err)
		if store.Overloaded(err) {
			c.meter.Pushbacks.Add(1)
		}
	}}
}

// s3Place returns an object's place behind the policy.
func s3Place(ctx context.Context, permits transfer.Policy, o *transfer.S3Object, c *counters) (store.Place, error) {
	p, err := policy.New(permits)
	if err != nil {
		return store.Place{}, err
	}
	l, err := newS3Link(link.Options{CAFile: o.CAFile, Control: p.Control, Received: c.received}, p.CheckURL)
	if err != nil {
		return store.Place{}, err
	}
	options := s3conn.Options{Endpoint: o.Endpoint, Region: o.Region, Transport: l, Control: p.Control}
	if o.CredentialsDir != "" {
		options.Load = s3conn.Folder(o.CredentialsDir)
	}
	conn, err := s3conn.New(ctx, options)
	var credentials *s3conn.CredentialsError
	switch {
	case err == nil:
		return store.Place{Conn: conn, Bucket: o.Bucket, Key: o.Key}, nil
	case ctx.Err() != nil:
		return store.Place{}, ctx.Err()
	case errors.As(err, &credentials):
		return store.Place{}, transfer.Terminal(transfer.ReasonUnauthorized, err)
	}
	return store.Place{}, err
}

// s3Link waits longer for the answer to a POST than for another: some stores
// copy all parts of an object before they answer the one that puts it together.
type s3Link struct{ usual, patient *permittedLink }

func newS3Link(o link.Options, check func(*url.URL) error) (*s3Link, error) {
	usual, err := link.New(o)
	if err != nil {
		return nil, err
	}
	o.Stall, o.Answer = patience, patience
	patient, err := link.New(o)
	if err != nil {
		return nil, err
	}
	return &s3Link{&permittedLink{usual, check}, &permittedLink{patient, check}}, nil
}

// RoundTrip implements http.RoundTripper.
func (l *s3Link) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPost {
		return l.patient.RoundTrip(r)
	}
	return l.usual.RoundTrip(r)
}

// CloseIdleConnections closes the connections that are idle.
func (l *s3Link) CloseIdleConnections() {
	l.usual.link.Close()
	l.patient.link.Close()
}

// permittedLink is a link that asks the policy about every URL, and whose
// errors are classified.
type permittedLink struct {
	link  *link.Link
	check func(*url.URL) error
}

// RoundTrip implements http.RoundTripper.
func (p *permittedLink) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := p.check(r.URL); err != nil {
		if r.Body != nil {
			_ = r.Body.Close()
		}
		return nil, err
	}
	resp, err := p.link.RoundTrip(r)
	if err == nil || r.Context().Err() != nil {
		return resp, err
	}
	return nil, answer.Silence(err, r.URL)
}
