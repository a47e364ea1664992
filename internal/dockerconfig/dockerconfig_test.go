// SPDX-License-Identifier: Apache-2.0

package dockerconfig_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/internal/dockerconfig"
)

// TestOf agrees with how docker reads the names of images.
func TestOf(t *testing.T) {
	cases := map[string][2]string{
		"registry.example.com/vms/one:v1":               {"registry.example.com", "vms/one"},
		"registry.example.com:5000/one":                 {"registry.example.com:5000", "one"},
		"registry.example.com:5000/a/b/c:v1@sha256:abc": {"registry.example.com:5000", "a/b/c"},
		"localhost/one":                                 {"localhost", "one"},
		"localhost:5000/one:v1":                         {"localhost:5000", "one"},
		"fedora":                                        {dockerconfig.Hub, "library/fedora"},
		"fedora:40":                                     {dockerconfig.Hub, "library/fedora"},
		"vms/one:v1":                                    {dockerconfig.Hub, "vms/one"},
		"docker.io/fedora":                              {dockerconfig.Hub, "library/fedora"},
		"docker.io/vms/one":                             {dockerconfig.Hub, "vms/one"},
	}
	for image, want := range cases {
		registry, repository := dockerconfig.Of(image)
		if diff := cmp.Diff(want, [2]string{registry, repository}); diff != "" {
			t.Errorf("%s: -want, +got:\n%s", image, diff)
		}
	}
}

// TestHelper tells what a configuration has from what it leaves to a program.
func TestHelper(t *testing.T) {
	const own = `"registry.example.com": {"username": "u", "password": "p"}`
	cases := map[string]struct {
		reason string
		config string
		helper string
		ok     bool
	}{
		"Store":  {"a helper for all registries", `{"auths": {"registry.example.com": {}}, "credsStore": "desktop"}`, "desktop", false},
		"One":    {"one for this registry goes first", `{"credHelpers": {"https://registry.example.com": "ecr-login"}, "credsStore": "desktop"}`, "ecr-login", false},
		"Other":  {"one for another registry", `{"credHelpers": {"other.example.com": "ecr-login"}}`, "", false},
		"Beside": {"credentials that are there go first", `{"auths": {` + own + `}, "credsStore": "desktop"}`, "desktop", true},
		"None":   {"none", `{"auths": {` + own + `}}`, "", true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			c, err := dockerconfig.Parse([]byte(tc.config))
			if err != nil {
				t.Fatal(err)
			}
			_, ok, err := c.Find("registry.example.com", "vms/one")
			if err != nil || ok != tc.ok || c.Helper("registry.example.com") != tc.helper || c.Empty() {
				t.Errorf("%s: got %t, helper %q, %v; want %t, %q", tc.reason, ok, c.Helper("registry.example.com"), err, tc.ok, tc.helper)
			}
		})
	}
}

// TestErrors hold nothing of what they are about.
func TestErrors(t *testing.T) {
	if _, err := dockerconfig.Parse([]byte(`{"auths": "hunter2"}`)); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %v", err)
	}
	c, err := dockerconfig.Parse([]byte(`{"auths": {"r.example.com": {"auth": "hunter2"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if _, ok, err := c.Find("r.example.com", "a"); !ok || err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("got %t, %v", ok, err)
	}
	if c, err := dockerconfig.Parse([]byte(`{"HttpHeaders": {}}`)); err != nil || !c.Empty() {
		t.Errorf("a configuration that is about no registry: got %+v, %v", c, err)
	}
}
