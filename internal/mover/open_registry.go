// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/auth"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/httpurl/link"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/login"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/push"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/policy"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/retry"
	"github.com/novasphere/provider-wukong/internal/mover/format/archive"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// patience is how long a registry may be silent when it is told that an upload
// is whole: it can have to hash or to copy all of it then.
const patience = 15 * time.Minute

// registry is how the registry of a job is spoken to.
type registry struct {
	policy *policy.Policy
	link   link.Options
	retry  retry.Policy
	image  oci.Options
}

func newRegistry(job *transfer.Job, r *transfer.RegistryImage, c *counters) (*registry, error) {
	p, err := policy.New(job.Policy)
	if err != nil {
		return nil, err
	}
	g := &registry{
		policy: p,
		link:   link.Options{CAFile: r.CAFile, Control: p.Control, Received: c.received},
		retry:  retry.Policy{Retries: job.Limits.Retries, Observe: c.retried},
	}
	usual, err := link.New(g.link)
	if err != nil {
		return nil, err
	}
	slow := g.link
	slow.Stall, slow.Answer = patience, patience
	patient, err := link.New(slow)
	if err != nil {
		return nil, err
	}
	g.image = oci.Options{
		Image:     r.Image,
		Platform:  r.Platform,
		PlainHTTP: r.PlainHTTP,
		Login:     login.Finder{Path: r.CredentialsDir},
		Transport: registryLink{
			usual:   &permittedLink{usual, p.CheckURL},
			patient: &permittedLink{patient, p.CheckURL},
		},
	}
	return g, nil
}

// registryLink waits longer for the answer to what ends an upload, and to an
// upload in one request, than for others.
type registryLink struct{ usual, patient http.RoundTripper }

// RoundTrip implements http.RoundTripper.
func (l registryLink) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Method == http.MethodPut || r.Method == http.MethodPatch && r.Header.Get("Content-Range") == "" {
		return l.patient.RoundTrip(r)
	}
	return l.usual.RoundTrip(r)
}

// openRegistry opens the blob that holds an image's disk. It is a file behind a
// URL like any other, whose bytes must have the blob's digest.
func openRegistry(ctx context.Context, job *transfer.Job, c *counters) (disk.File, oci.Blob, error) {
	s := job.Source.Registry
	g, err := newRegistry(job, s, c)
	if err != nil {
		return nil, oci.Blob{}, err
	}
	var found oci.Blob
	f, err := retry.Open(ctx, g.retry, func(ctx context.Context) (disk.File, error) {
		image, err := oci.Resolve(ctx, g.image)
		if err != nil {
			return nil, err
		}
		if found, err = g.choose(ctx, image); err != nil {
			return nil, err
		}
		return g.open(ctx, image, found)
	})
	return f, found, err
}

// choose returns the blob that holds the disk: where there are several, the
// first of them in which there is one.
func (g *registry) choose(ctx context.Context, image *oci.Image) (oci.Blob, error) {
	if len(image.Blobs) == 1 {
		return image.Blobs[0], nil
	}
	for _, b := range image.Blobs {
		err := g.look(ctx, image, b)
		if err == nil || !errors.Is(err, archive.ErrNone) {
			return b, err
		}
	}
	return oci.Blob{}, transfer.Terminal(transfer.ReasonFormatRefused, fmt.Errorf(
		"cannot import %s: none of its %d layers has a file in /%s, so that it is no containerDisk", image.Name(), len(image.Blobs), diskFolder))
}

// look reads a blob as far as the disk in it.
func (g *registry) look(ctx context.Context, image *oci.Image, b oci.Blob) error {
	f, err := g.open(ctx, image, b)
	if err != nil {
		return err
	}
	defer f.Close() //nolint:errcheck // It was only read.
	r, err := retry.New(f, g.retry).Open(ctx, 0, -1)
	if err != nil {
		return err
	}
	defer r.Close() //nolint:errcheck // Closing a reader loses nothing.
	return lookForDisk(r)
}

// open opens one blob.
func (g *registry) open(ctx context.Context, image *oci.Image, b oci.Blob) (disk.File, error) {
	refused := ""
	f, err := httpurl.New(ctx, httpurl.Options{
		URL:      image.URL(b).String(),
		CheckURL: g.policy.CheckURL,
		Link:     g.link,
		// It is called again, by one goroutine at a time, when what it returned
		// was refused: a token that has expired is renewed then.
		Credentials: func() (auth.Credentials, error) {
			value, err := image.Authorization(ctx, refused)
			refused = value
			return credentials(value), err
		},
	})
	if err != nil {
		return nil, err
	}
	if size := f.Stat().Size; size != disk.Unknown {
		if err := b.VerifySize(size); err != nil {
			_ = f.Close() // It was only read.
			return nil, err
		}
	}
	return &blobFile{File: f, name: image.Name(), size: b.Size, digest: image.Digest}, nil
}

// credentials are those of an Authorization header.
func credentials(value string) auth.Credentials {
	token, bearer := strings.CutPrefix(value, "Bearer ")
	switch {
	case value == "":
		return auth.Credentials{}
	case bearer:
		return auth.Bearer(token)
	}
	return auth.Credentials{}.WithHeaders(transfer.Header{Name: "Authorization", Value: value})
}

// blobFile is a blob as a file. What the manifest says of it goes before what
// the server of its bytes does.
type blobFile struct {
	disk.File

	name   string
	size   int64
	digest string // of the manifest
}

// Stat implements disk.File.
func (f *blobFile) Stat() disk.Stat {
	s := f.File.Stat()
	s.Name, s.Size, s.Validator, s.ContentType = f.name, f.size, f.digest, ""
	return s
}

// uploadRegistry begins the job's artifact in a registry, or goes on with what an
// attempt before has told of.
func (m *move) uploadRegistry(ctx context.Context) (disk.Upload, error) {
	g, err := newRegistry(m.job, m.job.Artifact.Registry, &m.counters)
	if err != nil {
		return nil, err
	}
	o := push.Options{
		Options:     g.image,
		Compression: m.job.Artifact.Compression.Algorithm,
		Level:       m.job.Artifact.Compression.Level,
		Before:      m.memo.Before(),
		Spared:      m.spared,
		Note:        m.noted,
	}
	if m.memo != nil {
		o.Tell = m.memo.Tell
	}
	return retry.Create(ctx, g.retry, func(ctx context.Context) (disk.Upload, error) { return push.New(ctx, o) })
}

// removeRegistry removes from a registry what the job says was made there, and
// the upload that an attempt has told of. One of which nobody has told cannot be
// found: the registry ends it by itself.
func (m *move) removeRegistry(ctx context.Context) error {
	g, err := newRegistry(m.job, m.job.Artifact.Registry, &m.counters)
	if err != nil {
		return err
	}
	if before := m.memo.Before(); before != nil {
		err = retry.Do(ctx, g.retry, func(ctx context.Context) error { return push.Cancel(ctx, g.image, before) })
	}
	if err != nil || m.job.Made == nil {
		return err
	}
	return retry.Do(ctx, g.retry, func(ctx context.Context) error {
		replaced, err := push.Remove(ctx, g.image, m.job.Made.Digest)
		if replaced {
			m.noted(disk.Replaced)
		}
		return err
	})
}
