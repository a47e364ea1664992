// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"strings"
	"testing"
)

const kubeconfig = `
apiVersion: v1
kind: Config
current-context: x
contexts: [{name: x, context: {cluster: c, user: u}}]
clusters: [{name: c, cluster: {server: "https://10.0.0.1:6443"CLUSTER}}]
users: [{name: u, user: {USER}}]
`

func TestRESTConfig(t *testing.T) {
	cases := map[string]struct {
		reason  string
		cluster string
		user    string
		want    string // Part of the error; empty: none.
	}{
		"Token":     {"A token in the kubeconfig is what is wanted.", "", "token: t", ""},
		"Exec":      {"A command would run in the provider's pod.", "", "exec: {apiVersion: client.authentication.k8s.io/v1, command: sh}", "files or commands"},
		"TokenFile": {"A file would be the provider's own.", "", "tokenFile: /var/run/secrets/kubernetes.io/serviceaccount/token", "files or commands"},
		"KeyFile":   {"A file would be the provider's own.", "", "client-key: /tls.key", "files or commands"},
		"CAFile":    {"A file would be the provider's own.", ", certificate-authority: /ca.crt", "token: t", "certificate-authority-data"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			k := strings.NewReplacer("CLUSTER", tc.cluster, "USER", tc.user).Replace(kubeconfig)
			cfg, err := restConfig([]byte(k))
			switch {
			case tc.want == "" && (err != nil || cfg.Host != "https://10.0.0.1:6443" || cfg.BearerToken != "t"):
				t.Errorf("%s\ngot %+v, %v", tc.reason, cfg, err)
			case tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want)):
				t.Errorf("%s\nwant an error with %q, got %v", tc.reason, tc.want, err)
			}
		})
	}
	if _, err := restConfig([]byte("password: hunter2: [")); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("an error must not repeat what it read: %v", err)
	}
}
