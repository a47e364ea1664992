// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

func TestStores(t *testing.T) {
	type reader func(context.Context, client.Reader, string, References) (Files, error)
	const login = `{"auths": {"registry.example.com": {"auth": "dTpw"}}}`
	cases := map[string]struct {
		reason string
		read   reader
		secret map[string]string
		want   Files
		why    v1alpha1.Reason
	}{
		"S3":             {"Keys of a bucket.", S3, map[string]string{"accessKeyId": "a\n", "secretAccessKey": "b"}, Files{"accessKeyId": []byte("a"), "secretAccessKey": []byte("b")}, ""},
		"S3CDI":          {"CDI's spelling.", S3, map[string]string{"accessKeyId": "a", "secretKey": "b"}, Files{"accessKeyId": []byte("a"), "secretAccessKey": []byte("b")}, ""},
		"S3AWS":          {"AWS' spelling, with a token.", S3, map[string]string{"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}, Files{"accessKeyId": []byte("a"), "secretAccessKey": []byte("b"), "sessionToken": []byte("c")}, ""},
		"S3Half":         {"A key needs its other half.", S3, map[string]string{"accessKeyId": "a"}, nil, v1alpha1.ReasonSecretMalformed},
		"S3Empty":        {"A Secret without a known key is named.", S3, map[string]string{"x": "a"}, nil, v1alpha1.ReasonSecretMalformed},
		"S3Missing":      {"A Secret that does not exist is named.", S3, nil, nil, v1alpha1.ReasonSecretNotFound},
		"Registry":       {"A login as docker writes it.", Registry, map[string]string{".dockerconfigjson": login}, Files{".dockerconfigjson": []byte(login)}, ""},
		"RegistryFile":   {"The same under its file's name.", Registry, map[string]string{"config.json": login}, Files{".dockerconfigjson": []byte(login)}, ""},
		"RegistryUser":   {"User and password.", Registry, map[string]string{"username": "u", "password": "p"}, Files{"username": []byte("u"), "password": []byte("p")}, ""},
		"RegistryHalf":   {"A user needs a password.", Registry, map[string]string{"username": "u"}, nil, v1alpha1.ReasonSecretMalformed},
		"RegistryEmpty":  {"A Secret without a known key is named.", Registry, map[string]string{"x": "a"}, nil, v1alpha1.ReasonSecretMalformed},
		"RegistryBroken": {"What is no login is named.", Registry, map[string]string{".dockerconfigjson": "{}"}, nil, v1alpha1.ReasonSecretMalformed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := tc.read(t.Context(), store{secret: tc.secret}, "vms", References{Secret: &v1alpha1.SecretReference{Name: "keys"}})
			var why v1alpha1.Reason
			var p *Problem
			if errors.As(err, &p) {
				why = p.Reason
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || why != tc.why {
				t.Errorf("%s\nreason: want %q, got %q; files, -want +got:\n%s", tc.reason, tc.why, why, diff)
			}
		})
	}
}
