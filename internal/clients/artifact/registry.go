// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

const (
	defaultTag = "latest"

	// acceptManifests are the kinds of manifests that an artifact can have (OCI
	// image specification, and Docker's own).
	acceptManifests = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " +
		"application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"

	// maxToken bounds the answer with a token.
	maxToken = 1 << 20
)

// askRegistry asks for the manifest under the artifact's tag (OCI distribution
// specification, "Pulling manifests").
func askRegistry(ctx context.Context, q Question, g *guard) (Verdict, error) {
	t, err := g.transport(q.Files[fileCA])
	if err != nil {
		return Unknown, err
	}
	host, rest, _ := strings.Cut(q.Artifact.Registry.Image, "/")
	repository, tag, ok := strings.Cut(rest, ":")
	if !ok {
		tag = defaultTag
	}
	r := registry{client: &http.Client{Transport: t}, repository: repository, login: loginFor(q.Files, host)}
	path := host + "/v2/" + repository + "/manifests/" + tag
	schemes := []string{"https://"}
	if q.Artifact.Registry.PlainHTTP {
		schemes = []string{"http://"}
	} else if !g.httpsOnly {
		schemes = append(schemes, "http://")
	}
	var a answer
	for _, scheme := range schemes {
		if a, err = r.head(ctx, scheme+path); err == nil {
			break
		}
	}
	if err != nil {
		return Unknown, wrap(err)
	}
	switch {
	case a.code == http.StatusNotFound:
		return Missing, nil
	case a.code != http.StatusOK:
		return Unknown, wrap(errors.New("the registry answers " + a.status))
	}
	return same(a.header.Get("Docker-Content-Digest"), q.Made.Digest), nil
}

// registry asks one registry for one repository.
type registry struct {
	client     *http.Client
	repository string
	login      *url.Userinfo
}

// answer is a registry's, read to its end.
type answer struct {
	code   int
	status string
	header http.Header
	body   []byte
}

// head asks for a URL. A registry that wants a login says which one.
func (r registry) head(ctx context.Context, at string) (answer, error) {
	a, err := r.do(ctx, http.MethodHead, at, "")
	if err != nil || a.code != http.StatusUnauthorized {
		return a, err
	}
	kind, challenge, _ := strings.Cut(a.header.Get("WWW-Authenticate"), " ")
	switch {
	case strings.EqualFold(kind, "basic") && r.login != nil:
		return r.do(ctx, http.MethodHead, at, basic(r.login))
	case !strings.EqualFold(kind, "bearer"):
		return a, nil
	}
	token, err := r.token(ctx, challenge)
	if err != nil {
		return a, err
	}
	return r.do(ctx, http.MethodHead, at, "Bearer "+token)
}

// token gets a token from where a challenge names.
func (r registry) token(ctx context.Context, challenge string) (string, error) {
	fields := map[string]string{}
	for _, m := range regexp.MustCompile(`([a-z]+)="([^"]*)"`).FindAllStringSubmatch(challenge, -1) {
		fields[m[1]] = m[2]
	}
	realm, err := url.Parse(fields["realm"])
	if err != nil {
		return "", err
	}
	query := realm.Query()
	query.Set("service", fields["service"])
	query.Set("scope", "repository:"+r.repository+":pull")
	realm.RawQuery = query.Encode()
	a, err := r.do(ctx, http.MethodGet, realm.String(), basic(r.login))
	if err != nil {
		return "", err
	}
	if a.code != http.StatusOK {
		return "", errors.New("the registry's token server answers " + a.status)
	}
	token := struct {
		Token       string `json:"token"`
		AccessToken string `json:"access_token"`
	}{}
	if json.Unmarshal(a.body, &token) != nil {
		// The parser's error can repeat what it read.
		return "", errors.New("cannot read the registry's token: it is not JSON")
	}
	if token.Token == "" {
		return token.AccessToken, nil
	}
	return token.Token, nil
}

// do makes one request and reads what there is of the answer.
func (r registry) do(ctx context.Context, method, at, authorization string) (answer, error) {
	q, err := http.NewRequestWithContext(ctx, method, at, nil)
	if err != nil {
		return answer{}, err
	}
	q.Header.Set("Accept", acceptManifests)
	if authorization != "" {
		q.Header.Set("Authorization", authorization)
	}
	res, err := r.client.Do(q)
	if err != nil {
		return answer{}, err
	}
	defer res.Body.Close() //nolint:errcheck // It was only read from.
	b, err := io.ReadAll(io.LimitReader(res.Body, maxToken))
	return answer{res.StatusCode, res.Status, res.Header, b}, err
}

func basic(u *url.Userinfo) string {
	if u == nil {
		return ""
	}
	password, _ := u.Password()
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(u.Username()+":"+password))
}

// loginFor finds the login for a registry among the files, or nil.
func loginFor(files map[string][]byte, host string) *url.Userinfo {
	if u := files[fileUsername]; len(u) > 0 {
		return url.UserPassword(string(u), string(files[filePassword]))
	}
	config := struct {
		Auths map[string]struct{ Auth, Username, Password string } `json:"auths"`
	}{}
	if json.Unmarshal(files[fileDockerConfig], &config) != nil {
		return nil
	}
	for _, key := range []string{host, "https://" + host, "http://" + host} {
		e, ok := config.Auths[key]
		if !ok {
			continue
		}
		if b, err := base64.StdEncoding.DecodeString(e.Auth); err == nil && e.Username == "" {
			e.Username, e.Password, _ = strings.Cut(string(b), ":")
		}
		return url.UserPassword(e.Username, e.Password)
	}
	return nil
}
