// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"
)

func TestVersion(t *testing.T) {
	cases := map[string]struct {
		reason  string
		version string
		want    string
	}{
		"Release":        {reason: "A release is itself.", version: "v1.2.3", want: "v1.2.3"},
		"PreRelease":     {reason: "So is what is before it.", version: "v0.0.0-dev.h1", want: "v0.0.0-dev.h1"},
		"WithoutV":       {reason: "A tag begins with v.", version: "1.2.3", want: "v1.2.3"},
		"Commit":         {reason: "A commit is no version.", version: "0123456", want: "v0.0.0-dev.g0123456"},
		"DirtyCommit":    {reason: "A commit is no version.", version: "e4e8684-dirty", want: "v0.0.0-dev.ge4e8684-dirty"},
		"BehindATag":     {reason: "git describe counts commits.", version: "v1.2.3-4-ge4e8684", want: "v1.2.3-4-ge4e8684"},
		"NoVersionAtAll": {reason: "A tag has no slash.", version: "feature/x"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := newPlace(defaultRegistry, tc.version)
			if (tc.want == "") != (err != nil) || p.version != tc.want {
				t.Errorf("%s want %q, got %q, %v", tc.reason, tc.want, p.version, err)
			}
		})
	}
}

func TestRetarget(t *testing.T) {
	const composition = `
apiVersion: apiextensions.crossplane.io/v1
kind: Composition
metadata: {name: wukong}
spec:
  compositeTypeRef: {apiVersion: vm.novasphere.dev/v1alpha1, kind: Wukong}
  mode: Pipeline
  pipeline:
  - step: disks
    functionRef: {name: novasphere-function-wukong}
  - step: theirs
    functionRef: {name: function-auto-ready}
`
	const configuration = `
apiVersion: meta.pkg.crossplane.io/v1
kind: Configuration
metadata: {name: configuration-wukong}
spec:
  dependsOn:
  - {apiVersion: pkg.crossplane.io/v1, kind: Function, package: xpkg.example.com/novasphere/function-wukong, version: ">=v0.1.0-0"}
`
	cases := map[string]struct {
		reason   string
		registry string
		document string
		want     []string
	}{
		"Dependency": {
			reason: "A dependency is pulled from where the configuration is.", registry: "10.250.0.1:5000/novasphere", document: configuration,
			want: []string{"package: 10.250.0.1:5000/novasphere/function-wukong\n", "version: '>=v1.2.3'"},
		},
		"SamePath": {
			reason: "The name of a function follows from the path alone.", registry: "10.250.0.1:5000/novasphere", document: composition,
			want: []string{"name: novasphere-function-wukong\n", "name: function-auto-ready\n"},
		},
		"OtherPath": {
			reason: "In a mirror Crossplane calls the function otherwise.", registry: "registry.example.com/mirror/of/it", document: composition,
			want: []string{"name: mirror-of-it-function-wukong\n", "name: function-auto-ready\n"},
		},
		"Others": {
			reason: "Other documents stay as they are.", registry: "registry.example.com/x", document: "kind: Wukong # xpkg.example.com/novasphere\n",
			want: []string{"kind: Wukong # xpkg.example.com/novasphere\n"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p, err := newPlace(tc.registry, "v1.2.3")
			if err != nil {
				t.Fatal(err)
			}
			got, err := p.retarget([]byte(tc.document))
			if err != nil {
				t.Fatalf("%s: %v", tc.reason, err)
			}
			for _, w := range tc.want {
				if !strings.Contains(got, w) {
					t.Errorf("%s want %q in:\n%s", tc.reason, w, got)
				}
			}
		})
	}
}
