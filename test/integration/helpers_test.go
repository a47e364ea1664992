// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

const tenantToken = "tenant"

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// change changes an object, whatever the provider has written since it was read.
func change(t *testing.T, o client.Object, how func()) {
	t.Helper()
	was, ok := o.DeepCopyObject().(client.Object)
	if !ok {
		t.Fatalf("%T is no object", o)
	}
	how()
	must(t, kube.client.Patch(t.Context(), o, client.MergeFrom(was)))
}

// namespace makes a namespace for one test.
func namespace(t *testing.T) string {
	t.Helper()
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "t-"}}
	must(t, kube.client.Create(t.Context(), n))
	return n.GetName()
}

// within fails the test unless f succeeds in the end. The time is long: it is
// no expectation of speed.
func within(t *testing.T, what string, f func() error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
	defer cancel()
	if err := eventually(ctx, f); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}
