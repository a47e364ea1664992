// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"

	"github.com/Masterminds/semver/v3"
	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg"
	"github.com/google/go-containerregistry/pkg/name"
)

const (
	// suffix ends the name of everything that is published.
	suffix = "-wukong"

	moverName = "mover" + suffix

	// moverVariable tells the provider which mover was built beside it.
	moverVariable = "WUKONG_MOVER_IMAGE"
)

// place is where the packages are published, and as which version.
type place struct {
	registry string // host and path
	version  string // v1.2.3, with or without what semver allows behind it
}

// newPlace checks a registry and a version. Crossplane finds dependencies by
// semantic version, so a version that is none, such as a commit's name, becomes
// the pre-release of v0.0.0 that it stands for.
func newPlace(registry, version string) (place, error) {
	p := place{registry: strings.TrimSuffix(registry, "/"), version: version}
	if _, err := semver.StrictNewVersion(strings.TrimPrefix(version, "v")); err != nil {
		p.version = "v0.0.0-dev.g" + version
	}
	if !strings.HasPrefix(p.version, "v") {
		p.version = "v" + p.version
	}
	if _, err := semver.StrictNewVersion(strings.TrimPrefix(p.version, "v")); err != nil {
		return place{}, fmt.Errorf("cannot make a semantic version of %q: %w", version, err)
	}
	if _, err := name.NewTag(p.tagged(moverName)); err != nil {
		return place{}, fmt.Errorf("cannot use registry %q: %w", registry, err)
	}
	return p, nil
}

func (p place) repository(image string) string { return p.registry + "/" + image }

func (p place) tagged(image string) string { return p.repository(image) + ":" + p.version }

func (p place) pinned(image, digest string) string { return p.repository(image) + "@" + digest }

// objectName is the name that Crossplane gives to a package which it installs
// as a dependency: the repository's, as a DNS label.
func (p place) objectName(image string) (string, error) {
	r, err := name.NewRepository(p.repository(image))
	if err != nil {
		return "", fmt.Errorf("cannot parse repository: %w", err)
	}
	return xpkg.ToDNSLabel(r.RepositoryStr()), nil
}
