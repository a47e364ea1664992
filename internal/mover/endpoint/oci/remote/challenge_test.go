// SPDX-License-Identifier: Apache-2.0

package remote

import (
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestChallengeOf(t *testing.T) {
	type parameters = map[string]string
	cases := map[string]struct {
		reason  string
		headers []string
		want    challenge
	}{
		"None":    {"nothing is wanted", nil, challenge{}},
		"Basic":   {"a name and a password", []string{`Basic realm="a registry"`}, challenge{"basic", parameters{"realm": "a registry"}}},
		"Bearer":  {"as distribution writes it", []string{`Bearer realm="https://t/token",service="r",scope="repository:a/b:pull,push"`}, challenge{"bearer", parameters{"realm": "https://t/token", "service": "r", "scope": "repository:a/b:pull,push"}}},
		"Several": {"the one that can be met, of several", []string{`Negotiate, Basic realm=x`, `Bearer realm="https://t"`}, challenge{"bearer", parameters{"realm": "https://t"}}},
		"OneLine": {"also in one header", []string{`Digest realm="d", nonce="a,b=c", Bearer realm="https://t", error="invalid_token"`}, challenge{"bearer", parameters{"realm": "https://t", "error": "invalid_token"}}},
		"Spaces":  {"with spaces and another case", []string{`BEARER  Realm = "https://t" , SERVICE=r`}, challenge{"bearer", parameters{"realm": "https://t", "service": "r"}}},
		"Quoted":  {"with quotes in quotes", []string{`Bearer realm="a \"b\" \\"`}, challenge{"bearer", parameters{"realm": `a "b" \`}}},
		"Open":    {"a quote that is not closed", []string{`Bearer realm="https://t`}, challenge{"bearer", parameters{"realm": "https://t"}}},
		"Unknown": {"only one that cannot be met", []string{`Negotiate abc=`}, challenge{}},
		"Garbage": {"nothing that makes sense", []string{`=== "", ,`}, challenge{}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := challengeOf(http.Header{"Www-Authenticate": tc.headers})
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(challenge{})); diff != "" {
				t.Errorf("%s: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
