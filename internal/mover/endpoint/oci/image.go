// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// maxIndexes is how many indexes may stand in each other.
const maxIndexes = 4

// A Blob is a layer that may hold the disk.
type Blob struct {
	// Digest of its bytes, "sha256:…", and their number.
	Digest string
	Size   int64

	// Archive says that it is a tar archive, perhaps compressed, in which the
	// disk is a file; otherwise it is the disk's file, perhaps compressed.
	Archive bool
}

// An Image is an image in a registry, pinned to one digest.
type Image struct {
	client *remote.Client
	repo   string

	// Digest of the manifest, "sha256:…".
	Digest string

	// Blobs that may hold the disk, the likeliest first: the one layer of an
	// artifact, or the layers of a container's image from the last to the
	// first, which the last one that has the file overrides.
	Blobs []Blob
}

// Resolve reads the manifest of an image. Its errors have their reasons.
func Resolve(ctx context.Context, o Options) (*Image, error) {
	want, err := ParsePlatform(o.Platform)
	if err != nil {
		return nil, err
	}
	i, err := resolve(ctx, o, want)
	if err != nil {
		return nil, fmt.Errorf("cannot open %s: %w", o.Image, ofSource(err))
	}
	return i, nil
}

func resolve(ctx context.Context, o Options, want Platform) (*Image, error) {
	ref, err := o.Reference()
	if err != nil {
		return nil, err
	}
	c, err := o.Dial(ctx, ref, "pull")
	if err != nil {
		return nil, err
	}
	i := &Image{client: c, repo: ref.Context().Name()}
	expected := ""
	if d, ok := ref.(name.Digest); ok {
		expected = d.DigestStr()
	}
	m, err := i.manifest(ctx, ref.Identifier(), expected)
	for range maxIndexes {
		if err != nil || !m.index() {
			break
		}
		var d Descriptor
		if d, err = m.choose(want); err == nil {
			m, err = i.manifest(ctx, d.Digest, d.Digest)
		}
	}
	if err != nil {
		return nil, err
	}
	if m.index() {
		return nil, refuse("its indexes stand in each other more than %d deep", maxIndexes)
	}
	i.Blobs, err = m.blobs()
	return i, err
}

// manifest reads a manifest and compares it with the digest that is expected, or
// that the registry says it has.
func (i *Image) manifest(ctx context.Context, reference, expected string) (Manifest, error) {
	header := http.Header{"Accept": {Accepted}}
	r, err := i.client.Call(ctx, remote.Request{Method: http.MethodGet, URL: i.client.URL("manifests/" + reference), Header: header}, http.StatusOK)
	if err != nil {
		return Manifest{}, err
	}
	i.Digest = DigestOf(r.Body)
	if said := r.Header.Get("Docker-Content-Digest"); expected == "" && strings.HasPrefix(said, "sha256:") {
		expected = said
	}
	if expected != "" && expected != i.Digest {
		return Manifest{}, transfer.Terminal(transfer.ReasonChecksumMismatch,
			fmt.Errorf("the manifest %.100s has other bytes: their digest is %s", expected, i.Digest))
	}
	return parse(r.Body, r.Header.Get("Content-Type"))
}

// choose returns the manifest of an index for a platform; the only one where
// there is one alone that names none.
func (m Manifest) choose(want Platform) (Descriptor, error) {
	var have []string
	for _, d := range m.Manifests {
		if err := d.check(); err != nil {
			return Descriptor{}, err
		}
		switch {
		case d.Platform == nil && len(m.Manifests) == 1:
			return d, nil
		case d.Platform == nil:
			continue
		case d.Platform.serves(want):
			return d, nil
		}
		if s := d.Platform.String(); d.Platform.OS != "unknown" && !slices.Contains(have, s) {
			have = append(have, s)
		}
	}
	return Descriptor{}, transfer.Terminal(transfer.ReasonSourceNotFound,
		fmt.Errorf("the image is not there for %s: it is for %.200s", want, strings.Join(have, ", ")))
}

