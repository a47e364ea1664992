// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/novasphere/provider-wukong/apis/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

const (
	// crossplaneNamespace is where Crossplane runs the packages.
	crossplaneNamespace = "crossplane-system"

	// providerName is what Crossplane calls novasphere/provider-wukong.
	providerName = "novasphere-provider-wukong"
)

// providerPods selects the provider's pods: Crossplane labels them.
func providerPods() client.MatchingLabels {
	return client.MatchingLabels{"pkg.crossplane.io/provider": providerName}
}

// installed installs the packages as a user does, with the manifests of
// examples/ and nothing else, and waits until they are healthy. Installing
// again changes nothing, so every test begins with it.
func installed(t *testing.T) cluster {
	t.Helper()
	c := connect(t)
	manifests, err := filepath.Glob("../../examples/provider/*.yaml")
	if err != nil || len(manifests) == 0 {
		t.Fatalf("found %d manifests in examples/provider: %v", len(manifests), err)
	}
	// A configuration of the provider is a kind that the provider brings, and
	// the provider waits for how it is to run: the last name is the first.
	slices.Reverse(manifests)
	for _, f := range append([]string{setting(t, "WUKONG_PACKAGES")}, manifests...) {
		c.apply(t, f)
	}
	for _, p := range documents(t, setting(t, "WUKONG_PACKAGES")) {
		holds(t.Context(), t, c, p, isHealthy)
	}
	eventually(t.Context(), t, "Wukong is a kind", func() error { return c.serves(t.Context()) })
	holds(t.Context(), t, c, &v1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "default"}}, func(c *v1alpha1.ClusterProviderConfig) error {
		return isTrue(c.Status.GetCondition(v1alpha1.TypeHealthy))
	})
	return c
}

// serves says whether the cluster has the kind Wukong: a configuration is
// healthy as soon as its definitions exist, and they take a moment.
func (c cluster) serves(ctx context.Context) error {
	return c.List(ctx, &vmv1alpha1.WukongList{}, client.Limit(1))
}

// apply applies a manifest, on the server's side. A kind that a package brings
// may not be there yet: then it waits.
func (c cluster) apply(t *testing.T, manifest string) {
	t.Helper()
	for _, o := range documents(t, manifest) {
		if o.GetKind() == v1alpha1.ClusterProviderConfigKind {
			withOwnMover(t, o)
		}
		eventually(t.Context(), t, fmt.Sprintf("%s %s of %s is applied", o.GetKind(), o.GetName(), manifest), func() error {
			return c.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("e2e"), client.ForceOwnership)
		})
	}
}

// withOwnMover names the image of a mover that trusts an authority of the
// operator's beside the public ones. The manifests of the contract name servers
// with public certificates, and there is no public authority to be had here.
func withOwnMover(t *testing.T, o *unstructured.Unstructured) {
	t.Helper()
	if err := unstructured.SetNestedField(o.Object, setting(t, "WUKONG_MOVER"), "spec", "mover", "image"); err != nil {
		t.Fatalf("cannot name the mover's image: %v", err)
	}
}

// isHealthy is the property of a package that is installed and runs.
func isHealthy(p *unstructured.Unstructured) error {
	status := xpv2.ConditionedStatus{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(nested(p, "status"), &status); err != nil {
		return err
	}
	return isTrue(status.GetCondition(xpv2.TypeHealthy))
}

// nested is a part of an object; an empty one if it is not there.
func nested(o *unstructured.Unstructured, field string) map[string]any {
	part, _ := o.Object[field].(map[string]any)
	return part
}

func isTrue(c xpv2.Condition) error {
	if c.Status != corev1.ConditionTrue {
		return fmt.Errorf("%s is %s (%s): %s", c.Type, c.Status, c.Reason, c.Message)
	}
	return nil
}
