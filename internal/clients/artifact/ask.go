// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"net/http"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/clients/guard"
)

// The names of the files that are read here, which the transfer contract
// fixes.
const (
	fileCA              = "ca.crt"
	fileUsername        = "username"
	filePassword        = "password"
	fileToken           = "token"
	fileHeaders         = "headers"
	fileAccessKeyID     = "accessKeyId"
	fileSecretAccessKey = "secretAccessKey"
	fileSessionToken    = "sessionToken"
	fileDockerConfig    = ".dockerconfigjson"
)

// same compares what a place says of an artifact with what it said when the
// artifact was made. Quotes and the mark of a weak tag are spelling.
func same(now, then string) Verdict {
	bare := func(s string) string { return strings.Trim(strings.TrimPrefix(s, "W/"), `"`) }
	switch {
	case now == "" || then == "":
		return Present
	case bare(now) != bare(then):
		return Changed
	}
	return Present
}

func askHTTP(ctx context.Context, q Question, g *guard.Guard) (Answer, error) {
	unknown := Answer{Verdict: Unknown}
	t, err := g.Transport(q.Files[fileCA])
	if err != nil {
		return unknown, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodHead, q.Artifact.HTTP.URL, nil)
	if err != nil {
		return unknown, wrap(err)
	}
	identify(r, q)
	// Where a redirect leads the credentials would go too.
	c := http.Client{Transport: t, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := c.Do(r)
	if err != nil {
		return unknown, wrap(err)
	}
	defer res.Body.Close() //nolint:errcheck // An answer to HEAD has no body.
	switch {
	case res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusGone:
		return Answer{Verdict: Missing}, nil
	case res.StatusCode != http.StatusOK:
		return unknown, wrap(errors.New("the server answers " + res.Status))
	case res.ContentLength >= 0 && q.Made.Size > 0 && res.ContentLength != q.Made.Size:
		return Answer{Verdict: Changed}, nil
	}
	return version(res.Header, q.Made.Validator), nil
}

// version compares what a server says of a file now with what it said before:
// its entity tag, or the time of its last change from a server that has no tags
// (RFC 9110, section 8.8). One that said nothing when it took the file, as many
// do, says it now.
func version(h http.Header, then string) Answer {
	tag, modified := h.Get("ETag"), h.Get("Last-Modified")
	if then == "" {
		if tag == "" {
			tag = modified
		}
		return Answer{Verdict: Present, Validator: tag}
	}
	if _, err := http.ParseTime(then); err == nil {
		return Answer{Verdict: same(modified, then)}
	}
	return Answer{Verdict: same(tag, then)}
}

// identify gives a request the headers and credentials of its place.
func identify(r *http.Request, q Question) {
	for _, h := range q.Artifact.HTTP.Headers {
		r.Header.Set(h.Name, h.Value)
	}
	for line := range strings.Lines(string(q.Files[fileHeaders])) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), ":"); ok {
			r.Header.Set(name, strings.TrimSpace(value))
		}
	}
	if u := q.Files[fileUsername]; len(u) > 0 {
		r.SetBasicAuth(string(u), string(q.Files[filePassword]))
	}
	if t := q.Files[fileToken]; len(t) > 0 {
		r.Header.Set("Authorization", "Bearer "+string(t))
	}
}
