// SPDX-License-Identifier: Apache-2.0

// Package images makes the container images of Crossplane, CDI and KubeVirt
// from built programs, once: as OCI layouts in the build cache, ready to be
// pushed.
package images

import (
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/novasphere/provider-wukong/cluster/internal/build"
	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

const (
	crossplaneRef = layout.RegistryName + "/crossplane:v2.4.0"
	authorities   = "/etc/ssl/certs/ca-certificates.crt"
)

// CDIVersion is the tag of CDI's images.
const CDIVersion = "v1.65.0"

// CDI returns the reference of one of CDI's images.
func CDI(name string) string { return layout.RegistryName + "/kubevirt/" + name + ":" + CDIVersion }

// Of KubeVirt's images, the repository and the tag: its operator looks for the
// others' beside its own.
const (
	KubeVirtRegistry = layout.RegistryName + "/kubevirt"
	KubeVirtVersion  = "v1.7.0"
)

// Maker makes images with programs of the builder.
type Maker struct {
	Builder *build.Builder
	Log     io.Writer
}

// Crossplane returns the layout with Crossplane's image.
func (m *Maker) Crossplane(ctx context.Context) (string, error) {
	source, err := m.Builder.ModuleDir(ctx, "crossplane", "github.com/crossplane/crossplane/v2")
	if err != nil {
		return "", err
	}
	program, err := m.program(ctx, "crossplane")
	if err != nil {
		return "", err
	}
	return m.layout(ctx, "images-crossplane", [][]string{{
		"-ref", crossplaneRef, "-user", "65532", "-entrypoint", "crossplane",
		"-add", program + ":/usr/local/bin/crossplane",
		"-add", source + "/cluster/crds:/crds",
		"-add", source + "/cluster/webhookconfigurations:/webhookconfigurations",
		"-add", authorities + ":" + authorities,
	}})
}

// CDI returns the layout with CDI's images. They share a root file system.
func (m *Maker) CDI(ctx context.Context) (string, error) {
	base, err := m.rootfs(ctx)
	if err != nil {
		return "", err
	}
	source, err := m.Builder.ModuleDir(ctx, "cdi", "kubevirt.io/containerized-data-importer")
	if err != nil {
		return "", err
	}
	if _, err := m.program(ctx, "cdi-operator"); err != nil {
		return "", err
	}
	var recipes [][]string
	for _, r := range cdiRecipes() {
		args := []string{"-ref", CDI(r.name), "-user", "1001", "-layer", filepath.Join(base, "rootfs.tar.gz")}
		for _, p := range append([]string{r.name}, r.more...) {
			program, err := m.Builder.Path(ctx, p)
			if err != nil {
				return "", err
			}
			args = append(args, "-add", program+":/usr/bin/"+p)
		}
		if r.script != "" {
			args = append(args, "-add", filepath.Join(source, "cmd", r.name, r.script)+":/usr/bin/"+r.script)
		}
		for _, word := range r.entrypoint {
			args = append(args, "-entrypoint", word)
		}
		recipes = append(recipes, args)
	}
	return m.layout(ctx, "images-cdi", recipes)
}

// KubeVirt returns the layout with the images of KubeVirt's control plane. Its
// programs need a folder for temporary files.
func (m *Maker) KubeVirt(ctx context.Context) (string, error) {
	base, err := m.base(ctx, "skeleton", rootfs{})
	if err != nil {
		return "", err
	}
	var recipes [][]string
	for _, name := range []string{"virt-operator", "virt-api", "virt-controller"} {
		program, err := m.program(ctx, name)
		if err != nil {
			return "", err
		}
		recipes = append(recipes, []string{
			"-ref", KubeVirtRegistry + "/" + name + ":" + KubeVirtVersion, "-user", "1001",
			"-layer", filepath.Join(base, "rootfs.tar.gz"),
			"-entrypoint", "/usr/bin/" + name, "-add", program + ":/usr/bin/" + name,
		})
	}
	return m.layout(ctx, "images-kubevirt", recipes)
}

// A recipe says what one of CDI's images has beyond the root file system.
type recipe struct {
	name, script     string
	more, entrypoint []string
}

// cdiRecipes follow the BUILD.bazel files of CDI's commands.
func cdiRecipes() []recipe {
	logging := func(name string) []string { return []string{"/usr/bin/" + name, "-alsologtostderr"} }
	return []recipe{
		{name: "cdi-operator", entrypoint: []string{"/usr/bin/cdi-operator"}},
		{name: "cdi-controller", entrypoint: logging("cdi-controller")},
		{name: "cdi-apiserver", entrypoint: logging("cdi-apiserver")},
		{name: "cdi-uploadproxy", entrypoint: logging("cdi-uploadproxy")},
		{name: "cdi-uploadserver", entrypoint: logging("cdi-uploadserver")},
		{name: "cdi-cloner", script: "cloner_startup.sh", entrypoint: []string{"/usr/bin/cloner_startup.sh"}},
		{
			name: "cdi-importer", entrypoint: logging("cdi-importer"),
			more: []string{"cdi-containerimage-server", "cdi-image-size-detection", "cdi-source-update-poller"},
		},
	}
}

// program returns the path of a program, building it first if it is not there.
func (m *Maker) program(ctx context.Context, name string) (string, error) {
	u, ok := build.Find(name)
	if !ok {
		return "", fmt.Errorf("cannot find program %q", name)
	}
	dir, err := m.Builder.Build(ctx, u)
	return filepath.Join(dir, name), err
}

// layout returns the OCI layout that mkimg makes of recipes. Programs stand
// under names that are derived from their content, so the recipes' text says
// whether a layout is still right.
func (m *Maker) layout(ctx context.Context, name string, recipes [][]string) (string, error) {
	mkimg, err := m.program(ctx, "mkimg")
	if err != nil {
		return "", err
	}
	dir := filepath.Join(m.Builder.Cache, name+"-"+keyOf(fmt.Sprintf("%q %q", mkimg, recipes)))
	return dir, m.Builder.Once(ctx, dir, func(to string) error {
		_, _ = fmt.Fprintf(m.Log, "making %s\n", name)
		for _, args := range recipes {
			if err := run(ctx, mkimg, append(args, "-layout", to)...); err != nil {
				return err
			}
		}
		return nil
	})
}

// rootfs is base for CDI's images, compressed once for all of them.
func (m *Maker) rootfs(ctx context.Context) (string, error) {
	files, err := collect(ctx)
	if err != nil {
		return "", err
	}
	return m.base(ctx, "rootfs", files)
}

// base returns the folder with rootfs.tar.gz of a root file system that has
// these files.
func (m *Maker) base(ctx context.Context, name string, files rootfs) (string, error) {
	content, err := files.key()
	if err != nil {
		return "", err
	}
	dir := filepath.Join(m.Builder.Cache, name+"-"+keyOf(content))
	return dir, m.Builder.Once(ctx, dir, func(to string) error {
		_, _ = fmt.Fprintf(m.Log, "making %s of images\n", name)
		plain := filepath.Join(to, "rootfs.tar")
		if err := files.write(plain); err != nil {
			return err
		}
		return errors.Join(compress(plain, plain+".gz"), os.Remove(plain))
	})
}

func compress(from, to string) (err error) {
	in, err := os.Open(from)
	if err != nil {
		return fmt.Errorf("cannot compress: %w", err)
	}
	defer func() { _ = in.Close() }()
	out, err := os.Create(to)
	if err != nil {
		return fmt.Errorf("cannot compress: %w", err)
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	w, err := gzip.NewWriterLevel(out, gzip.BestSpeed)
	if err != nil {
		return fmt.Errorf("cannot compress: %w", err)
	}
	if _, err := io.Copy(w, in); err != nil {
		return fmt.Errorf("cannot compress %s: %w", from, err)
	}
	return w.Close()
}

func keyOf(content string) string {
	sum := sha256.Sum256([]byte(content))
	return hex.EncodeToString(sum[:])[:16]
}

func run(ctx context.Context, name string, args ...string) error {
	if output, err := exec.CommandContext(ctx, name, args...).CombinedOutput(); err != nil {
		return fmt.Errorf("cannot run %s %s: %w: %s", filepath.Base(name), strings.Join(args[:min(2, len(args))], " "), err, output)
	}
	return nil
}
