// SPDX-License-Identifier: Apache-2.0

//go:build integration

package render

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestCompositionToFork renders examples/composition, whose functions are other
// projects', as the end-to-end tests build them, from nothing to Ready. What it
// makes is what was written, and an API server would accept it.
func TestCompositionToFork(t *testing.T) {
	const modules = root + "/test/e2e/functions/"
	c := crossplane{program: find(t), folder: "examples/composition", functions: map[string]string{
		"function-patch-and-transform": serve(t, modules+"patch-and-transform", "github.com/crossplane-contrib/function-patch-and-transform"),
		"function-auto-ready":          serve(t, modules+"auto-ready", "github.com/crossplane/function-auto-ready"),
	}}
	xr := read(t, filepath.Join("examples", "composition", "goldenimage.yaml"))
	u := unstructured.Unstructured{Object: xr}
	u.SetNamespace("demo")
	u.SetUID(uid)

	first := c.render(t, xr, nil)
	expectConditions(t, first, map[string]string{"Ready": "False", "Synced": "True"})
	got := map[string]string{}
	for _, o := range first.composed {
		made := unstructured.Unstructured{Object: o}
		p, _, _ := unstructured.NestedMap(o, "spec", "forProvider")
		got[made.GetKind()+" in "+made.GetNamespace()] = strings.Join([]string{
			text(p, "source", "http", "url"), text(p, "verification", "checksum"), text(p, "target", "name"), text(p, "target", "size"),
			text(p, "source", "pvc", "name"), text(p, "target", "registry", "image"),
		}, " ")
	}
	want := map[string]string{
		"DiskImport in demo": strings.Join([]string{text(xr, "spec", "url"), text(xr, "spec", "checksum"), "ubuntu", "20Gi", "", ""}, " "),
		"DiskExport in demo": strings.Join([]string{"", "", "", "", "ubuntu", text(xr, "spec", "image")}, " "),
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("what is composed, -want +got:\n%s", diff)
	}

	last := c.render(t, xr, observed(first.composed, arrived))
	expectConditions(t, last, map[string]string{"Ready": "True", "Synced": "True"})
	if phase, uri := text(last.xr, "status", "phase"), text(last.xr, "status", "uri"); phase != "Succeeded" || uri != "s3://x/y" {
		t.Errorf("the status should say what became of the disk, it says phase %q and uri %q", phase, uri)
	}
	accepted(t, server(t), last)
}

// text is a text in an object, or "".
func text(o object, path ...string) string {
	s, _, _ := unstructured.NestedString(o, path...)
	return s
}
