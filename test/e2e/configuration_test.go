// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// TestConfigurationsExclude installs the configuration that is not installed
// beside the one that is: Crossplane refuses it and changes nothing, as all the
// tests that run meanwhile show.
func TestConfigurationsExclude(t *testing.T) {
	t.Parallel()
	c := installed(t)
	here := setting(t, "WUKONG_PACKAGES")
	files, err := filepath.Glob(filepath.Join(filepath.Dir(here), "install*.yaml"))
	if err != nil || len(files) != 2 {
		t.Fatalf("found %v, want what installs each of two configurations: %v", files, err)
	}
	for _, f := range files {
		for _, o := range documents(t, f) {
			if f != here && o.GetKind() == "Configuration" {
				c.refuses(t, o)
			}
		}
	}
}

// refuses installs a package that Crossplane is to refuse.
func (c cluster) refuses(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	if err := c.Create(t.Context(), o); err != nil {
		t.Fatalf("cannot create package %s: %v", o.GetName(), err)
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if err := c.Delete(ctx, o); client.IgnoreNotFound(err) != nil {
			t.Errorf("cannot delete package %s: %v", o.GetName(), err)
		}
		gone(ctx, t, c, o)
	})
	holds(t.Context(), t, c, o, func(o *unstructured.Unstructured) error {
		status := xpv2.ConditionedStatus{}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(nested(o, "status"), &status); err != nil {
			return err
		}
		healthy := status.GetCondition(xpv2.TypeHealthy)
		if !strings.Contains(healthy.Message, "is already controlled by ConfigurationRevision") {
			return fmt.Errorf("Healthy is %s: %s", healthy.Status, healthy.Message)
		}
		return nil
	})
}
