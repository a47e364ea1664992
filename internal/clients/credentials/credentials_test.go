// SPDX-License-Identifier: Apache-2.0

package credentials

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// store is a cluster with at most one Secret and one ConfigMap.
type store struct {
	client.Reader
	secret    map[string]string
	configMap map[string]string
}

func (s store) Get(_ context.Context, key client.ObjectKey, into client.Object, _ ...client.GetOption) error {
	switch o := into.(type) {
	case *corev1.Secret:
		if s.secret != nil {
			o.ObjectMeta, o.Data = metav1.ObjectMeta{Name: key.Name}, map[string][]byte{}
			for k, v := range s.secret {
				o.Data[k] = []byte(v)
			}
			return nil
		}
	case *corev1.ConfigMap:
		if s.configMap != nil {
			o.ObjectMeta, o.Data = metav1.ObjectMeta{Name: key.Name}, s.configMap
			return nil
		}
	}
	return kerrors.NewNotFound(schema.GroupResource{}, key.Name)
}

// authority is a certificate that signed itself.
const authority = `-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIUSWl0nXcP8zpV6BBvN9rVAi8S9ZswCgYIKoZIzj0EAwIw
-----END CERTIFICATE-----
`

func TestHTTP(t *testing.T) {
	type want struct {
		files  Files
		reason v1alpha1.Reason
	}
	secret, ca := &v1alpha1.SecretReference{Name: "login"}, &v1alpha1.CABundleReference{Name: "ca"}
	cases := map[string]struct {
		reason string
		store  store
		src    v1alpha1.HTTPSource
		want   want
	}{
		"None":       {"A source without references needs nothing.", store{}, v1alpha1.HTTPSource{}, want{files: Files{}}},
		"Basic":      {"Line breaks at the end are an editor's.", store{secret: map[string]string{"username": "u\n", "password": "p\r\n"}}, v1alpha1.HTTPSource{SecretRef: secret}, want{files: Files{"username": []byte("u"), "password": []byte("p")}}},
		"CDI":        {"CDI's Secrets can be used.", store{secret: map[string]string{"accessKeyId": "u", "secretKey": "p"}}, v1alpha1.HTTPSource{SecretRef: secret}, want{files: Files{"username": []byte("u"), "password": []byte("p")}}},
		"Token":      {"A token stands alone.", store{secret: map[string]string{"token": "t"}}, v1alpha1.HTTPSource{SecretRef: secret}, want{files: Files{"token": []byte("t")}}},
		"Headers":    {"Headers are lines.", store{secret: map[string]string{"headers": "X-Key: a\nX-Other: b\n"}}, v1alpha1.HTTPSource{SecretRef: secret}, want{files: Files{"headers": []byte("X-Key: a\nX-Other: b")}}},
		"Missing":    {"A Secret that does not exist is named.", store{}, v1alpha1.HTTPSource{SecretRef: secret}, want{reason: v1alpha1.ReasonSecretNotFound}},
		"Half":       {"A user needs a password.", store{secret: map[string]string{"username": "u"}}, v1alpha1.HTTPSource{SecretRef: secret}, want{reason: v1alpha1.ReasonSecretMalformed}},
		"Empty":      {"A Secret without a known key is named.", store{secret: map[string]string{"other": "u"}}, v1alpha1.HTTPSource{SecretRef: secret}, want{reason: v1alpha1.ReasonSecretMalformed}},
		"Both":       {"Two ways of authentication exclude each other.", store{secret: map[string]string{"username": "u", "password": "p", "token": "t"}}, v1alpha1.HTTPSource{SecretRef: secret}, want{reason: v1alpha1.ReasonSecretMalformed}},
		"LineBreak":  {"A line break within a token would forge a header.", store{secret: map[string]string{"token": "a\nX: y"}}, v1alpha1.HTTPSource{SecretRef: secret}, want{reason: v1alpha1.ReasonSecretMalformed}},
		"HeaderLine": {"A line that is no header is named.", store{secret: map[string]string{"headers": "nonsense"}}, v1alpha1.HTTPSource{SecretRef: secret}, want{reason: v1alpha1.ReasonSecretMalformed}},
		"NoCA":       {"A ConfigMap that does not exist is named.", store{}, v1alpha1.HTTPSource{CABundleRef: ca}, want{reason: v1alpha1.ReasonConfigMapNotFound}},
		"NoKey":      {"A ConfigMap without the key is named.", store{configMap: map[string]string{"x": "y"}}, v1alpha1.HTTPSource{CABundleRef: ca}, want{reason: v1alpha1.ReasonConfigMapMalformed}},
		"NoBundle":   {"Text is no bundle.", store{configMap: map[string]string{"ca.crt": "y"}}, v1alpha1.HTTPSource{CABundleRef: ca}, want{reason: v1alpha1.ReasonConfigMapMalformed}},
		"BadAuthory": {"A certificate that cannot be read is none.", store{configMap: map[string]string{"ca.crt": authority}}, v1alpha1.HTTPSource{CABundleRef: ca}, want{reason: v1alpha1.ReasonConfigMapMalformed}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			files, err := HTTP(t.Context(), tc.store, "vms", References{Secret: tc.src.SecretRef, CABundle: tc.src.CABundleRef})
			got := want{files: files}
			var p *Problem
			if errors.As(err, &p) {
				got = want{reason: p.Reason}
				for _, v := range tc.store.secret {
					if len(v) > 1 && strings.Contains(p.Message, v) {
						t.Errorf("%s\nthe message repeats a secret: %s", tc.reason, p.Message)
					}
				}
			} else if err != nil {
				t.Fatalf("%s\n%v", tc.reason, err)
			}
			if diff := cmp.Diff(tc.want, got, cmp.AllowUnexported(want{})); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
