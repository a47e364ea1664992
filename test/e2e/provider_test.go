// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// ownRoles begin the names of the roles that Crossplane's RBAC manager makes
// for every provider.
const ownRoles = "crossplane:provider:"

// TestPrivileges insists that the provider runs under the ClusterRole that
// examples/ ships and what Crossplane gives every provider, and under nothing
// else: all the other tests then show that this is enough.
func TestPrivileges(t *testing.T) {
	t.Parallel()
	c := installed(t)
	pod := c.provider(t)

	l := &rbacv1.ClusterRoleBindingList{}
	if err := c.List(t.Context(), l); err != nil {
		t.Fatalf("cannot list bindings: %v", err)
	}
	var roles []string
	for _, b := range l.Items {
		if !slices.ContainsFunc(b.Subjects, func(s rbacv1.Subject) bool {
			return s.Kind == rbacv1.ServiceAccountKind && s.Namespace == pod.Namespace && s.Name == pod.Spec.ServiceAccountName
		}) {
			continue
		}
		if strings.HasPrefix(b.RoleRef.Name, ownRoles) {
			continue
		}
		roles = append(roles, b.RoleRef.Name)
		role := &rbacv1.ClusterRole{}
		if err := c.Get(t.Context(), client.ObjectKey{Name: b.RoleRef.Name}, role); err != nil {
			t.Fatalf("cannot read role: %v", err)
		}
		for _, r := range role.Rules {
			if slices.Contains(r.Verbs, "*") || slices.Contains(r.APIGroups, "*") || slices.Contains(r.Resources, "*") {
				t.Errorf("role %s gives the provider everything of something: %v", role.Name, r)
			}
		}
	}
	if diff := cmp.Diff([]string{"provider-wukong"}, roles); diff != "" {
		t.Errorf("roles of the provider beside Crossplane's, -want +got:\n%s", diff)
	}
}

// TestMetrics reads the provider's metrics after an import.
func TestMetrics(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	n.done(t, n.diskImport(t, "counted", s.qcow2(t, newDisk(t), "disk.qcow2", "-c").url()))

	pod := n.provider(t)
	eventually(t.Context(), t, "metrics of the import", func() error {
		text, err := n.core.CoreV1().Pods(pod.Namespace).ProxyGet("http", pod.Name, "8080", "/metrics", nil).DoRaw(t.Context())
		if err != nil {
			return err
		}
		for _, name := range []string{
			"wukong_transfers_total", "wukong_transferred_bytes_total", "wukong_transfer_seconds", "upjet_resource_ttr",
		} {
			if !strings.Contains(string(text), "\n"+name) {
				return fmt.Errorf("there is no %s", name)
			}
		}
		return nil
	})
}

// provider is the provider's pod.
func (c cluster) provider(t *testing.T) *corev1.Pod {
	t.Helper()
	l := &corev1.PodList{}
	eventually(t.Context(), t, "the provider runs", func() error {
		if err := c.List(t.Context(), l, client.InNamespace(crossplaneNamespace), providerPods()); err != nil {
			return err
		}
		l.Items = slices.DeleteFunc(l.Items, func(p corev1.Pod) bool { return isReady(&p) != nil })
		if len(l.Items) != 1 {
			return fmt.Errorf("there are %d pods that are ready", len(l.Items))
		}
		return nil
	})
	return &l.Items[0]
}
