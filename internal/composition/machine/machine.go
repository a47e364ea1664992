// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"cmp"
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

const (
	// LabelApart is on machines that ask not to share a node with each other.
	LabelApart = vmv1alpha1.Group + "/anti-affinity"

	// annotationOS is where consoles for KubeVirt look for the name of a
	// machine's operating system.
	annotationOS = "vm.kubevirt.io/os"
)

// A Plan is what a machine is drawn from.
type Plan struct {
	// Meta has the name, the namespace and the labels of the machine.
	Meta metav1.ObjectMeta
	Spec vmv1alpha1.WukongSpec

	// Seed tells machines of the same name apart in other namespaces, and
	// other clusters, on the same wire.
	Seed string

	// Disks and Networks are those of the spec that are attached, in its order.
	Disks    []Disk
	Networks []Network
}

// A Disk is attached to a machine.
type Disk struct {
	Name  string
	Claim string // PersistentVolumeClaim in the machine's namespace.
	Boot  bool   // The machine boots from it.
}

// A Network is attached to a machine.
type Network struct {
	vmv1alpha1.Network

	// Definition is its NetworkAttachmentDefinition: name or namespace/name.
	Definition string
}

// VirtualMachine is the machine.
func (p Plan) VirtualMachine() *kubevirtv1.VirtualMachine {
	strategy := runStrategy(p.Spec)
	vm := &kubevirtv1.VirtualMachine{ObjectMeta: *p.Meta.DeepCopy()}
	vm.SetGroupVersionKind(kubevirtv1.VirtualMachineGroupVersionKind)
	vm.Spec.RunStrategy = &strategy
	vm.Spec.Template = &kubevirtv1.VirtualMachineInstanceTemplateSpec{}
	t := vm.Spec.Template
	t.ObjectMeta.Labels = p.Meta.DeepCopy().Labels
	if p.Spec.OSImage != "" {
		vm.Annotations = map[string]string{annotationOS: p.Spec.OSImage}
		t.ObjectMeta.Annotations = map[string]string{annotationOS: p.Spec.OSImage}
	}
	t.Spec.Domain.CPU = &kubevirtv1.CPU{Cores: uint32(p.Spec.CPU)}
	memory := resource.MustParse(string(p.Spec.Memory)) // As the API server has checked.
	t.Spec.Domain.Memory = &kubevirtv1.Memory{Guest: &memory}
	p.attachDisks(&t.Spec)
	p.attachNetworks(&t.Spec)
	p.attachCloudInit(&t.Spec)
	p.place(t)
	return vm
}

// attachDisks attaches the disk that the machine boots from, and behind it the
// others in their order.
func (p Plan) attachDisks(s *kubevirtv1.VirtualMachineInstanceSpec) {
	first := uint(1)
	var boot, others []kubevirtv1.Disk
	for _, d := range p.Disks {
		s.Volumes = append(s.Volumes, kubevirtv1.Volume{
			Name: d.Name,
			VolumeSource: kubevirtv1.VolumeSource{PersistentVolumeClaim: &kubevirtv1.PersistentVolumeClaimVolumeSource{
				PersistentVolumeClaimVolumeSource: corev1.PersistentVolumeClaimVolumeSource{ClaimName: d.Claim},
			}},
		})
		device := virtio(d.Name)
		if !d.Boot {
			others = append(others, device)
			continue
		}
		device.BootOrder = &first
		boot = append(boot, device)
	}
	s.Domain.Devices.Disks = slices.Concat(boot, others)
}

func virtio(name string) kubevirtv1.Disk {
	return kubevirtv1.Disk{
		Name:       name,
		DiskDevice: kubevirtv1.DiskDevice{Disk: &kubevirtv1.DiskTarget{Bus: kubevirtv1.DiskBusVirtio}},
	}
}

// place says on which nodes the machine may run.
func (p Plan) place(t *kubevirtv1.VirtualMachineInstanceTemplateSpec) {
	ha := p.Spec.HighAvailability
	if ha == nil {
		return
	}
	t.Spec.NodeSelector = ha.NodeSelector
	t.Spec.Tolerations = ha.Tolerations
	if ha.AntiAffinity == nil || !*ha.AntiAffinity {
		return
	}
	if t.ObjectMeta.Labels == nil {
		t.ObjectMeta.Labels = map[string]string{}
	}
	t.ObjectMeta.Labels[LabelApart] = "true"
	t.Spec.Affinity = &corev1.Affinity{PodAntiAffinity: &corev1.PodAntiAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: []corev1.PodAffinityTerm{{
			LabelSelector: &metav1.LabelSelector{MatchLabels: map[string]string{LabelApart: "true"}},
			TopologyKey:   corev1.LabelHostname,
		}},
	}}
}

// runStrategy is KubeVirt's, which says all of when a machine runs: what
// StartStrategy.runStrategy names; else Manual where nothing may start by
// itself; else what the restart policy comes to.
func runStrategy(s vmv1alpha1.WukongSpec) kubevirtv1.VirtualMachineRunStrategy {
	start, ha := vmv1alpha1.StartStrategy{}, vmv1alpha1.HighAvailability{}
	if s.StartStrategy != nil {
		start = *s.StartStrategy
	}
	if s.HighAvailability != nil {
		ha = *s.HighAvailability
	}
	named := kubevirtv1.VirtualMachineRunStrategy(start.RunStrategy)
	if named == "" && start.AutoStart != nil && !*start.AutoStart {
		named = kubevirtv1.RunStrategyManual
	}
	return cmp.Or(named, map[string]kubevirtv1.VirtualMachineRunStrategy{
		"OnFailure": kubevirtv1.RunStrategyRerunOnFailure,
		"Never":     kubevirtv1.RunStrategyOnce,
	}[ha.RestartPolicy], kubevirtv1.RunStrategyAlways)
}
