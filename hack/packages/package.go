// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg"
	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg/parser"
	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg/parser/examples"
	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg/parser/yaml"
	metav1 "github.com/crossplane/crossplane/apis/v2/pkg/meta/v1"
	"github.com/spf13/afero"
	sigsyaml "sigs.k8s.io/yaml"
)

// pack makes the Crossplane package of a folder below package/, on each of the
// images. Crossplane's linter has its say.
func pack(ctx context.Context, o options, folder string, images platformImages) (platformImages, error) {
	stream, err := manifest(o, folder)
	if err != nil {
		return nil, fmt.Errorf("cannot read package %s: %w", folder, err)
	}
	var packed platformImages
	for _, p := range images {
		objects, err := yaml.New()
		if err != nil {
			return nil, fmt.Errorf("cannot make parser: %w", err)
		}
		shown := parser.NewFsBackend(afero.NewOsFs(), parser.FsDir(examplesOf(o, folder)),
			parser.FsFilters(parser.SkipDirs(), parser.SkipNotYAML(), parser.SkipEmpty()))
		b := xpkg.New(parser.NewEchoBackend(stream), shown, objects, examples.New())
		image, _, err := b.Build(ctx, xpkg.WithBase(p.image))
		if err != nil {
			return nil, fmt.Errorf("cannot build package %s: %w", folder, err)
		}
		if image, err = annotate(image, p.image); err != nil {
			return nil, fmt.Errorf("cannot annotate package %s: %w", folder, err)
		}
		packed = append(packed, platformImage{p.platform, image, p.bill})
	}
	return packed, nil
}

// configurationFolder is the folder of the configuration below package/, and
// begins the names of the folders of its variants.
const configurationFolder = "configuration"

// A configuration is one of those that a user chooses from: they define the same
// kind for users, so Crossplane refuses a second.
type configuration struct {
	folder string // below package/
	name   string // the package's own, and its image's
}

// installer is the file that installs the configuration and what it needs.
func (c configuration) installer() string {
	return "install" + strings.TrimPrefix(c.folder, configurationFolder) + ".yaml"
}

func configurations(root string) ([]configuration, error) {
	folders, err := filepath.Glob(filepath.Join(root, "package", configurationFolder+"*"))
	if err != nil {
		return nil, fmt.Errorf("cannot list configurations: %w", err)
	}
	var all []configuration
	for _, f := range folders {
		content, err := os.ReadFile(filepath.Join(f, "crossplane.yaml"))
		if err != nil {
			return nil, fmt.Errorf("cannot read configuration: %w", err)
		}
		c := &metav1.Configuration{}
		if err := sigsyaml.UnmarshalStrict(content, c); err != nil {
			return nil, fmt.Errorf("cannot read configuration in %s: %w", f, err)
		}
		all = append(all, configuration{folder: filepath.Base(f), name: c.Name})
	}
	return all, nil
}

// examplesOf is the folder with the examples of a package.
func examplesOf(o options, folder string) string {
	if strings.HasPrefix(folder, configurationFolder) {
		return filepath.Join(o.root, "examples", "wukong")
	}
	return filepath.Join(o.root, "examples", folder)
}

// manifest is the stream of all the YAML of a package, retargeted to where the
// packages are published.
func manifest(o options, folder string) (string, error) {
	top := filepath.Join(o.root, "package", folder)
	var files []string
	err := filepath.WalkDir(top, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && filepath.Ext(path) == ".yaml" {
			files = append(files, path)
		}
		return err
	})
	if err != nil {
		return "", err
	}
	if len(files) == 0 {
		return "", errors.New("it has no YAML")
	}
	slices.Sort(files)
	var stream strings.Builder
	for _, f := range files {
		document, err := os.ReadFile(f)
		if err != nil {
			return "", err
		}
		text, err := o.place.retarget(document)
		if err != nil {
			return "", fmt.Errorf("cannot retarget %s: %w", filepath.Base(f), err)
		}
		stream.WriteString("---\n" + text + "\n")
	}
	return stream.String(), nil
}
