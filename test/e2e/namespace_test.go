// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"context"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// A namespace is a test's own place in the cluster.
type namespace struct {
	cluster
	name string
}

// space makes a namespace. When the test ends the namespace is deleted with
// everything in it, in one go, and must leave no volume behind: so every test
// is one of deletion too.
func space(t *testing.T) namespace {
	t.Helper()
	n := namespace{cluster: installed(t), name: "e2e-" + rand.String(6)}
	o := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: n.name}}
	n.make(t, o)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		if t.Failed() {
			n.describe(ctx, t)
		}
		n.remove(ctx, t, o)
		n.leavesNoVolume(ctx, t)
	})
	return n
}

// make creates an object under strict validation.
func (n namespace) make(t *testing.T, o client.Object) {
	t.Helper()
	if err := n.Create(t.Context(), o); err != nil {
		t.Fatalf("cannot create %T %s: %v", o, o.GetName(), err)
	}
}

// remove deletes an object and waits until it is gone.
func (n namespace) remove(ctx context.Context, t *testing.T, o client.Object) {
	t.Helper()
	if err := n.Delete(ctx, o, client.PropagationPolicy(metav1.DeletePropagationBackground)); client.IgnoreNotFound(err) != nil {
		t.Fatalf("cannot delete %T %s: %v", o, o.GetName(), err)
	}
	gone(ctx, t, n, o)
}

// meta is the metadata of an object in this namespace.
func (n namespace) meta(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: n.name, Name: name}
}

// secret makes a Secret.
func (n namespace) secret(t *testing.T, name string, data map[string]string) {
	t.Helper()
	n.make(t, &corev1.Secret{ObjectMeta: n.meta(name), StringData: data})
}

// authority makes a ConfigMap with a bundle of certificate authorities.
func (n namespace) authority(t *testing.T, name string, pem []byte) {
	t.Helper()
	n.make(t, &corev1.ConfigMap{ObjectMeta: n.meta(name), Data: map[string]string{"ca.crt": string(pem)}})
}

// claim is the claim of a name, as it would be read.
func (n namespace) claim(name string) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: n.meta(name)}
}

// leavesNoVolume waits until no volume belongs to a claim of the namespace.
func (n namespace) leavesNoVolume(ctx context.Context, t *testing.T) {
	t.Helper()
	eventually(ctx, t, "no volume of "+n.name, func() error {
		l := &corev1.PersistentVolumeList{}
		if err := n.List(ctx, l); err != nil {
			return err
		}
		for _, v := range l.Items {
			if r := v.Spec.ClaimRef; r != nil && r.Namespace == n.name {
				return fmt.Errorf("volume %s is %s, policy %s, of claim %s", v.Name, v.Status.Phase, v.Spec.PersistentVolumeReclaimPolicy, r.Name)
			}
		}
		return nil
	})
}
