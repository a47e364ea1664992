// SPDX-License-Identifier: Apache-2.0

// Package config writes the configuration of the cluster's components: files
// from templates, key pairs, and a kubeconfig for each of them.
package config

import (
	"embed"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

// RuntimeSocket is where containerd answers, in the cluster's own /run.
const RuntimeSocket = "/run/containerd/containerd.sock"

//go:embed files
var files embed.FS

// values is what the templates see.
type values struct {
	State layout.State
	Hosts []string

	NodeIP, PodCIDR, Registry, S3, PauseImage, RuntimeSocket, ImagesUser, ImagesPassword string

	UserImages           []string
	UserRegistry, UserS3 string
}

func valuesOf(s layout.State) values {
	return values{
		State: s, Hosts: layout.Hosts(),
		NodeIP: layout.NodeIP, PodCIDR: layout.PodCIDR, Registry: layout.Registry, S3: layout.S3, PauseImage: layout.PauseImage,
		RuntimeSocket: RuntimeSocket,
		ImagesUser:    layout.ImagesUser, ImagesPassword: layout.ImagesPassword,
		UserImages: layout.UserImages(), UserRegistry: layout.UserRegistry, UserS3: layout.UserS3,
	}
}

// targets says where each file goes.
func targets(s layout.State) map[string]string {
	return map[string]string{
		"cni.conflist":    s.Etc("cni", "10-cluster.conflist"),
		"containerd.toml": s.Etc("containerd.toml"),
		"hosts.toml":      s.Etc("registries", "_default", "hosts.toml"),
		"kubelet.yaml":    s.Etc("kubelet.yaml"),
		"Corefile":        s.Etc("Corefile"),
		"hosts":           s.Etc("hosts"),
		"resolv.conf":     s.Etc("resolv.conf"),
		"pod-resolv.conf": s.Etc("pod-resolv.conf"),
		"htpasswd":        s.Etc("htpasswd"),
		"nginx.conf":      s.Etc("nginx.conf"),
	}
}

// Write writes every component's configuration.
func Write(s layout.State) error {
	for name, target := range targets(s) {
		content, err := render(name, valuesOf(s))
		if err != nil {
			return err
		}
		if err := write(target, content); err != nil {
			return err
		}
	}
	return writeKeys(s)
}

func render(name string, v any) (string, error) {
	t, err := template.New(name).Option("missingkey=error").ParseFS(files, "files/"+name)
	if err != nil {
		return "", fmt.Errorf("cannot parse template: %w", err)
	}
	var out strings.Builder
	if err := t.Execute(&out, v); err != nil {
		return "", fmt.Errorf("cannot render %s: %w", name, err)
	}
	return out.String(), nil
}

func write(target, content string) error {
	if err := os.MkdirAll(filepath.Dir(target), 0o755); err != nil {
		return fmt.Errorf("cannot make folder of configuration: %w", err)
	}
	if err := os.WriteFile(target, []byte(content), 0o600); err != nil {
		return fmt.Errorf("cannot write configuration: %w", err)
	}
	return nil
}
