// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func class(name, driver, policy string, annotations ...string) unstructured.Unstructured {
	u := unstructured.Unstructured{Object: map[string]any{"driver": driver, "deletionPolicy": policy}}
	u.SetName(name)
	for _, a := range annotations {
		u.SetAnnotations(map[string]string{a: "true"})
	}
	return u
}

func TestBestClass(t *testing.T) {
	cases := map[string]struct {
		reason  string
		classes []unstructured.Unstructured
		want    string
	}{
		"None":    {"A driver without a class has no snapshots.", []unstructured.Unstructured{class("a", "other", "Delete")}, ""},
		"Default": {"The default comes first.", []unstructured.Unstructured{class("a", "d", "Delete"), class("b", "d", "Delete", annotationDefault)}, "b"},
		"Delete":  {"A class that cleans up comes before a default that does not.", []unstructured.Unstructured{class("a", "d", "Retain", annotationDefault), class("b", "d", "Delete")}, "b"},
		"Retain":  {"A class that does not is better than none.", []unstructured.Unstructured{class("a", "d", "Retain")}, "a"},
		"Name":    {"Else the name decides.", []unstructured.Unstructured{class("b", "d", "Delete"), class("a", "d", "Delete")}, "a"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := bestClass(tc.classes, "d"); got != tc.want {
				t.Errorf("%s\nbestClass: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}
