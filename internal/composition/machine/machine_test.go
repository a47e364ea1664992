// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"
	"sigs.k8s.io/yaml"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// drawn is a plan with a spec of this YAML, with all that it names attached.
func drawn(t *testing.T, spec string) Plan {
	t.Helper()
	p := Plan{Meta: metav1.ObjectMeta{Name: "vm", Namespace: "demo"}, Seed: "seed"}
	if err := yaml.UnmarshalStrict([]byte("cpu: 2\nmemory: 4Gi\n"+spec), &p.Spec); err != nil {
		t.Fatalf("cannot parse spec: %v", err)
	}
	for _, d := range p.Spec.Disks {
		p.Disks = append(p.Disks, Disk{Name: d.Name, Claim: "vm-" + d.Name, Boot: d.Boot != nil && *d.Boot})
	}
	for _, n := range p.Spec.Networks {
		p.Networks = append(p.Networks, Network{Network: n, Definition: "vm-" + n.Name})
	}
	return p
}

func TestRunStrategy(t *testing.T) {
	cases := map[string]struct {
		reason string
		spec   string
		want   kubevirtv1.VirtualMachineRunStrategy
	}{
		"Nothing":   {"A machine runs.", "", "Always"},
		"Named":     {"KubeVirt's own word counts most.", "startStrategy: {runStrategy: Halted}\nhighAvailability: {restartPolicy: Always}", "Halted"},
		"NoStart":   {"What does not start by itself can be started.", "startStrategy: {autoStart: false}\nhighAvailability: {restartPolicy: Always}", "Manual"},
		"Start":     {"Starting is what it does anyway.", "startStrategy: {autoStart: true}", "Always"},
		"Always":    {"It is started whatever happens.", "highAvailability: {restartPolicy: Always}", "Always"},
		"OnFailure": {"It is started after a failure.", "startStrategy: {autoStart: true}\nhighAvailability: {restartPolicy: OnFailure}", "RerunOnFailure"},
		"Never":     {"It is started once.", "highAvailability: {restartPolicy: Never}", "Once"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			if got := *drawn(t, tc.spec).VirtualMachine().Spec.RunStrategy; got != tc.want {
				t.Errorf("%s\nwant %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

func TestDisks(t *testing.T) {
	vm := drawn(t, "disks: [{name: a, size: 1Gi}, {name: cloud-init, size: 1Gi, boot: true}, {name: c, size: 1Gi}]\ncloudInitUser: {name: u}").VirtualMachine()
	var devices, volumes []string
	for _, d := range vm.Spec.Template.Spec.Domain.Devices.Disks {
		name := d.Name + " on " + string(d.Disk.Bus)
		if d.BootOrder != nil {
			name += ", first"
		}
		devices = append(devices, name)
	}
	if diff := cmp.Diff([]string{"cloud-init on virtio, first", "a on virtio", "c on virtio", "cloud-init-0 on virtio"}, devices); diff != "" {
		t.Errorf("the disk to boot from comes first, the others keep their order; -want +got:\n%s", diff)
	}
	for _, v := range vm.Spec.Template.Spec.Volumes {
		if c := v.PersistentVolumeClaim; c != nil {
			volumes = append(volumes, v.Name+" is "+c.ClaimName)
		}
	}
	if diff := cmp.Diff([]string{"a is vm-a", "cloud-init is vm-cloud-init", "c is vm-c"}, volumes); diff != "" {
		t.Errorf("volumes, -want +got:\n%s", diff)
	}
}

func TestCloudInit(t *testing.T) {
	const header = "#cloud-config\n"
	cases := map[string]struct {
		reason string
		spec   string
		user   string // empty: there is no Secret
		net    string
	}{
		"Nothing": {reason: "A machine that asks for nothing gets no disk for it.", spec: "networks: [{name: n, type: bridge, bridgeName: br0}]"},
		"Keys":    {reason: "Keys need a disk to be on.", spec: "sshKeySecret: keys", user: header},
		"User": {
			reason: "A user without a password cannot log in with one.", spec: "cloudInitUser: {name: ubuntu}",
			user: header + "user:\n  lock_passwd: true\n  name: ubuntu\n",
		},
		"Password": {
			reason: "A password is there to log in with.", spec: `cloudInitUser: {name: ubuntu, passwordHash: "$6$a$b"}`,
			user: header + "user:\n  hashed_passwd: $6$a$b\n  lock_passwd: false\n  name: ubuntu\n",
		},
		"Locked": {
			reason: "What is written counts, and is quoted where YAML wants it.", spec: `cloudInitUser: {name: "no", passwordHash: "$6$a$b", lockPasswd: true, sudo: "ALL=(ALL) NOPASSWD:ALL", shell: /bin/sh, groups: [a, "1"]}`,
			user: header + "user:\n  groups:\n  - a\n  - \"1\"\n  hashed_passwd: $6$a$b\n  lock_passwd: true\n  name: \"no\"\n  shell: /bin/sh\n  sudo: ALL=(ALL) NOPASSWD:ALL\n",
		},
		"Static": {
			reason: "One configuration is for all networks; one that says nothing must not hold up the boot.",
			spec: "networks:\n- {name: a, type: sriov, nadName: a}\n" +
				"- {name: b, type: bridge, bridgeName: br0, ipConfig: {mode: static, address: 'fd00::2/64', gateway: 'fd00::1', dnsServers: ['fd00::53']}}\n" +
				"- {name: c, type: bridge, bridgeName: br1, ipConfig: {mode: static, address: 10.0.0.2/8, gateway: 10.0.0.1}}\n" +
				"- {name: d, type: macvlan, nadName: d, ipConfig: {mode: dhcp, dnsServers: [10.0.0.53]}}\n",
			user: header,
			net: `
version: 2
ethernets:
  eth0: {match: {macaddress: MAC-a}, set-name: eth0, dhcp4: true, optional: true}
  eth1: {match: {macaddress: MAC-b}, set-name: eth1, dhcp4: false, addresses: ["fd00::2/64"], routes: [{to: "::/0", via: "fd00::1"}], nameservers: {addresses: ["fd00::53"]}}
  eth2: {match: {macaddress: MAC-c}, set-name: eth2, dhcp4: false, addresses: [10.0.0.2/8], routes: [{to: 0.0.0.0/0, via: 10.0.0.1}]}
  eth3: {match: {macaddress: MAC-d}, set-name: eth3, dhcp4: true, nameservers: {addresses: [10.0.0.53]}}
`,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := drawn(t, tc.spec)
			s, err := p.CloudInit()
			if err != nil {
				t.Fatal(err)
			}
			if s == nil {
				s = &corev1.Secret{}
			}
			if diff := cmp.Diff(tc.user, string(s.Data["userdata"])); diff != "" {
				t.Errorf("%s\nuserdata, -want +got:\n%s", tc.reason, diff)
			}
			want := tc.net
			for _, n := range p.Spec.Networks {
				want = strings.ReplaceAll(want, "MAC-"+n.Name, `"`+p.mac(n.Name)+`"`)
			}
			if diff := cmp.Diff(parsed(t, []byte(want)), parsed(t, s.Data["networkdata"])); diff != "" {
				t.Errorf("%s\nnetworkdata, -want +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func parsed(t *testing.T, y []byte) any {
	t.Helper()
	var u any
	if err := yaml.Unmarshal(y, &u); err != nil {
		t.Fatalf("%v: %s", err, y)
	}
	return u
}

// TestAddresses shows that addresses differ where machines could meet, stay
// where they are, and belong to nobody.
func TestAddresses(t *testing.T) {
	base := Plan{Meta: metav1.ObjectMeta{Name: "vm", Namespace: "demo"}, Seed: "seed"}
	other := base
	other.Seed = "another"
	seen := map[string]bool{}
	for _, m := range []string{base.mac("a"), base.mac("b"), other.mac("a")} {
		if seen[m] || !strings.HasPrefix(m, "02:") || len(m) != 17 {
			t.Errorf("%s is not an address of its own", m)
		}
		seen[m] = true
	}
	if got := base.mac("a"); got != "02:5e:91:b7:f1:f3" {
		t.Errorf("an address must stay the same through releases: it is %s", got)
	}
}

func TestDefinition(t *testing.T) {
	vlan := int32(100)
	cases := map[string]struct {
		network vmv1alpha1.Network
		want    string
	}{
		"Plain": {vmv1alpha1.Network{BridgeName: "br0"}, `{"cniVersion":"0.3.1","name":"vm-n","type":"bridge","bridge":"br0","disableContainerInterface":true}`},
		"VLAN": {vmv1alpha1.Network{BridgeName: "br0", VLANID: &vlan},
			`{"cniVersion":"0.3.1","name":"vm-n","type":"bridge","bridge":"br0","vlan":100,"preserveDefaultVlan":false,"disableContainerInterface":true}`},
		"Quoted": {vmv1alpha1.Network{BridgeName: `br"0`}, `{"cniVersion":"0.3.1","name":"vm-n","type":"bridge","bridge":"br\"0","disableContainerInterface":true}`},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			u, err := Definition(metav1.ObjectMeta{Name: "vm-n"}, tc.network)
			if err != nil {
				t.Fatal(err)
			}
			spec, _ := u.Object["spec"].(map[string]any)
			if diff := cmp.Diff(tc.want, spec["config"]); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}

func TestObserve(t *testing.T) {
	about := func(c string, message string) []kubevirtv1.VirtualMachineCondition {
		return []kubevirtv1.VirtualMachineCondition{{Type: kubevirtv1.VirtualMachineConditionType(c), Status: corev1.ConditionFalse, Message: message}}
	}
	restart := []kubevirtv1.VirtualMachineCondition{{Type: kubevirtv1.VirtualMachineRestartRequired, Status: corev1.ConditionTrue}}
	failure := []kubevirtv1.VirtualMachineCondition{{Type: kubevirtv1.VirtualMachineFailure, Status: corev1.ConditionTrue, Message: "exceeded quota: q."}}
	cases := map[string]struct {
		status     kubevirtv1.VirtualMachinePrintableStatus
		conditions []kubevirtv1.VirtualMachineCondition
		want       Observation
	}{
		"New":           {"", nil, Observation{"Creating", "waiting for KubeVirt to take up the virtual machine"}},
		"Provisioning":  {"Provisioning", nil, Observation{"Creating", "the virtual machine is starting"}},
		"Running":       {"Running", nil, Observation{"Running", "the virtual machine runs"}},
		"Restart":       {"Running", restart, Observation{"Running", "the virtual machine runs; what was changed takes effect when it is restarted"}},
		"StoppedAnyway": {"Stopped", restart, Observation{"Stopped", "the virtual machine is stopped"}},
		"Paused":        {"Paused", nil, Observation{"Running", "the virtual machine is paused"}},
		"Unschedulable": {"ErrorUnschedulable", about("PodScheduled", "0/1 nodes are available."), Observation{"Error", "no node can take the virtual machine: 0/1 nodes are available"}},
		"Image":         {"ImagePullBackOff", about("Synchronized", "no such image"), Observation{"Error", "an image of the virtual machine's pod cannot be pulled: no such image"}},
		"Claim":         {"ErrorPvcNotFound", nil, Observation{"Error", "a claim of the virtual machine is missing: KubeVirt gives no reason; look at the events of its VirtualMachineInstance"}},
		"Quota":         {"Starting", failure, Observation{"Error", "KubeVirt cannot start the virtual machine: exceeded quota: q"}},
		"Binding":       {"WaitingForVolumeBinding", nil, Observation{"Creating", "the virtual machine waits for its claims to be bound"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			vm := &kubevirtv1.VirtualMachine{}
			vm.Status.PrintableStatus, vm.Status.Conditions = tc.status, tc.conditions
			if diff := cmp.Diff(tc.want, Observe(vm)); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
}
