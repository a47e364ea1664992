// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// TestDeleteInTheMiddle deletes an import that moves data: nothing of it stays.
func TestDeleteInTheMiddle(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	raw := newSlowDisk(t)
	d := n.diskImport(t, "cancelled", s.convert(t, raw, "disk.raw", "cp", raw).url(), slowly)
	holds(t.Context(), t, n, d, inTheMiddle)

	n.remove(t.Context(), t, d)

	n.isEmpty(t.Context(), t)
	n.leavesNoVolume(t.Context(), t)
}

// TestDeleteAfterwards deletes imports whose disk is there: the disk goes with
// its import, unless the management policies leave out Delete.
func TestDeleteAfterwards(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	goes := n.diskImport(t, "goes", i.url())
	stays := n.diskImport(t, "stays", i.url(), func(d *diskv1alpha1.DiskImport) {
		d.Spec.ManagementPolicies = xpv2.ManagementPolicies{
			xpv2.ManagementActionObserve, xpv2.ManagementActionCreate, xpv2.ManagementActionUpdate,
		}
	})
	n.done(t, goes)
	n.done(t, stays)

	n.remove(t.Context(), t, goes)
	n.remove(t.Context(), t, stays)

	gone(t.Context(), t, n, n.claim("goes"))
	n.equals(t, "stays", i, diskSize)
}

// TestDeleteNamespace deletes a namespace with imports in every state, a
// Wukong among them, in one go: the clean-up of space insists that it goes.
func TestDeleteNamespace(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	raw := newSlowDisk(t)
	slow := s.convert(t, raw, "slow.raw", "cp", raw)
	quick := s.qcow2(t, newDisk(t), "quick.qcow2", "-c")

	n.secret(t, "account", map[string]string{"username": "wukong", "password": "secret"})
	n.wukong(t, "machine", n.disk("system", slow.under("trickle")), n.disk("data", ""))
	n.diskImport(t, "finds-nothing", s.put(t, "empty", "").url()+"-not-there")
	finished := n.diskImport(t, "finished", quick.under("auth"), withSecret("account"))
	running := n.diskImport(t, "running", slow.url(), slowly)
	n.done(t, finished)
	holds(t.Context(), t, n, running, inTheMiddle)

	n.remove(t.Context(), t, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.name}})
	n.leavesNoVolume(t.Context(), t)
}

// isEmpty waits until the namespace holds nothing that an import makes.
func (n namespace) isEmpty(ctx context.Context, t *testing.T) {
	t.Helper()
	eventually(ctx, t, "namespace "+n.name+" is empty", func() error {
		for _, l := range []client.ObjectList{
			&batchv1.JobList{}, &corev1.PodList{}, &corev1.PersistentVolumeClaimList{}, &corev1.SecretList{}, &corev1.ConfigMapList{},
		} {
			if err := n.List(ctx, l, client.InNamespace(n.name)); err != nil {
				return err
			}
			if left := names(t, l); len(left) > 0 {
				return fmt.Errorf("%T still holds %v", l, left)
			}
		}
		return nil
	})
}

// names lists the objects of a list, but what Kubernetes puts into every
// namespace.
func names(t *testing.T, l client.ObjectList) []string {
	t.Helper()
	objects, err := meta.ExtractList(l)
	if err != nil {
		t.Fatalf("cannot read %T: %v", l, err)
	}
	var all []string
	for _, o := range objects {
		a, err := meta.Accessor(o)
		if err != nil {
			t.Fatalf("cannot read %T: %v", o, err)
		}
		if a.GetName() != "kube-root-ca.crt" {
			all = append(all, a.GetName())
		}
	}
	return all
}
