// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"

	"github.com/alecthomas/kingpin/v2"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

// registryFlags say how a registry is spoken to.
type registryFlags struct {
	authFile  string
	platform  string
	plainHTTP bool
}

func (f *registryFlags) register(c *kingpin.CmdClause) {
	c.Flag("auth-file", "Docker configuration with the credentials for a registry. Default: the user's own.").PlaceHolder("FILE").StringVar(&f.authFile)
	c.Flag("platform", "Platform of an image: os/architecture or os/architecture/variant. Default: linux, and this machine's architecture.").
		PlaceHolder("PLATFORM").StringVar(&f.platform)
	c.Flag("plain-http", "Speak http to the registry. With one on this machine or at a private address it is tried by itself.").BoolVar(&f.plainHTTP)
}

// used reports whether any of the flags was given.
func (f *registryFlags) used() bool { return *f != registryFlags{} }

// isRegistry reports whether a URL's scheme says that it is in a registry.
func isRegistry(scheme string) bool {
	return strings.EqualFold(scheme, "docker") || strings.EqualFold(scheme, "registry")
}

// image returns the image of a docker:// or registry:// URL.
func (f *registryFlags) image(url, caFile string) *transfer.RegistryImage {
	_, image, _ := strings.Cut(url, "://")
	return &transfer.RegistryImage{
		Image: image, Platform: f.platform, PlainHTTP: f.plainHTTP, CredentialsDir: f.authFile, CAFile: caFile,
	}
}
