// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/composition/machine"
)

// machineOf reads the machine of a Wukong.
func (n namespace) machineOf(t *testing.T, w *vmv1alpha1.Wukong) *kubevirtv1.VirtualMachine {
	t.Helper()
	o := n.kubevirtObject("VirtualMachine", w.Name)
	if err := n.Get(t.Context(), client.ObjectKeyFromObject(o), o); err != nil {
		t.Fatalf("cannot read machine: %v", err)
	}
	vm := &kubevirtv1.VirtualMachine{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, vm); err != nil {
		t.Fatalf("cannot understand machine: %v", err)
	}
	return vm
}

// hasMachine looks at the machine of a Wukong, which KubeVirt has let pass and
// taken up: processors, memory, its disks, and the one that it boots from.
func (n namespace) hasMachine(t *testing.T, w *vmv1alpha1.Wukong, boots string) {
	t.Helper()
	n.takenUp(t, w.Name)
	spec := n.machineOf(t, w).Spec.Template.Spec
	if spec.Domain.CPU == nil || spec.Domain.CPU.Cores != uint32(w.Spec.CPU) {
		t.Errorf("the machine has the processors %+v, want %d", spec.Domain.CPU, w.Spec.CPU)
	}
	if m := spec.Domain.Memory; m == nil || m.Guest == nil || m.Guest.String() != string(w.Spec.Memory) {
		t.Errorf("the machine has the memory %+v, want %s", m, w.Spec.Memory)
	}
	for i, d := range w.Spec.Disks {
		if i >= len(spec.Volumes) || spec.Volumes[i].Name != d.Name || spec.Volumes[i].PersistentVolumeClaim == nil || spec.Volumes[i].PersistentVolumeClaim.ClaimName != w.Name+"-"+d.Name {
			t.Errorf("the machine has the volumes %+v, want disk %s as number %d", spec.Volumes, d.Name, i)
		}
	}
	if disks := spec.Domain.Devices.Disks; disks[0].Name != boots || disks[0].BootOrder == nil || *disks[0].BootOrder != 1 {
		t.Errorf("the machine has the disks %+v, want to boot from %s", disks, boots)
	}
}

// wholeMachine is what wukong-full.yaml says of its machine beside its disks.
func wholeMachine(t *testing.T, n namespace, w *vmv1alpha1.Wukong) {
	vm := n.machineOf(t, w)
	spec := vm.Spec.Template.Spec
	if s := vm.Spec.RunStrategy; s == nil || *s != kubevirtv1.RunStrategyAlways {
		t.Errorf("the machine runs %v, want Always", s)
	}
	if vm.Annotations["vm.kubevirt.io/os"] != "ubuntu" {
		t.Errorf("the machine's annotations are %v, want its operating system", vm.Annotations)
	}
	if spec.NodeSelector["kubernetes.io/arch"] != "amd64" || spec.Affinity == nil || spec.Affinity.PodAntiAffinity == nil {
		t.Errorf("the machine is placed by %v and %+v", spec.NodeSelector, spec.Affinity)
	}
	if len(spec.Tolerations) != 1 || spec.Tolerations[0].Key != "vms" {
		t.Errorf("the machine tolerates %+v, want vms", spec.Tolerations)
	}
	if a := spec.AccessCredentials; len(a) != 1 || a[0].SSHPublicKey == nil || a[0].SSHPublicKey.Source.Secret.SecretName != "ssh-keys" {
		t.Errorf("the machine has the keys %+v, want those of ssh-keys", a)
	}
	n.hasNetworks(t, spec)
	n.hasCloudInit(t, w)
	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		// The one thing that this cluster cannot do.
		if w.Status.Phase != vmv1alpha1.PhaseError || !strings.HasPrefix(w.Status.Message, "no node can take the virtual machine") {
			return fmt.Errorf("it is %q: %s", w.Status.Phase, w.Status.Message)
		}
		return nil
	})
}

// hasNetworks compares a machine's networks: a bridge whose definition is made,
// with its VLAN, and a definition that was there.
func (n namespace) hasNetworks(t *testing.T, spec kubevirtv1.VirtualMachineInstanceSpec) {
	t.Helper()
	var got []string
	for i, x := range spec.Networks {
		if x.Multus != nil && spec.Domain.Devices.Interfaces[i].Name == x.Name {
			got = append(got, x.Name+"="+x.Multus.NetworkName)
		}
	}
	if want := "management=everything-management storage=storage-net"; strings.Join(got, " ") != want {
		t.Errorf("the machine's networks are %v, want %s", got, want)
	}
	made := &unstructured.Unstructured{}
	made.SetGroupVersionKind(machine.DefinitionKind())
	if err := n.Get(t.Context(), client.ObjectKey{Namespace: n.name, Name: "everything-management"}, made); err != nil {
		t.Fatalf("cannot read NetworkAttachmentDefinition: %v", err)
	}
	config, _, _ := unstructured.NestedString(made.Object, "spec", "config")
	for _, word := range []string{`"type":"bridge"`, `"bridge":"br-mgmt"`, `"vlan":100`} {
		if !strings.Contains(config, word) {
			t.Errorf("the definition of network management is %s, want %s in it", config, word)
		}
	}
}

// hasCloudInit looks at what cloud-init is to read.
func (n namespace) hasCloudInit(t *testing.T, w *vmv1alpha1.Wukong) {
	t.Helper()
	s := &corev1.Secret{}
	if err := n.Get(t.Context(), client.ObjectKey{Namespace: n.name, Name: w.Name + "-cloud-init"}, s); err != nil {
		t.Fatalf("cannot read Secret of cloud-init: %v", err)
	}
	for key, words := range map[string][]string{
		"userdata": {
			"#cloud-config", "name: ubuntu", "hashed_passwd: $6$rounds=4096$", "lock_passwd: false", "sudo: ALL=(ALL) NOPASSWD:ALL", "shell: /bin/bash", "- docker",
		},
		"networkdata": {"version: 2", "- 192.168.100.10/24", "via: 192.168.100.1", "dhcp4: true", "set-name: eth1"},
	} {
		for _, word := range words {
			if !strings.Contains(string(s.Data[key]), word) {
				t.Errorf("cloud-init reads as %s:\n%s\nwant %q in it", key, s.Data[key], word)
			}
		}
	}
}
