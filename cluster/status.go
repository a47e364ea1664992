// SPDX-License-Identifier: Apache-2.0

//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/novasphere/provider-wukong/cluster/internal/build"
	"github.com/novasphere/provider-wukong/cluster/internal/layout"
	"github.com/novasphere/provider-wukong/cluster/internal/sandbox"
)

// environment returns what a command inside the cluster finds in its
// environment: the caller's, a kubeconfig, kubectl and mkimg in the PATH, and
// where everything is.
func (c *cluster) environment() ([]string, error) {
	programs, err := loadPrograms(c.state)
	if err != nil {
		return nil, err
	}
	path := strings.Join([]string{programs[build.Kubernetes], programs[build.Images], os.Getenv("PATH")}, ":")
	return append(os.Environ(),
		"PATH="+path,
		"KUBECONFIG="+c.state.Kubeconfig("admin"),
		// What kubectl remembers of an API, by its address, is of no use to
		// the next cluster at that address.
		"KUBECACHEDIR="+c.state.Data("kubectl"),
		"WUKONG_NODE="+layout.NodeIP,
		"WUKONG_REGISTRY="+layout.Registry,
		"WUKONG_S3=http://"+layout.S3,
		"WUKONG_S3_ACCESS_KEY="+layout.S3AccessKey,
		"WUKONG_S3_SECRET_KEY="+layout.S3SecretKey,
		"WUKONG_WWW="+c.state.WWW(),
		"WUKONG_IMAGES_CA="+c.state.ImagesCA(),
		"WUKONG_USERS_CA="+c.state.UsersCA(),
		"WUKONG_LOGS="+c.state.Logs(),
	), nil
}

// status prints what is up. That nothing is, is an error.
func (c *cluster) status(ctx context.Context) error {
	if err := c.printVersions(); err != nil {
		return err
	}
	b, err := sandbox.Open(c.state)
	if err != nil {
		return err
	}
	since, err := os.ReadFile(c.state.Ready())
	if errors.Is(err, os.ErrNotExist) {
		since = []byte("not yet complete\n")
	}
	fmt.Printf("up since   %s", since)
	fmt.Printf("process    %d\n", b.PID())
	fmt.Printf("API        %s, kubeconfig %s\n", layout.APIServer, c.state.Kubeconfig("admin"))
	fmt.Printf("registry   %s, %s\n", layout.Registry, layout.RegistryName)
	fmt.Printf("images     http and https://images.example.com/{,slow/,trickle/,auth/} serve %s\n", c.state.WWW())
	fmt.Printf("           CA %s; /auth/ opens to %s:%s\n", c.state.ImagesCA(), layout.ImagesUser, layout.ImagesPassword)
	fmt.Printf("S3         http://%s, %s:%s\n", layout.S3, layout.S3AccessKey, layout.S3SecretKey)
	for _, a := range addons() {
		fmt.Printf("%-10s %s\n", a.title, c.far(a))
	}
	fmt.Printf("logs       %s\n\n", c.state.Logs())
	return c.printDeployments(ctx, b)
}

// far says how far an addon's installation is.
func (c *cluster) far(a addon) string {
	content, err := os.ReadFile(c.state.Addon(a.unit))
	if err != nil {
		return "not installed"
	}
	return string(content)
}

func (c *cluster) printDeployments(ctx context.Context, b *sandbox.Sandbox) error {
	programs, err := loadPrograms(c.state)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, programs.Path(build.Kubernetes, "kubectl"),
		"--kubeconfig="+c.state.Kubeconfig("admin"), "--request-timeout=5s", "get", "nodes,storageclasses,deployments", "--all-namespaces")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	return exitStatus(b.Run(cmd, sandbox.Whole()))
}

// versions are the modules that status names, by the module of ours that
// requires them.
func versions() map[string][]string {
	return map[string][]string{
		"kubernetes": {"k8s.io/kubernetes", "go.etcd.io/etcd/server/v3"},
		"registry":   {"github.com/distribution/distribution/v3"},
		"s3":         {"github.com/versity/versitygw"},
		"crossplane": {"github.com/crossplane/crossplane/v2"},
		"cdi":        {"kubevirt.io/containerized-data-importer"},
		"kubevirt":   {"kubevirt.io/kubevirt"},
	}
}

func (c *cluster) printVersions() error {
	for _, ours := range []string{"kubernetes", "registry", "s3", "crossplane", "cdi", "kubevirt"} {
		file := filepath.Join(c.builder.Modules, ours, "go.mod")
		for _, module := range versions()[ours] {
			version, err := required(file, module)
			if err != nil {
				return err
			}
			fmt.Printf("%-10s %s\n", version, module)
		}
	}
	return nil
}

// required returns the version of a module that a go.mod requires.
func required(file, module string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", fmt.Errorf("cannot look for versions: %w", err)
	}
	defer func() { _ = f.Close() }()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(strings.TrimPrefix(lines.Text(), "require "))
		if len(words) >= 2 && words[0] == module {
			return words[1], nil
		}
	}
	return "", fmt.Errorf("cannot find %s in %s", module, file)
}
