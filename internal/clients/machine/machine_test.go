// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/client/fake"
	"sigs.k8s.io/yaml"
)

const machines = `
kind: VirtualMachine
metadata: {name: vm, namespace: vms}
spec:
  template:
    spec:
      domain: {devices: {disks: [{name: bare}, {name: system}]}}
      volumes:
      - name: system
        persistentVolumeClaim: {claimName: vm-system, hotpluggable: true}
      - name: data
        dataVolume: {name: vm-data}
      - name: cloudinit
        cloudInitNoCloud: {userData: x}
      - name: overlay
        ephemeral: {persistentVolumeClaim: {claimName: golden}}
---
kind: VirtualMachineInstance
metadata: {name: vm, namespace: vms}
spec:
  domain: {}
  volumes:
  - name: system
    persistentVolumeClaim: {claimName: vm-system-before}
  - name: plugged
    persistentVolumeClaim: {claimName: vm-plugged, hotpluggable: true}
---
kind: VirtualMachine
metadata: {name: live, namespace: vms}
spec:
  template:
    spec:
      domain: {}
      volumes:
      - name: root
        containerDisk: {image: fedora}
---
kind: VirtualMachine
metadata: {name: empty, namespace: vms}
spec: {}
`

func TestClaim(t *testing.T) {
	var objects []client.Object
	for _, doc := range strings.Split(machines, "---\n") {
		u := &unstructured.Unstructured{}
		if err := yaml.Unmarshal([]byte(doc), &u.Object); err != nil {
			t.Fatal(err)
		}
		u.SetAPIVersion("kubevirt.io/v1")
		objects = append(objects, u)
	}
	kube := fake.NewClientBuilder().WithScheme(runtime.NewScheme()).WithObjects(objects...).Build()

	cases := map[string]struct {
		reason, machine, disk, want string
		lack                        Lack
		says                        string
	}{
		"Claim":      {"A claim is named.", "vm", "system", "vm-system", "", ""},
		"DataVolume": {"A DataVolume's claim has its name.", "vm", "data", "vm-data", "", ""},
		"Plugged":    {"A disk that was plugged in while the machine runs is its instance's.", "vm", "plugged", "vm-plugged", "", ""},
		"NoClaim":    {"Other volumes have none.", "vm", "cloudinit", "", LackDisk, "is of kind cloudInitNoCloud, which is not on a claim, so there is nothing of it to export: write one of data, system in"},
		"Ephemeral":  {"What a machine writes over a claim is not on it.", "vm", "overlay", "", LackDisk, "is of kind ephemeral"},
		"Bare":       {"A disk without a volume is told from none.", "vm", "bare", "", LackDisk, "has no volume: give it one of that name"},
		"Unknown":    {"A disk that is not there is said to be.", "vm", "other", "", LackDisk, "has no disk \"other\": write one of data, plugged, system in"},
		"NoOther":    {"There may be none to write instead.", "live", "root", "", LackDisk, "is of kind containerDisk, which is not on a claim, so there is nothing of it to export, and it has no other on a claim."},
		"Empty":      {"A machine may have no disks.", "empty", "root", "", LackDisk, "has no disk \"root\", and it has no other"},
		"NoMachine":  {"A machine that is not there is said to be.", "gone", "root", "", LackMachine, "does not exist in namespace \"vms\""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got, err := Claim(t.Context(), kube, types.NamespacedName{Namespace: "vms", Name: tc.machine}, tc.disk)
			if got != tc.want {
				t.Errorf("%s\nClaim: want %q, got %q, %v", tc.reason, tc.want, got, err)
			}
			var p *Problem
			switch ok := errors.As(err, &p); {
			case tc.lack == "" && err != nil:
				t.Errorf("%s\nClaim: %v", tc.reason, err)
			case tc.lack != "" && (!ok || p.Lack != tc.lack || !strings.Contains(p.Message, tc.says)):
				t.Errorf("%s\nClaim: want lack of %s and %q, got %v", tc.reason, tc.lack, tc.says, err)
			}
		})
	}
}
