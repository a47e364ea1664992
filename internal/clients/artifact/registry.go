// SPDX-License-Identifier: Apache-2.0

package artifact

import (
	"context"
	"crypto/tls"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/clients/guard"
	"github.com/novasphere/provider-wukong/internal/dockerconfig"
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
func askRegistry(ctx context.Context, q Question, g *guard.Guard) (Verdict, error) {
	t, err := g.Transport(q.Files[fileCA])
	if err != nil {
		return Unknown, err
	}
	image := q.Artifact.Registry.Image
	host, repository := dockerconfig.Of(image)
	tag := defaultTag
	if i := strings.LastIndexByte(image, ':'); i > strings.LastIndexByte(image, '/') {
		tag = image[i+1:]
	}
	login, err := loginFor(q.Files, host, repository)
	if err != nil {
		return Unknown, err
	}
	r := registry{client: &http.Client{Transport: t}, repository: repository, login: login}
	path := host + "/v2/" + repository + "/manifests/" + tag
	schemes := []string{"https://"}
	if q.Artifact.Registry.PlainHTTP {
		schemes = []string{"http://"}
	} else if !g.HTTPSOnly() {
		schemes = append(schemes, "http://")
	}
	var a answer
	for _, scheme := range schemes {
		// Behind http there may be another server than the registry whose
		// certificate nobody here trusts, and its 404 says nothing.
		var untrusted *tls.CertificateVerificationError
		if a, err = r.head(ctx, scheme+path); err == nil || errors.As(err, &untrusted) {
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

// A LoginError is a login for a place that cannot be used here. Somebody has to
// change the Secret.
type LoginError struct{ Err error }

// Error implements error.
func (e *LoginError) Error() string { return e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *LoginError) Unwrap() error { return e.Err }

// loginFor finds the login for an image among the files; nil: there is none. One
// that cannot be used is a LoginError: whoever asked without would not be told what
// the registry has.
func loginFor(files map[string][]byte, registry, repository string) (*url.Userinfo, error) {
	if u := files[fileUsername]; len(u) > 0 {
		return url.UserPassword(string(u), string(files[filePassword])), nil
	}
	if len(files[fileDockerConfig]) == 0 {
		return nil, nil //nolint:nilnil // No login is no error.
	}
	config, err := dockerconfig.Parse(files[fileDockerConfig])
	if err != nil {
		return nil, &LoginError{errors.Wrap(err, "cannot use docker configuration")}
	}
	found, ok, err := config.Find(registry, repository)
	switch helper := config.Helper(registry); {
	case err != nil:
		return nil, &LoginError{errors.Wrapf(err, "cannot use docker configuration for %s", registry)}
	case ok && found.Username == "":
		return nil, &LoginError{errors.Errorf("cannot use a token for %s: this check wants a user name and a password in the docker configuration", registry)}
	case ok:
		return url.UserPassword(found.Username, found.Password), nil
	case helper != "":
		return nil, &LoginError{errors.Errorf("cannot use credential helper %.40q for %s: put the credentials themselves into the docker configuration", helper, registry)}
	}
	return nil, nil //nolint:nilnil // No login is no error.
}
