// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubevirtv1 "kubevirt.io/api/core/v1"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/composition/machine"
)

// The keys of the machine and of its Secret among the composed resources. No
// disk or network has a key like them.
const (
	MachineKey   = "machine"
	cloudInitKey = "cloud-init"
)

// build is what is decided about the machine itself.
type build struct {
	desired map[string]Desired
	needs   []Need

	// reason of the condition VirtualMachineComposed.
	reason string

	// problem says what must change, missing what this cluster must get, and
	// waiting what is awaited, before the machine is composed. All are empty
	// once it is.
	problem, missing, waiting string

	// seen is what KubeVirt says of the machine, once it is there.
	seen *machine.Observation

	vmName, nodeName string
}

// assemble decides about the machine. It is composed when all of its disks and
// networks are ready, and from then on it stays: a disk or network that is
// added later is attached when it is ready itself, and one that is attached
// stays so, whatever becomes of it.
func assemble(in Input, outcomes []outcome, w wiring) build {
	b := build{desired: map[string]Desired{}}
	d, err := draw(plan(in, outcomes, w))
	switch {
	case err != nil:
		b.reason, b.problem = reasonRefused, err.Error()
	case in.Machine != nil:
		b.observe(in, d)
	default:
		b.keepSecret(in, d)
		if b.possible(in) && b.prepared(outcomes, w) && b.keyed(in) {
			b.begin(in, d)
		}
	}
	return b
}

// plan is what the machine is drawn from.
func plan(in Input, outcomes []outcome, w wiring) machine.Plan {
	spec := in.Wukong.Spec
	p := machine.Plan{Meta: named(in, in.Wukong.GetName()), Spec: spec, Seed: string(in.Wukong.GetUID())}
	attached, wired := machine.Volumes(in.Machine), machine.Networks(in.Machine)
	boot := bootDisk(spec.Disks)
	for i, d := range spec.Disks {
		if in.Machine == nil || outcomes[i].done() || slices.Contains(attached, d.Name) {
			p.Disks = append(p.Disks, machine.Disk{Name: d.Name, Claim: objectMeta(in, d).Name, Boot: d.Name == boot})
		}
	}
	for _, a := range w.attachments {
		if in.Machine == nil || a.ready() || slices.Contains(wired, a.network.Name) {
			p.Networks = append(p.Networks, a.network)
		}
	}
	return p
}

// bootDisk is the disk that says so, or else the first one.
func bootDisk(disks []vmv1alpha1.Disk) string {
	i := slices.IndexFunc(disks, func(d vmv1alpha1.Disk) bool { return d.Boot != nil && *d.Boot })
	if i < 0 && len(disks) == 0 {
		return ""
	}
	return disks[max(i, 0)].Name
}

// drawing is the machine with its Secret; the latter is nil when it needs none.
type drawing struct {
	vm     *kubevirtv1.VirtualMachine
	secret *corev1.Secret
}

func draw(p machine.Plan) (drawing, error) {
	secret, err := p.CloudInit()
	return drawing{vm: p.VirtualMachine(), secret: secret}, err
}

// keepSecret is about the Secret of a machine that somebody has deleted.
func (b *build) keepSecret(in Input, d drawing) {
	if d.secret != nil && in.Others[cloudInitKey] != nil {
		b.desired[cloudInitKey] = Desired{Object: d.secret, Ready: true}
	}
}

// possible reports whether KubeVirt is in the cluster.
func (b *build) possible(in Input) bool {
	need := kind(definitionOfMachines)
	b.needs = append(b.needs, need)
	have, known := in.Standing[need]
	switch {
	case !known:
		b.reason, b.waiting = reasonPreparing, "waiting to know whether KubeVirt is in this cluster"
	case have == nil:
		b.reason, b.missing = reasonKubeVirtMissing, "KubeVirt is not in this cluster: install it, and the virtual machine is made; the disks are prepared meanwhile"
	}
	return have != nil
}

// prepared reports whether all that the machine is made of is there.
func (b *build) prepared(outcomes []outcome, w wiring) bool {
	switch {
	case slices.ContainsFunc(outcomes, func(o outcome) bool { return !o.done() }):
		b.reason, b.waiting = reasonDisks, "the virtual machine is made when its disks are ready"
		return false
	case !w.ready():
		b.reason, b.waiting = reasonNetworks, "the virtual machine is made when its networks are ready"
		return false
	}
	return true
}

