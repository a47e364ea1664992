// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// TestWukongWithEverything makes a machine with all that a Wukong can say of one:
// KubeVirt's admission takes it, its controller makes the instance, and what it
// says of a machine that no node can take stands in the Wukong's own status.
func TestWukongWithEverything(t *testing.T) {
	t.Parallel()
	n := space(t)
	n.make(t, n.parsed(t, kubevirtNetwork))
	n.secret(t, "keys", map[string]string{"alice": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0 alice"})
	w := &vmv1alpha1.Wukong{ObjectMeta: n.meta("machine")}
	w.Spec = vmv1alpha1.WukongSpec{
		CPU: 2, Memory: "256Mi", OSImage: "ubuntu", SSHKeySecret: "keys",
		CloudInitUser: &vmv1alpha1.CloudInitUser{Name: "alice", PasswordHash: "$6$salt$hash", Groups: []string{"docker"}},
		Networks: []vmv1alpha1.Network{
			{Name: "management", Type: "bridge", BridgeName: "br0", VLANID: ptr.To[int32](100), IPConfig: &vmv1alpha1.IPConfig{
				Mode: "static", Address: "192.168.100.10/24", Gateway: "192.168.100.1", DNSServers: []string{"192.168.100.1"},
			}},
			{Name: "storage", Type: "macvlan", NADName: "lan"},
			{Name: "fast", Type: "sriov", NADName: n.name + "/lan"},
		},
		Disks: []vmv1alpha1.Disk{n.disk("data", ""), {Name: "system", Size: "64Mi", Boot: ptr.To(true)}},
		HighAvailability: &vmv1alpha1.HighAvailability{
			RestartPolicy: "OnFailure", AntiAffinity: ptr.To(true), NodeSelector: map[string]string{"kubernetes.io/os": "linux"},
			Tolerations: []corev1.Toleration{{Key: "vms", Operator: corev1.TolerationOpExists, Effect: corev1.TaintEffectNoSchedule}},
		},
	}
	n.make(t, w)
	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		if w.Status.VMName != "machine" || w.Status.Phase != vmv1alpha1.PhaseError || !strings.Contains(w.Status.Message, "no node can take the virtual machine") {
			return fmt.Errorf("it is %q with machine %q: %s", w.Status.Phase, w.Status.VMName, w.Status.Message)
		}
		return nil
	})

	// A change reaches the machine, and nothing else does: KubeVirt's own
	// additions stay, or each pass would begin the next one.
	vm := &unstructured.Unstructured{}
	vm.SetGroupVersionKind(schema.GroupVersionKind{Group: "kubevirt.io", Version: "v1", Kind: "VirtualMachine"})
	vm.SetNamespace(n.name)
	vm.SetName("machine")
	holds(t.Context(), t, n, vm, func(*unstructured.Unstructured) error { return nil })
	before := vm.GetGeneration()
	// A patch, because an update without the fields that Crossplane keeps in a
	// claim would cut the claim off from what was made for it.
	patch := client.RawPatch(types.MergePatchType, []byte(`{"spec": {"startStrategy": {"runStrategy": "Halted"}}}`))
	if err := n.Patch(t.Context(), w, patch); err != nil {
		t.Fatalf("cannot patch Wukong: %v", err)
	}
	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		if w.Status.Phase != vmv1alpha1.PhaseStopped {
			return fmt.Errorf("it is %q: %s", w.Status.Phase, w.Status.Message)
		}
		return nil
	})
	holds(t.Context(), t, n, vm, func(*unstructured.Unstructured) error { return nil })
	if got := vm.GetGeneration(); got != before+1 {
		t.Errorf("one change has made %d of the machine", got-before)
	}
}
