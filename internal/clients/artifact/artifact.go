// SPDX-License-Identifier: Apache-2.0

// Package artifact asks a place, by one cheap request, whether an artifact is
// still there and still the one that was made.
//
// The requests are made by the provider, to places that its users name. So they
// obey the policy that a mover obeys: its hosts and networks, and no address of
// the provider's own machine.
package artifact

import (
	"context"
	"net/http"
	"time"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/clients/guard"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// timeout bounds what one question takes.
const timeout = 10 * time.Second

// A Verdict is what became of an artifact.
type Verdict string

// The verdicts.
const (
	// Unknown is when the place cannot say, or was not asked.
	Unknown Verdict = "Unknown"
	Present Verdict = "Present"
	Missing Verdict = "Missing"
	Changed Verdict = "Changed"
)

// A Question is about one artifact.
type Question struct {
	// Artifact names the place, Made what was made there.
	Artifact *transfer.Artifact
	Made     transfer.ArtifactFacts

	// Files are the credentials and certificates for the place, by the names
	// that the transfer contract gives them.
	Files map[string][]byte

	Policy transfer.Policy
}

// An Answer is what a place says of an artifact.
type Answer struct {
	Verdict Verdict

	// Validator is the place's own name for what it has now, where it had
	// said none when the artifact was made. Another one later is a change.
	Validator string
}

// A Client asks places.
type Client struct{}

// New returns a Client.
func New() *Client { return &Client{} }

// Ask asks what became of an artifact. An error comes with Unknown.
func (c *Client) Ask(ctx context.Context, q Question) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	g, err := guard.New(q.Policy)
	if err != nil {
		return Answer{Verdict: Unknown}, err
	}
	switch a := q.Artifact; {
	case a.S3 != nil:
		v, err := askS3(ctx, q, g)
		return Answer{Verdict: v}, err
	case a.Registry != nil:
		v, err := askRegistry(ctx, q, g)
		return Answer{Verdict: v}, err
	case a.HTTP != nil && a.HTTP.Method != http.MethodPost:
		// What is posted to a URL is not necessarily found there.
		return askHTTP(ctx, q, g)
	}
	return Answer{Verdict: Unknown}, nil
}

// wrap says which question failed. The cause may repeat a URL, but no
// credentials: they are headers.
func wrap(err error) error { return errors.Wrap(err, "cannot ask for the artifact") }
