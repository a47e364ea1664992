// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/tls"
	"encoding/json"
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

func TestWrite(t *testing.T) {
	s := layout.State(t.TempDir())
	if err := Write(s); err != nil {
		t.Fatal(err)
	}
	for name, target := range targets(s) {
		content, err := os.ReadFile(target)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(string(content), "<no value>") {
			t.Errorf("%s has a value missing:\n%s", name, content)
		}
	}
	for _, name := range []string{"apiserver", "kubelet", "apiserver-kubelet", "front-proxy", "images", "users"} {
		if _, err := tls.LoadX509KeyPair(s.Certificate(name), s.Key(name)); err != nil {
			t.Errorf("pair %s: %v", name, err)
		}
	}
	for user := range users() {
		info, err := os.Stat(s.Kubeconfig(user))
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm() != 0o600 {
			t.Errorf("kubeconfig of %s has mode %v", user, info.Mode())
		}
	}
}

func TestEveryTemplateHasATarget(t *testing.T) {
	entries, err := fs.ReadDir(files, "files")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if _, ok := targets("/s")[e.Name()]; !ok && e.Name() != "kubeconfig" {
			t.Errorf("nobody writes %s", e.Name())
		}
	}
}

func TestRender(t *testing.T) {
	for name, tc := range map[string]struct {
		reason string
		file   string
		want   []string
	}{
		"Hosts": {
			reason: "the names that users write should resolve to the node",
			file:   "hosts", want: []string{"10.250.0.1 node1 registry.local example.com"},
		},
		"ImageServer": {
			reason: "the image server should serve the state's www at three speeds",
			file:   "nginx.conf", want: []string{"root /s/www;", "limit_rate 20m;", "limit_rate 2m;", "listen 10.250.0.1:443 ssl;"},
		},
		"UserHosts": {
			reason: "the users' hosts should have another authority, and lead to the registry and the S3 server",
			file:   "nginx.conf", want: []string{"ssl_certificate /s/etc/pki/users.crt;", "server_name s3.example.com;", "proxy_pass http://10.250.0.1:7070;", "server_name registry.example.com;"},
		},
		"Runtime": {
			reason: "the container runtime should keep to the state folder",
			file:   "containerd.toml", want: []string{`root = "/s/data/containerd"`, `sandbox_image = "registry.local:5000/pause:1"`},
		},
		"Kubelet": {
			reason: "pods should be in the cluster's own cgroup",
			file:   "kubelet.yaml", want: []string{"cgroupRoot: /s\n", "failCgroupV1: false"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := render(tc.file, valuesOf("/s"))
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tc.want {
				if !strings.Contains(got, want) {
					t.Errorf("%s: %s lacks %q:\n%s", tc.reason, tc.file, want, got)
				}
			}
		})
	}
}

func TestNetworkPluginIsJSON(t *testing.T) {
	content, err := render("cni.conflist", valuesOf("/s"))
	if err != nil {
		t.Fatal(err)
	}
	if !json.Valid([]byte(content)) {
		t.Errorf("the configuration of the network plugins is no JSON:\n%s", content)
	}
}
