// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestMoverImageBeside(t *testing.T) {
	cases := map[string]struct {
		reason string
		own    string
		want   string
	}{
		"Tag":    {"The mover stands beside the provider, with its version.", "xpkg.example.com/novasphere/provider-wukong:v0.1.0", "xpkg.example.com/novasphere/mover-wukong:v1.2.3"},
		"Digest": {"A digest is the provider's own.", "xpkg.example.com/novasphere/provider-wukong@sha256:abc", "xpkg.example.com/novasphere/mover-wukong:v1.2.3"},
		"Both":   {"So is a tag with a digest.", "10.250.0.1:5000/x/provider-wukong:v1@sha256:abc", "10.250.0.1:5000/x/mover-wukong:v1.2.3"},
		"Port":   {"A port is no tag.", "10.250.0.1:5000/provider-wukong", "10.250.0.1:5000/mover-wukong:v1.2.3"},
		"Bare":   {"A name alone has no folder.", "provider-wukong", "mover-wukong:v1.2.3"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := moverImageBeside(tc.own, "v1.2.3"); got != tc.want {
				t.Errorf("%s\nwant %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}
