// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// compiled is a program that does nothing; a bill needs one that was built.
func compiled(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"go.mod": "module example.com/program\n\ngo 1.26.0\n", "main.go": "package main\n\nfunc main() {}\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-ldflags=-s -w", "-o", "program", ".")
	build.Dir = dir
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("cannot build a program: %v: %s", err, output)
	}
	content, err := os.ReadFile(filepath.Join(dir, "program"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// repository is a copy of what the packages are made of, with programs that
// do nothing.
func repository(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	for _, dir := range []string{"package", "examples"} {
		if err := os.CopyFS(filepath.Join(top, dir), os.DirFS(filepath.Join("..", "..", dir))); err != nil {
			t.Fatal(err)
		}
	}
	bin := filepath.Join(top, "_output", "bin")
	program := compiled(t)
	for _, dir := range []string{bin, filepath.Join(bin, "linux_amd64"), filepath.Join(bin, "linux_arm64")} {
		if err := os.MkdirAll(dir, 0o750); err != nil {
			t.Fatal(err)
		}
		for _, p := range []string{"mover", "provider", "function"} {
			// What follows a program is not looked at, and tells them apart.
			if err := os.WriteFile(filepath.Join(dir, p), slices.Concat(program, []byte(dir[len(bin):]+p)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	return top
}

// TestPush makes all the packages of this repository, which Crossplane's
// linters check on the way, pushes them to a registry and looks at what a
// cluster would pull.
func TestPush(t *testing.T) {
	s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(s.Close)
	at := strings.TrimPrefix(s.URL, "http://") + "/novasphere"
	top := repository(t)
	args := []string{"-root", top, "-registry", at, "-version", "v1.2.3", "-push"}
	if err := run(args); err != nil {
		t.Fatal(err)
	}

	mover := pull(t, at+"/mover-wukong:v1.2.3")
	config, err := mover.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"107:107", "/mover"}, append([]string{config.Config.User}, config.Config.Entrypoint...)); diff != "" {
		t.Errorf("user and entry point of the mover, -want +got:\n%s", diff)
	}
	digest, err := mover.Digest()
	if err != nil {
		t.Fatal(err)
	}
	provider := pull(t, at+"/provider-wukong:v1.2.3")
	if config, err = provider.ConfigFile(); err != nil {
		t.Fatal(err)
	}
	if want := []string{"WUKONG_MOVER_IMAGE=" + at + "/mover-wukong@" + digest.String()}; !cmp.Equal(want, config.Config.Env) {
		t.Errorf("the provider must know its mover by digest: want %v, got %v", want, config.Config.Env)
	}
	all, err := configurations(top)
	if err != nil {
		t.Fatal(err)
	}
	names := []string{"provider-wukong", "function-wukong"}
	for _, c := range all {
		names = append(names, c.name)
	}
	for _, p := range names {
		if n := marked(t, pull(t, at+"/"+p+":v1.2.3")); n != 1 {
			t.Errorf("%s has %d layers that are marked as the package's, want 1", p, n)
		}
	}
	for _, c := range all {
		install, err := os.ReadFile(filepath.Join(top, "_output", "packages", c.installer()))
		if err != nil || !strings.Contains(string(install), "name: novasphere-function-wukong") {
			t.Errorf("%s must call the function as the Composition does: %v\n%s", c.installer(), err, install)
		}
	}
}

// TestLint shows that Crossplane's linter has its say: a provider brings kinds,
// not rights.
func TestLint(t *testing.T) {
	top := repository(t)
	const role = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: all}\n"
	if err := os.WriteFile(filepath.Join(top, "package", "provider", "role.yaml"), []byte(role), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run([]string{"-root", top}); err == nil {
		t.Error("a provider with a ClusterRole was built")
	}
}

func pull(t *testing.T, reference string) v1.Image {
	t.Helper()
	ref, err := name.ParseReference(reference)
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref)
	if err != nil {
		t.Fatalf("cannot pull %s: %v", reference, err)
	}
	return image
}

// marked counts the layers by which Crossplane finds a package's content.
func marked(t *testing.T, image v1.Image) int {
	t.Helper()
	m, err := image.Manifest()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, l := range m.Layers {
		if l.Annotations["io.crossplane.xpkg"] == "base" {
			n++
		}
	}
	return n
}

// TestReproducible makes an image twice, for two platforms.
func TestReproducible(t *testing.T) {
	o := options{root: repository(t), platforms: []v1.Platform{{OS: "linux", Architecture: "amd64"}, {OS: "linux", Architecture: "arm64"}}}
	var digests []string
	for range 2 {
		images, err := programImages(o, program{name: "mover", user: "107:107"})
		if err != nil {
			t.Fatal(err)
		}
		d, err := images.digest()
		if err != nil {
			t.Fatal(err)
		}
		digests = append(digests, d)
		for i, p := range o.platforms {
			config, err := images[i].image.ConfigFile()
			if err != nil || config.Architecture != p.Architecture {
				t.Errorf("want an image for %s, got %v, %v", p, config, err)
			}
		}
	}
	if digests[0] != digests[1] {
		t.Errorf("the same files give %s and %s", digests[0], digests[1])
	}
}
