// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// kubevirtMachine has all that Wukong makes of a machine: a disk on a claim, a
// network of its own, and a Secret each for cloud-init and for keys.
const kubevirtMachine = `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: web}
spec:
  runStrategy: Always
  template:
    metadata: {labels: {kubevirt.io/vm: web}}
    spec:
      domain:
        cpu: {cores: 2}
        memory: {guest: 256Mi}
        devices:
          disks:
          - {name: system, bootOrder: 1, disk: {bus: virtio}}
          - {name: cloud-init, disk: {bus: virtio}}
          interfaces:
          - {name: lan, bridge: {}}
      networks:
      - {name: lan, multus: {networkName: lan}}
      accessCredentials:
      - sshPublicKey:
          source: {secret: {secretName: keys}}
          propagationMethod: {noCloud: {}}
      volumes:
      - {name: system, persistentVolumeClaim: {claimName: system}}
      - {name: cloud-init, cloudInitNoCloud: {secretRef: {name: cloud-init}}}
`

const kubevirtNetwork = `
apiVersion: k8s.cni.cncf.io/v1
kind: NetworkAttachmentDefinition
metadata: {name: lan}
spec: {config: '{"cniVersion": "0.3.1", "type": "bridge", "bridge": "br0"}'}
`

// parsed is an object of this namespace, as a user wrote it.
func (n namespace) parsed(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatalf("cannot read manifest: %v", err)
	}
	o.SetNamespace(n.name)
	return o
}

// TestKubeVirt shows that the machines that these tests make are looked at by
// KubeVirt's own admission, and taken up by its controller.
func TestKubeVirt(t *testing.T) {
	t.Parallel()
	n := space(t)
	n.make(t, n.parsed(t, kubevirtNetwork))
	n.secret(t, "keys", map[string]string{"key1": "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIE0"})
	n.secret(t, "cloud-init", map[string]string{"userdata": "#cloud-config\n{}\n"})
	claim := n.claim("system")
	claim.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	claim.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("64Mi")}
	n.make(t, claim)

	cases := map[string]struct {
		reason string
		from   string
		to     string
		says   string
	}{
		"no-volume": {
			reason: "A disk must have a volume.",
			from:   "{name: system, bootOrder: 1,", to: "{name: other, bootOrder: 1,",
			says: "spec.template.spec.domain.devices.disks[0].Name 'other' not found",
		},
		"no-network": {
			reason: "An interface must have a network.",
			from:   "{name: lan, bridge: {}}", to: "{name: wan, bridge: {}}",
			says: "spec.template.spec.domain.devices.interfaces[0].name 'wan' not found",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			broken := strings.Replace(kubevirtMachine, tc.from, tc.to, 1)
			err := n.Create(t.Context(), n.parsed(t, broken))
			if err == nil || !strings.Contains(err.Error(), tc.says) {
				t.Errorf("%s want %q, got %v", tc.reason, tc.says, err)
			}
		})
	}

	n.make(t, n.parsed(t, kubevirtMachine))
	n.takenUp(t, "web")
}

// kubevirtObject is an object of KubeVirt's, as it would be read.
func (n namespace) kubevirtObject(kind, name string) *unstructured.Unstructured {
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(schema.GroupVersionKind{Group: "kubevirt.io", Version: "v1", Kind: kind})
	o.SetNamespace(n.name)
	o.SetName(name)
	return o
}

// takenUp waits until KubeVirt has made of a machine that should run all that it
// can make without a node for it: an instance, and a pod that waits for a node.
func (n namespace) takenUp(t *testing.T, name string) {
	t.Helper()
	holds(t.Context(), t, n, n.kubevirtObject("VirtualMachineInstance", name), func(i *unstructured.Unstructured) error {
		pods := &corev1.PodList{}
		if err := n.List(t.Context(), pods, client.InNamespace(n.name), client.MatchingLabels{"kubevirt.io": "virt-launcher"}); err != nil {
			return err
		}
		if len(pods.Items) != 1 {
			return fmt.Errorf("its instance has %d pods: %v", len(pods.Items), i.Object["status"])
		}
		return nil
	})
}

// composite is the composite resource of a Wukong: itself, or the XWukong that
// it is the claim of.
func (n namespace) composite(t *testing.T, w *vmv1alpha1.Wukong) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	o.SetGroupVersionKind(vmv1alpha1.GroupVersion().WithKind(vmv1alpha1.WukongKind))
	if err := n.Get(t.Context(), client.ObjectKeyFromObject(w), o); err != nil {
		t.Fatalf("cannot read Wukong: %v", err)
	}
	name, claim, _ := unstructured.NestedString(o.Object, "spec", "resourceRef", "name")
	if !claim {
		return o
	}
	x := &unstructured.Unstructured{}
	x.SetGroupVersionKind(vmv1alpha1.GroupVersion().WithKind(vmv1alpha1.CompositeKind))
	if err := n.Get(t.Context(), client.ObjectKey{Name: name}, x); err != nil {
		t.Fatalf("cannot read composite resource of Wukong: %v", err)
	}
	return x
}

// TestWukongMachine applies a Wukong whose machine KubeVirt's admission lets
// pass and its controller takes up. Reconciling the Wukong afterwards, which
// growing its disk brings about visibly, does not touch the machine.
func TestWukongMachine(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	w := n.wukong(t, "machine", n.disk("system", i.url()))
	machine := n.kubevirtObject("VirtualMachine", "machine")
	holds(t.Context(), t, n, machine, func(m *unstructured.Unstructured) error {
		owner := n.composite(t, w)
		if !metav1.IsControlledBy(m, owner) {
			return fmt.Errorf("its owners are %v, want %s %s", m.GetOwnerReferences(), owner.GetKind(), owner.GetName())
		}
		return nil
	})
	n.takenUp(t, "machine")
	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		if w.Status.VMName != "machine" {
			return fmt.Errorf("its machine is %q: %s", w.Status.VMName, w.Status.Message)
		}
		return nil
	})
	holds(t.Context(), t, n, machine, func(*unstructured.Unstructured) error { return nil })
	was := machine.GetGeneration()

	for _, size := range []string{"80Mi", "96Mi", "128Mi"} {
		n.change(t, w, func() { w.Spec.Disks[0].Size = vmv1alpha1.Size(size) })
		want := resource.MustParse(size)
		holds(t.Context(), t, n, n.claim("machine-system"), func(c *corev1.PersistentVolumeClaim) error {
			if got := c.Spec.Resources.Requests[corev1.ResourceStorage]; got.Cmp(want) < 0 {
				return fmt.Errorf("it asks for %s", got.String())
			}
			return nil
		})
	}
	holds(t.Context(), t, n, machine, func(*unstructured.Unstructured) error { return nil })
	if got := machine.GetGeneration(); got != was {
		t.Errorf("the machine changed %d times while its Wukong was reconciled", got-was)
	}
}
