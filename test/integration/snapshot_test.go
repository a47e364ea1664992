// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"fmt"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// driver is the CSI driver of the volumes that nodes makes.
const driver = "integration.test"

func snapshotKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "snapshot.storage.k8s.io", Version: "v1", Kind: kind}
}

// snapshotClass is a class for the volumes that nodes makes.
func snapshotClass() client.Object {
	u := &unstructured.Unstructured{Object: map[string]any{"driver": driver, "deletionPolicy": "Delete"}}
	u.SetGroupVersionKind(snapshotKind("VolumeSnapshotClass"))
	u.SetName("integration")
	return u
}

// snapshots takes the snapshots that are asked for.
func (n *nodes) snapshots(ctx context.Context) error {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(snapshotKind("VolumeSnapshotList"))
	if err := kube.client.List(ctx, l); err != nil {
		return err
	}
	for i := range l.Items {
		u := &l.Items[i]
		if u.Object["status"] != nil {
			continue
		}
		u.Object["status"] = map[string]any{"readyToUse": true, "restoreSize": "1Gi"}
		if err := kube.client.Status().Update(ctx, u); err != nil {
			return err
		}
	}
	return nil
}

// snapshotsIn are the names of a namespace's snapshots.
func snapshotsIn(t *testing.T, ns string) []string {
	t.Helper()
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(snapshotKind("VolumeSnapshotList"))
	must(t, kube.client.List(t.Context(), l, client.InNamespace(ns)))
	var names []string
	for _, u := range l.Items {
		names = append(names, u.GetName())
	}
	return names
}

// newSnapshot makes a snapshot of a claim.
func newSnapshot(t *testing.T, ns, name, claim string) {
	t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{
		"spec": map[string]any{"source": map[string]any{"persistentVolumeClaimName": claim}},
	}}
	u.SetGroupVersionKind(snapshotKind("VolumeSnapshot"))
	u.SetNamespace(ns)
	u.SetName(name)
	must(t, kube.client.Create(t.Context(), u))
	within(t, fmt.Sprintf("snapshot %s should be taken", name), func() error {
		if err := get(t, u); err != nil {
			return err
		}
		if u.Object["status"] == nil {
			return fmt.Errorf("it has no status at %s", metav1.Now())
		}
		return nil
	})
}
