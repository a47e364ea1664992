// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// machines are virtual machines as people write them: one with every kind of
// disk, and its instance, into which another was plugged.
const machines = `
apiVersion: kubevirt.io/v1
kind: VirtualMachine
metadata: {name: web}
spec:
  runStrategy: Always
  dataVolumeTemplates:
  - metadata: {name: web-template}
    spec:
      storage: {resources: {requests: {storage: 1Gi}}}
      source: {http: {url: "https://images.example.com/ubuntu.img"}}
  template:
    metadata: {labels: {app: web}}
    spec:
      domain:
        memory: {guest: 1Gi}
        devices:
          disks:
          - {name: claim, disk: {bus: virtio}, bootOrder: 1}
          - {name: datavolume, disk: {bus: virtio}}
          - {name: template, disk: {bus: virtio}}
          - {name: hotplug, disk: {bus: scsi}, serial: abc}
          - {name: container, disk: {bus: virtio}}
          - {name: overlay, disk: {bus: virtio}}
          - {name: cloudinit, disk: {bus: virtio}}
          - {name: later, disk: {bus: virtio}}
          - {name: bare, disk: {bus: virtio}}
      volumes:
      - {name: claim, persistentVolumeClaim: {claimName: web-claim}}
      - {name: datavolume, dataVolume: {name: web-datavolume}}
      - {name: template, dataVolume: {name: web-template}}
      - {name: hotplug, persistentVolumeClaim: {claimName: web-hotplug, hotpluggable: true}}
      - {name: container, containerDisk: {image: "quay.io/containerdisks/fedora:41"}}
      - {name: overlay, ephemeral: {persistentVolumeClaim: {claimName: web-claim}}}
      - {name: cloudinit, cloudInitNoCloud: {userData: "#cloud-config"}}
      - {name: later, dataVolume: {name: web-later}}
---
apiVersion: kubevirt.io/v1
kind: VirtualMachineInstance
metadata: {name: web}
spec:
  domain:
    devices:
      disks:
      - {name: claim, disk: {bus: virtio}}
      - {name: plugged, disk: {bus: scsi}}
  volumes:
  - {name: claim, persistentVolumeClaim: {claimName: web-claim}}
  - {name: plugged, dataVolume: {name: web-plugged, hotpluggable: true}}
`

// TestExportOfMachine exports disks of virtual machines, under the schema that
// KubeVirt gives them.
func TestExportOfMachine(t *testing.T) {
	start(t)
	ns := namespace(t)
	of := func(vm, disk string) exportEdit {
		return func(cr *diskv1alpha1.DiskExport) {
			cr.Spec.ForProvider.Source = diskv1alpha1.ExportSource{VirtualMachine: &diskv1alpha1.MachineSource{Name: vm, Disk: disk}}
		}
	}
	early := newExport(t, ns, "before-kubevirt", of("web", "claim"))
	exported(t, early, diskv1alpha1.ExportPhasePending, diskv1alpha1.ReasonKubeVirtMissing)

	must(t, install(t.Context(), "testdata/kubevirt/virtualmachines.yaml", "testdata/kubevirt/virtualmachineinstances.yaml"))
	for _, c := range []string{"claim", "datavolume", "template", "hotplug", "plugged"} {
		newClaim(t, ns, "web-"+c)
	}
	strict := client.WithFieldValidation(kube.client, metav1.FieldValidationStrict)
	for _, doc := range strings.Split(machines, "---\n") {
		u := &unstructured.Unstructured{}
		must(t, yaml.Unmarshal([]byte(doc), &u.Object))
		u.SetNamespace(ns)
		within(t, "the kind should be served", func() error { return client.IgnoreAlreadyExists(strict.Create(t.Context(), u)) })
	}
	exported(t, early, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)

	cases := map[string]struct {
		reason   string
		vm, disk string
		claim    string
		refused  xpv2.ConditionReason
		says     string
	}{
		"of-claim":      {"A claim is named.", "web", "claim", "web-claim", "", ""},
		"of-datavolume": {"A DataVolume has a claim of its name.", "web", "datavolume", "web-datavolume", "", ""},
		"of-template":   {"So has one that is made for the machine.", "web", "template", "web-template", "", ""},
		"of-hotplug":    {"A disk that was plugged in to stay is the machine's.", "web", "hotplug", "web-hotplug", "", ""},
		"of-plugged":    {"One that was plugged in to go is its instance's.", "web", "plugged", "web-plugged", "", ""},
		"of-container":  {"A containerDisk is in its registry already.", "web", "container", "", diskv1alpha1.ReasonDiskNotFound, "containerDisk"},
		"of-overlay":    {"What is written over a claim is not on it.", "web", "overlay", "", diskv1alpha1.ReasonDiskNotFound, "ephemeral"},
		"of-cloudinit":  {"Configuration is no disk.", "web", "cloudinit", "", diskv1alpha1.ReasonDiskNotFound, "cloudInitNoCloud"},
		"of-later":      {"A DataVolume that is not made yet is waited for.", "web", "later", "", diskv1alpha1.ReasonClaimNotFound, "wait until its DataVolume has"},
		"of-bare":       {"A disk without a volume is named.", "web", "bare", "", diskv1alpha1.ReasonDiskNotFound, "has no volume"},
		"of-nothing":    {"A disk that is not there leads to those that are.", "web", "nothing", "", diskv1alpha1.ReasonDiskNotFound, "write one of claim, datavolume, hotplug, later, plugged, template in source.virtualMachine.disk"},
		"of-nobody":     {"A machine that is not there is named.", "nobody", "claim", "", diskv1alpha1.ReasonVirtualMachineNotFound, `"nobody" does not exist`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cr := newExport(t, ns, name, of(tc.vm, tc.disk))
			if tc.refused != "" {
				exported(t, cr, diskv1alpha1.ExportPhasePending, tc.refused)
				if got := cr.Status.AtProvider.Message; !strings.Contains(got, tc.says) {
					t.Errorf("%s\nthe status says %q", tc.reason, got)
				}
				return
			}
			exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
			if at := cr.Status.AtProvider; at.ClaimName != tc.claim || at.Consistency != diskv1alpha1.ConsistencyOffline {
				t.Errorf("%s\nclaim %q was read %s, want %q Offline", tc.reason, at.ClaimName, at.Consistency, tc.claim)
			}
		})
	}
}

