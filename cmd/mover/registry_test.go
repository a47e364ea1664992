// SPDX-License-Identifier: Apache-2.0

package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestRegistrySource(t *testing.T) {
	flags := registryFlags{authFile: "auth.json", platform: "linux/arm64", plainHTTP: true}
	for _, scheme := range []string{"docker", "registry", "DOCKER"} {
		f := sourceFlags{registryFlags: flags, source: scheme + "://r.example.com:5000/team/vm:v1", caFile: "ca.pem"}
		job, err := f.job()
		if err != nil {
			t.Fatalf("%s: %v", scheme, err)
		}
		want := &transfer.RegistryImage{
			Image: "r.example.com:5000/team/vm:v1", Platform: "linux/arm64", PlainHTTP: true, CredentialsDir: "auth.json", CAFile: "ca.pem",
		}
		if diff := cmp.Diff(want, job.Source.Registry); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", scheme, diff)
		}
	}
	for _, source := range []string{"https://example.com/disk", "disk.img"} {
		f := sourceFlags{registryFlags: flags, source: source}
		if _, err := f.job(); err == nil {
			t.Errorf("%s: the flags of a registry are taken", source)
		}
	}
}
