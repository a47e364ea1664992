// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// TestComposition makes a golden image with the Composition to fork and the
// functions that it uses, of which one is older than the one that the example
// names: newer ones are no Go modules that can be had.
func TestComposition(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.secret(t, "registry-credentials", map[string]string{"username": "wukong", "password": "secret"})
	own := strings.NewReplacer(
		"xpkg.crossplane.io/", setting(t, "WUKONG_REGISTRY")+"/",
		"function-patch-and-transform:v0.10.8", "function-patch-and-transform:v0.5.0",
		"https://cloud-images.ubuntu.com/releases/22.04/release/ubuntu-22.04-server-cloudimg-amd64.img", i.url(),
		"registry.example.com/vms/", n.image(t, ""),
		"sha256:"+strings.Repeat("0", 64), s.digest(t, i),
		"size: 20Gi", "size: 64Mi",
	)
	var golden *unstructured.Unstructured
	for _, name := range []string{"definition.yaml", "functions.yaml", "composition.yaml", "goldenimage.yaml"} {
		for _, o := range n.example(t, "composition/"+name, own) {
			t.Cleanup(func() { n.remove(context.WithoutCancel(t.Context()), t, o) })
			switch o.GetKind() {
			case "CompositeResourceDefinition":
				holds(t.Context(), t, n, o, func(o *unstructured.Unstructured) error { return conditionOf(o, "Established") })
			case "Function":
				holds(t.Context(), t, n, o, isHealthy)
			case "GoldenImage":
				golden = o
			}
		}
	}
	holds(t.Context(), t, n, golden, func(o *unstructured.Unstructured) error { return conditionOf(o, xpv2.TypeReady) })

	status, image := nested(golden, "status"), n.image(t, "ubuntu:golden")
	if uri, _ := status["uri"].(string); !strings.Contains(uri, strings.TrimSuffix(image, ":golden")) || status["percent"] != int64(100) {
		t.Errorf("the golden image of %s says %v", image, status)
	}
	n.done(t, n.diskImport(t, "back", "", fromRegistry(image), ofSize(64<<20)))
	n.equals(t, "back", i, 64<<20)
}
