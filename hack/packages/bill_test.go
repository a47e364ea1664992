// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"io"
	"log"
	"net/http/httptest"
	"path/filepath"
	"runtime/debug"
	"strings"
	"testing"

	cdx "github.com/CycloneDX/cyclonedx-go"
	"github.com/crossplane/crossplane-runtime/v2/pkg/xpkg"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/remote"
)

// TestPlatforms pushes packages for two platforms and pulls what a node and a
// scanner of each would: the image, and the bill of what is in it.
func TestPlatforms(t *testing.T) {
	cases := map[string]struct {
		reason    string
		referrers bool
	}{
		"Referrers": {reason: "A registry of today is asked what refers to an image.", referrers: true},
		"Tags":      {reason: "An older one keeps that under a tag."},
	}
	for n, tc := range cases {
		t.Run(n, func(t *testing.T) {
			s := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0)), registry.WithReferrersSupport(tc.referrers)))
			t.Cleanup(s.Close)
			at := strings.TrimPrefix(s.URL, "http://") + "/novasphere"
			args := []string{"-root", repository(t), "-registry", at, "-version", "v1.2.3", "-platforms", "linux/amd64,linux/arm64", "-push"}
			if err := run(args); err != nil {
				t.Fatal(err)
			}
			movers := indexOf(t, at+"/mover-wukong")
			for _, p := range []string{"mover", "provider", "function"} {
				isForBoth(t, indexOf(t, at+"/"+p+"-wukong"))
				for _, architecture := range []string{"amd64", "arm64"} {
					platformHasBill(t, at+"/"+p+"-wukong", architecture, tc.reason)
				}
			}
			for _, architecture := range []string{"amd64", "arm64"} {
				runsMoverOf(t, at+"/provider-wukong", architecture, movers)
			}
			// Crossplane, which finds the newest version among the tags, must not
			// take those of bills for versions.
			repository, err := name.NewRepository(at + "/provider-wukong")
			if err != nil {
				t.Fatal(err)
			}
			tags, err := remote.List(repository)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff([]string{"v1.2.3"}, xpkg.FilterAndSortVersions(tags)); diff != "" {
				t.Errorf("%s versions, -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

// indexOf pulls the index that stands under the version.
func indexOf(t *testing.T, repository string) v1.ImageIndex {
	t.Helper()
	ref, err := name.ParseReference(repository + ":v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	index, err := remote.Index(ref)
	if err != nil {
		t.Fatalf("%s is no index: %v", ref, err)
	}
	return index
}

// isForBoth checks that an index has an image for each platform, and no other.
func isForBoth(t *testing.T, index v1.ImageIndex) {
	t.Helper()
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, m := range manifest.Manifests {
		got = append(got, m.Platform.String())
	}
	if diff := cmp.Diff([]string{"linux/amd64", "linux/arm64"}, got); diff != "" {
		t.Errorf("platforms, -want +got:\n%s", diff)
	}
}

// runsMoverOf checks that the provider of a platform names the index of movers:
// a node of another platform than the provider's takes its own from there.
func runsMoverOf(t *testing.T, repository, architecture string, movers v1.ImageIndex) {
	t.Helper()
	digest, err := movers.Digest()
	if err != nil {
		t.Fatal(err)
	}
	config, err := imageFor(t, repository, architecture).ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(config.Config.Env, " "); !strings.Contains(got, digest.String()) {
		t.Errorf("the provider for %s has the environment %q, want the movers' %s", architecture, got, digest)
	}
}

// imageFor pulls the image of a platform.
func imageFor(t *testing.T, repository, architecture string) v1.Image {
	t.Helper()
	ref, err := name.ParseReference(repository + ":v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	image, err := remote.Image(ref, remote.WithPlatform(v1.Platform{OS: "linux", Architecture: architecture}))
	if err != nil {
		t.Fatal(err)
	}
	return image
}

// platformHasBill pulls the image of a platform and its bill.
func platformHasBill(t *testing.T, repository, architecture, reason string) {
	t.Helper()
	ref, err := name.ParseReference(repository + ":v1.2.3")
	if err != nil {
		t.Fatal(err)
	}
	image := imageFor(t, repository, architecture)
	config, err := image.ConfigFile()
	if err != nil || config.Architecture != architecture {
		t.Errorf("%s: want an image for %s, got %v, %v", repository, architecture, config, err)
	}
	digest, err := image.Digest()
	if err != nil {
		t.Fatal(err)
	}
	referring, err := remote.Referrers(ref.Context().Digest(digest.String()), remote.WithFilter("artifactType", string(billType)))
	if err != nil {
		t.Fatal(err)
	}
	manifest, err := referring.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	if len(manifest.Manifests) != 1 {
		t.Fatalf("%s %s for %s has %d bills, want 1", reason, repository, architecture, len(manifest.Manifests))
	}
	bill := pull(t, ref.Context().Digest(manifest.Manifests[0].Digest.String()).String())
	layers, err := bill.Layers()
	if err != nil || len(layers) != 1 {
		t.Fatalf("%s: want one layer, got %d, %v", reason, len(layers), err)
	}
	content, err := layers[0].Compressed()
	if err != nil {
		t.Fatal(err)
	}
	bom := &cdx.BOM{}
	if err := cdx.NewBOMDecoder(content, cdx.BOMFileFormatJSON).Decode(bom); err != nil {
		t.Fatal(err)
	}
	if got := bom.Metadata.Component; got.Version != "v1.2.3" || got.Name != "example.com/program" {
		t.Errorf("%s: the bill is of %s %s", reason, got.Name, got.Version)
	}
	if bom.Components == nil || len(*bom.Components) != 2 {
		t.Errorf("%s: want Go's library and the authorities, got %v", reason, bom.Components)
	}
}

func TestModules(t *testing.T) {
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Deps: []*debug.Module{
		{Path: "github.com/Azure/sdk", Version: "v68.0.0+incompatible", Sum: "h1:AAEC"},
		{Path: "example.com/old", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/new", Version: "v1.0.1"}},
	}}
	all, err := modules(info)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, c := range all {
		got = append(got, c.PackageURL)
	}
	want := []string{
		"pkg:golang/stdlib@1.26.8",
		"pkg:golang/github.com/azure/sdk@v68.0.0%2Bincompatible",
		"pkg:golang/example.com/new@v1.0.1",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	if diff := cmp.Diff(&[]cdx.Hash{{Algorithm: cdx.HashAlgoSHA256, Value: "000102"}}, all[1].Hashes); diff != "" {
		t.Errorf("a module's sum, -want +got:\n%s", diff)
	}
}

// TestBillIsReproducible shows that a bill says nothing of when it was made.
func TestBillIsReproducible(t *testing.T) {
	file := filepath.Join(repository(t), "_output", "bin", "mover")
	var bills [][]byte
	for range 2 {
		b, err := billOf(file, "v1.2.3", authorities())
		if err != nil {
			t.Fatal(err)
		}
		bills = append(bills, b)
	}
	if !bytes.Equal(bills[0], bills[1]) {
		t.Errorf("the same program has two bills:\n%s\n%s", bills[0], bills[1])
	}
}
