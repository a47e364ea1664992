// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

func TestStores(t *testing.T) {
	type reader func(context.Context, client.Reader, string, References) (Files, error)
	const (
		login  = `{"auths": {"registry.example.com": {"auth": "dTpw"}}}`
		others = `{"credHelpers": {"other.example.com": "gcloud"}}`
		beside = `{"auths": {"registry.example.com": {"auth": "dTpw"}}, "credsStore": "desktop"}`
	)
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
		"RegistryHelper": {"A helper cannot be used in a cluster.", Registry, map[string]string{".dockerconfigjson": `{"auths": {"registry.example.com": {}}, "credsStore": "desktop"}`}, nil, v1alpha1.ReasonSecretMalformed},
		"RegistryOwn":    {"One for this registry alone neither.", Registry, map[string]string{".dockerconfigjson": `{"credHelpers": {"registry.example.com": "ecr-login"}}`}, nil, v1alpha1.ReasonSecretMalformed},
		"RegistryOther":  {"One for others is of no concern.", Registry, map[string]string{".dockerconfigjson": others}, Files{".dockerconfigjson": []byte(others)}, ""},
		"RegistryBeside": {"Nor is one where the credentials are too.", Registry, map[string]string{".dockerconfigjson": beside}, Files{".dockerconfigjson": []byte(beside)}, ""},
		"RegistryAuth":   {"What is no user and password is named.", Registry, map[string]string{".dockerconfigjson": `{"auths": {"registry.example.com": {"auth": "hunter2"}}}`}, nil, v1alpha1.ReasonSecretMalformed},
		"RegistryBroken": {"What is no login is named.", Registry, map[string]string{".dockerconfigjson": "{}"}, nil, v1alpha1.ReasonSecretMalformed},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := tc.read(t.Context(), store{secret: tc.secret}, "vms", References{
				Secret: &v1alpha1.SecretReference{Name: "keys"}, Image: "registry.example.com/vms/one:v1",
			})
			var why v1alpha1.Reason
			var p *Problem
			if errors.As(err, &p) {
				why = p.Reason
				if strings.Contains(p.Message, "hunter2") {
					t.Errorf("the message holds a secret: %s", p.Message)
				}
				if strings.Contains(tc.secret[".dockerconfigjson"], "Helper") && !strings.Contains(p.Message, `credential helper "ecr-login", which cannot be used`) {
					t.Errorf("the message does not say what is wrong: %s", p.Message)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" || why != tc.why {
				t.Errorf("%s\nreason: want %q, got %q; files, -want +got:\n%s", tc.reason, tc.why, why, diff)
			}
		})
	}
}