// blobs returns the layers that may hold the disk.
func (m Manifest) blobs() ([]Blob, error) {
	var archives, disks, others []Descriptor
	for _, d := range m.Layers {
		switch {
		case d.archive() && m.image():
			archives = append(archives, d)
		case d.disk():
			disks = append(disks, d)
		default:
			others = append(others, d)
		}
	}
	switch {
	case len(disks) == 1:
		return blobs(disks, false)
	case len(disks) > 1:
		return nil, refuse("it holds %d disks, and one is wanted: %s", len(disks), names(disks))
	case len(archives) > 0:
		slices.Reverse(archives)
		return blobs(archives, true)
	case len(others) == 0:
		return nil, refuse("it has no layers")
	}
	return nil, refuse("none of its layers is a disk, by its media type or its title: %s", names(others))
}

func blobs(ds []Descriptor, archive bool) ([]Blob, error) {
	all := make([]Blob, 0, len(ds))
	for _, d := range ds {
		if err := d.check(); err != nil {
			return nil, err
		}
		all = append(all, Blob{Digest: d.Digest, Size: d.Size, Archive: archive})
	}
	return all, nil
}

func names(ds []Descriptor) string {
	const most = 8
	all := make([]string, 0, len(ds))
	for _, d := range ds[:min(len(ds), most)] {
		all = append(all, d.name())
	}
	if len(ds) > most {
		all = append(all, fmt.Sprintf("and %d more", len(ds)-most))
	}
	return strings.Join(all, ", ")
}

// Name of the image, by its digest.
func (i *Image) Name() string { return i.repo + "@" + i.Digest }

// URL of a blob.
func (i *Image) URL(b Blob) *url.URL { return i.client.URL("blobs/" + b.Digest) }

// Authorization returns the value of the Authorization header with which a blob
// can be read, another than the one that was refused if there can be another;
// empty when the registry wants none.
func (i *Image) Authorization(ctx context.Context, refused string) (string, error) {
	value, err := i.client.Authorization(ctx, refused)
	return value, ofSource(err)
}

// Verify returns an error whose reason is transfer.ReasonChecksumMismatch
// unless the blob's bytes have its digest. A zero Blob has none.
func (b Blob) Verify(actual string) error {
	if b.Digest == "" || b.Digest == actual {
		return nil
	}
	return transfer.Terminal(transfer.ReasonChecksumMismatch,
		fmt.Errorf("cannot verify image: its layer %s has other bytes, whose digest is %s", b.Digest, actual))
}

// VerifySize does so by the number of the bytes.
func (b Blob) VerifySize(actual int64) error {
	if b.Size == actual {
		return nil
	}
	return transfer.Terminal(transfer.ReasonChecksumMismatch,
		fmt.Errorf("cannot verify image: its layer %s has %d bytes, its manifest says %d", b.Digest, actual, b.Size))
}

// ofSource classifies an error of a registry that is read from.
func ofSource(err error) error {
	var known *transfer.Error
	var answer *remote.StatusError
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case !errors.As(err, &answer):
		return transfer.Retryable(transfer.ReasonSourceUnavailable, err)
	}
	switch s := answer.Status; {
	case s == http.StatusNotFound, s == http.StatusGone:
		return transfer.Terminal(transfer.ReasonSourceNotFound, err)
	case Busy(s):
		return &transfer.Error{Reason: transfer.ReasonSourceUnavailable, Err: err, RetryAfter: answer.RetryAfter}
	}
	return transfer.Terminal(transfer.ReasonSourceRefused, err)
}

// Busy reports whether a status says that the same request can succeed later.
func Busy(status int) bool {
	return status >= http.StatusInternalServerError || status == http.StatusTooManyRequests ||
		status == http.StatusRequestTimeout || status == http.StatusTooEarly
}