// TestExportOfRunningMachine exports the disk of a machine whose launcher has
// it open.
func TestExportOfRunningMachine(t *testing.T) {
	start(t)
	must(t, client.IgnoreAlreadyExists(install(t.Context(), "testdata/kubevirt/virtualmachines.yaml")))
	must(t, client.IgnoreAlreadyExists(install(t.Context(), "testdata/kubevirt/virtualmachineinstances.yaml")))
	ns := namespace(t)
	newClaim(t, ns, "web-claim")
	vm := &unstructured.Unstructured{}
	must(t, yaml.Unmarshal([]byte(strings.Split(machines, "---\n")[0]), &vm.Object))
	vm.SetNamespace(ns)
	within(t, "the kind should be served", func() error { return client.IgnoreAlreadyExists(kube.client.Create(t.Context(), vm)) })
	must(t, get(t, vm))
	vm.Object["status"] = map[string]any{"created": true, "ready": true, "printableStatus": "Running"}
	must(t, kube.client.Status().Update(t.Context(), vm))
	world.nodes.keep("virt-launcher", true)
	must(t, kube.client.Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "virt-launcher-web-x"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "compute", Image: "x", VolumeMounts: []corev1.VolumeMount{{Name: "claim", MountPath: "/disk"}}}},
			Volumes:    []corev1.Volume{{Name: "claim", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "web-claim"}}}},
		},
	}))
	cr := newExport(t, ns, "live", func(cr *diskv1alpha1.DiskExport) {
		cr.Spec.ForProvider.Source = diskv1alpha1.ExportSource{VirtualMachine: &diskv1alpha1.MachineSource{Name: "web", Disk: "claim"}}
	})
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	if at := cr.Status.AtProvider; at.ClaimName != "web-claim" || at.Consistency != diskv1alpha1.ConsistencySnapshot {
		t.Errorf("claim %q was read %s, want that of the machine, of a snapshot", at.ClaimName, at.Consistency)
	}
	want := untouched("web-claim")
	want["pod"] = []string{"virt-launcher-web-x"}
	settle(t, ns, want)
	within(t, "the machine should be as it was", func() error {
		if err := get(t, vm); err != nil {
			return err
		}
		if s, _, _ := unstructured.NestedString(vm.Object, "status", "printableStatus"); s != "Running" {
			return fmt.Errorf("it is %q", s)
		}
		return nil
	})
}
