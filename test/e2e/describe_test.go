// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"
)

// kinds are what a namespace of these tests can hold, Secrets aside.
func kinds() []schema.GroupVersionKind {
	return []schema.GroupVersionKind{
		{Group: "vm.novasphere.dev", Version: "v1alpha1", Kind: "Wukong"},
		{Group: "disk.wukong.m.novasphere.dev", Version: "v1alpha1", Kind: "DiskImport"},
		{Group: "disk.wukong.m.novasphere.dev", Version: "v1alpha1", Kind: "DiskExport"},
		{Group: "disk.wukong.m.novasphere.dev", Version: "v1alpha1", Kind: "ImageBucket"},
		{Group: "snapshot.storage.k8s.io", Version: "v1", Kind: "VolumeSnapshot"},
		{Group: "batch", Version: "v1", Kind: "Job"},
		{Version: "v1", Kind: "Pod"},
		{Version: "v1", Kind: "PersistentVolumeClaim"},
		{Version: "v1", Kind: "ConfigMap"},
		{Version: "v1", Kind: "Event"},
	}
}

// objects returns everything in the namespace but its Secrets, as YAML
// documents by "Kind name".
func (n namespace) objects(ctx context.Context, t *testing.T) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, k := range kinds() {
		l := &unstructured.UnstructuredList{}
		l.SetGroupVersionKind(k)
		if err := n.List(ctx, l, client.InNamespace(n.name)); err != nil {
			t.Errorf("cannot list %s: %v", k.Kind, err)
			continue
		}
		for _, o := range l.Items {
			o.SetManagedFields(nil)
			text, err := yaml.Marshal(o.Object)
			if err != nil {
				t.Errorf("cannot write %s %s: %v", k.Kind, o.GetName(), err)
			}
			found[k.Kind+" "+o.GetName()] = string(text)
		}
	}
	return found
}

// logs returns what the pods of a namespace have written, by "log of POD".
func (c cluster) logs(ctx context.Context, t *testing.T, namespace string, in ...client.ListOption) map[string]string {
	t.Helper()
	pods := &corev1.PodList{}
	if err := c.List(ctx, pods, append(in, client.InNamespace(namespace))...); err != nil {
		t.Errorf("cannot list pods of %s: %v", namespace, err)
	}
	found := map[string]string{}
	for _, p := range pods.Items {
		if p.Status.Phase == corev1.PodPending {
			continue
		}
		log, err := c.core.CoreV1().Pods(namespace).GetLogs(p.Name, &corev1.PodLogOptions{}).Stream(ctx)
		if err != nil {
			continue // The pod went in the meantime.
		}
		text, err := io.ReadAll(log)
		if err != nil {
			t.Logf("cannot read log of %s: %v", p.Name, err)
		}
		found["log of "+p.Name] = string(text)
	}
	return found
}

// describe writes into the test's log what the namespace holds.
func (n namespace) describe(ctx context.Context, t *testing.T) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "namespace %s:\n", n.name)
	for _, texts := range []map[string]string{n.objects(ctx, t), n.logs(ctx, t, n.name)} {
		for name, text := range texts {
			fmt.Fprintf(&b, "--- %s\n%s\n", name, text)
		}
	}
	for name, text := range n.logs(ctx, t, crossplaneNamespace, providerPods()) {
		fmt.Fprintf(&b, "--- %s (its end)\n%s\n", name, text[max(0, len(text)-10_000):])
	}
	t.Log(b.String())
}