// keyed reports whether the Secret with the keys is as KubeVirt has it: all of
// its values are public keys. KubeVirt gives all of them to the guest.
func (b *build) keyed(in Input) bool {
	name := string(in.Wukong.Spec.SSHKeySecret)
	if name == "" {
		return true
	}
	need := Need{GVK: secretKind(), Namespace: in.Wukong.GetNamespace(), Name: name}
	b.needs = append(b.needs, need)
	have, known := in.Keys[need]
	b.reason = reasonKeys
	switch {
	case !known:
		b.waiting = "waiting to read the Secret of sshKeySecret"
		return false
	case have == nil:
		b.problem = fmt.Sprintf("sshKeySecret: there is no Secret %s; make one whose values are public keys", name)
		return false
	case len(have.Data) == 0:
		b.problem = fmt.Sprintf("sshKeySecret: Secret %s is empty; its values are the public keys", name)
		return false
	}
	for _, key := range slices.Sorted(maps.Keys(have.Data)) {
		if !publicKey(string(have.Data[key])) {
			b.problem = fmt.Sprintf("sshKeySecret: key %s of Secret %s holds no public key such as \"ssh-ed25519 AAAA…\"; the guest would see it, so take it out", key, name)
			return false
		}
	}
	return true
}

func secretKind() schema.GroupVersionKind { return corev1.SchemeGroupVersion.WithKind("Secret") }

// publicKey reports whether each line looks like one of authorized_keys,
// without options.
func publicKey(text string) bool {
	found := false
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		found = true
		if !slices.ContainsFunc([]string{"ssh-", "ecdsa-", "sk-"}, func(p string) bool { return strings.HasPrefix(line, p) }) {
			return false
		}
	}
	return found
}

// begin is about a machine that is not there yet.
func (b *build) begin(in Input, d drawing) {
	needs := []Need{{GVK: d.vm.GroupVersionKind(), Namespace: d.vm.GetNamespace(), Name: d.vm.GetName()}}
	if d.secret != nil && in.Others[cloudInitKey] == nil {
		needs = append(needs, Need{GVK: secretKind(), Namespace: d.secret.GetNamespace(), Name: d.secret.GetName()})
	}
	b.needs = append(b.needs, needs...)
	b.reason, b.waiting = reasonPreparing, "waiting for the virtual machine to be made"
	for _, n := range needs {
		is, known := free(in, n)
		if !known {
			return
		}
		if !is {
			b.reason, b.waiting = reasonNameTaken, ""
			b.problem = fmt.Sprintf("a %s %s that does not belong to this Wukong is there already; delete it, or give the Wukong another name", n.GVK.Kind, n.Name)
			return
		}
	}
	b.want(in, d, false)
}

// want makes the machine and its Secret desired.
func (b *build) want(in Input, d drawing, ready bool) {
	b.desired[MachineKey] = Desired{Object: d.vm, Ready: ready}
	if d.secret != nil {
		b.desired[cloudInitKey] = Desired{Object: d.secret, Ready: in.Others[cloudInitKey] != nil}
	}
}

// observe is about a machine that is there.
func (b *build) observe(in Input, d drawing) {
	seen := machine.Observe(in.Machine)
	b.seen, b.vmName, b.reason = &seen, in.Machine.GetName(), reasonComposed
	b.want(in, d, seen.Phase != vmv1alpha1.PhaseError)
	need := Need{GVK: kubevirtv1.VirtualMachineInstanceGroupVersionKind, Namespace: in.Machine.GetNamespace(), Name: b.vmName}
	b.needs = append(b.needs, need)
	if vmi := in.Instances[need]; vmi != nil && seen.Phase != vmv1alpha1.PhaseStopped {
		b.nodeName = vmi.Status.NodeName
	}
}

// composed says whether the virtual machine is there.
func (b build) composed() Condition {
	return Condition{
		Type:    vmv1alpha1.ConditionVirtualMachineComposed,
		True:    b.seen != nil,
		Reason:  b.reason,
		Message: joined(b.problem, b.missing, b.waiting),
	}
}
