// SPDX-License-Identifier: Apache-2.0

package oci

import (
	"context"
	"fmt"
	"net/http"
	"runtime"
	"slices"
	"strings"

	"github.com/google/go-containerregistry/pkg/name"

	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/login"
	"github.com/novasphere/provider-wukong/internal/mover/endpoint/oci/remote"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// Options say which image, and how its registry is spoken to.
type Options struct {
	// Image is host[:port]/repository[:tag][@digest]. Without a host it is
	// Docker's own registry.
	Image string

	// Platform is os/architecture[/variant]. Empty: linux, and the
	// architecture of this program.
	Platform string

	// PlainHTTP speaks http. Otherwise that is tried only after https, and
	// only with registries on this machine or at a private address.
	PlainHTTP bool

	// Login finds the credentials.
	Login login.Finder

	// Transport makes one request and follows nothing. Its errors have their
	// reason, as of a source.
	Transport http.RoundTripper
}

// Reference is the image's, in all its parts.
func (o Options) Reference() (name.Reference, error) {
	ref, err := name.ParseReference(o.Image)
	if err != nil {
		return nil, transfer.Terminal(transfer.ReasonInvalidJob, fmt.Errorf("cannot read image reference: %w", err))
	}
	return ref, nil
}

// Dial returns a client of a reference's repository, whose tokens permit the
// actions, such as "pull,push", and more scopes, such as those of name.Repository.
func (o Options) Dial(ctx context.Context, ref name.Reference, actions string, more ...string) (*remote.Client, error) {
	registry := ref.Context().Registry
	schemes := []string{"https"}
	switch {
	case o.PlainHTTP:
		schemes = []string{"http"}
	case registry.Scheme() == "http":
		schemes = append(schemes, "http")
	}
	resource := login.Resource{Registry: registry.RegistryStr(), Repository: ref.Context().RepositoryStr()}
	return remote.Dial(ctx, remote.Options{
		Registry:   resource.Registry,
		Schemes:    schemes,
		Repository: resource.Repository,
		Actions:    actions,
		Scopes:     more,
		Login:      func(ctx context.Context) (login.Login, error) { return o.Login.Find(ctx, resource) },
		Transport:  o.Transport,
	})
}

// A Platform is what an image is for (image specification, "Image Index").
type Platform struct {
	OS           string `json:"os"`
	Architecture string `json:"architecture"`
	Variant      string `json:"variant,omitempty"`
}

// ParsePlatform reads os/architecture[/variant]. Nothing is linux, and the
// architecture of this program.
func ParsePlatform(s string) (Platform, error) {
	if s == "" {
		return Platform{OS: "linux", Architecture: runtime.GOARCH}, nil
	}
	parts := strings.Split(s, "/")
	if len(parts) < 2 || len(parts) > 3 || slices.Contains(parts, "") {
		return Platform{}, transfer.Terminal(transfer.ReasonInvalidJob,
			fmt.Errorf("cannot read platform %q: it wants the form os/architecture or os/architecture/variant, such as linux/arm64", s))
	}
	p := Platform{OS: parts[0], Architecture: parts[1]}
	if len(parts) == 3 {
		p.Variant = parts[2]
	}
	return p, nil
}

// String is how platforms are written.
func (p Platform) String() string {
	s := p.OS + "/" + p.Architecture
	if p.Variant != "" {
		s += "/" + p.Variant
	}
	return s
}

// serves reports whether something for platform p serves where want is asked
// for: any variant does where none is named.
func (p Platform) serves(want Platform) bool {
	return p.OS == want.OS && p.Architecture == want.Architecture && (want.Variant == "" || p.Variant == want.Variant)
}
