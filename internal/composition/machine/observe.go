// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	kubevirtv1 "kubevirt.io/api/core/v1"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// An Observation is what KubeVirt says of a machine.
type Observation struct {
	Phase vmv1alpha1.Phase

	// Sentence says what the machine does, what it waits for, or, in
	// PhaseError, what is wrong with it.
	Sentence string
}

// Observe reads what KubeVirt says of a machine.
func Observe(vm *kubevirtv1.VirtualMachine) Observation {
	if c := condition(vm, kubevirtv1.VirtualMachineFailure); c != nil && c.Status == corev1.ConditionTrue {
		return Observation{vmv1alpha1.PhaseError, "KubeVirt cannot start the virtual machine: " + said(c)}
	}
	o := printed(vm)
	if c := condition(vm, kubevirtv1.VirtualMachineRestartRequired); c != nil && c.Status == corev1.ConditionTrue && o.Phase == vmv1alpha1.PhaseRunning {
		o.Sentence += "; what was changed takes effect when it is restarted"
	}
	return o
}

// printed is what the status says that KubeVirt prints.
func printed(vm *kubevirtv1.VirtualMachine) Observation {
	scheduled, synchronized := kubevirtv1.VirtualMachineConditionType(corev1.PodScheduled), kubevirtv1.VirtualMachineConditionType(kubevirtv1.VirtualMachineInstanceSynchronized)
	switch s := vm.Status.PrintableStatus; s {
	case kubevirtv1.VirtualMachineStatusRunning:
		return Observation{vmv1alpha1.PhaseRunning, "the virtual machine runs"}
	case kubevirtv1.VirtualMachineStatusPaused, kubevirtv1.VirtualMachineStatusMigrating, kubevirtv1.VirtualMachineStatusStopping:
		return Observation{vmv1alpha1.PhaseRunning, "the virtual machine is " + strings.ToLower(string(s))}
	case kubevirtv1.VirtualMachineStatusStopped:
		return Observation{vmv1alpha1.PhaseStopped, "the virtual machine is stopped"}
	case kubevirtv1.VirtualMachineStatusTerminating:
		return Observation{vmv1alpha1.PhaseStopped, "the virtual machine is being deleted"}
	case kubevirtv1.VirtualMachineStatusUnschedulable:
		return Observation{vmv1alpha1.PhaseError, "no node can take the virtual machine: " + said(condition(vm, scheduled))}
	case kubevirtv1.VirtualMachineStatusErrImagePull, kubevirtv1.VirtualMachineStatusImagePullBackOff:
		return Observation{vmv1alpha1.PhaseError, "an image of the virtual machine's pod cannot be pulled: " + said(condition(vm, synchronized))}
	case kubevirtv1.VirtualMachineStatusPvcNotFound:
		return Observation{vmv1alpha1.PhaseError, "a claim of the virtual machine is missing: " + said(condition(vm, synchronized))}
	case kubevirtv1.VirtualMachineStatusDataVolumeError:
		return Observation{vmv1alpha1.PhaseError, "a DataVolume of the virtual machine has failed"}
	case kubevirtv1.VirtualMachineStatusCrashLoopBackOff:
		return Observation{vmv1alpha1.PhaseError, "the virtual machine fails each time it is started; look at the events of its VirtualMachineInstance, and at what is on its boot disk"}
	case kubevirtv1.VirtualMachineStatusUnknown:
		return Observation{vmv1alpha1.PhaseError, "the node of the virtual machine does not answer"}
	case kubevirtv1.VirtualMachineStatusWaitingForVolumeBinding:
		return Observation{vmv1alpha1.PhaseCreating, "the virtual machine waits for its claims to be bound"}
	case "":
		return Observation{vmv1alpha1.PhaseCreating, "waiting for KubeVirt to take up the virtual machine"}
	}
	return Observation{vmv1alpha1.PhaseCreating, "the virtual machine is starting"}
}

func condition(vm *kubevirtv1.VirtualMachine, t kubevirtv1.VirtualMachineConditionType) *kubevirtv1.VirtualMachineCondition {
	i := slices.IndexFunc(vm.Status.Conditions, func(c kubevirtv1.VirtualMachineCondition) bool { return c.Type == t })
	if i < 0 {
		return nil
	}
	return &vm.Status.Conditions[i]
}

// said is the sentence of a condition.
func said(c *kubevirtv1.VirtualMachineCondition) string {
	if c == nil || c.Message == "" {
		return "KubeVirt gives no reason; look at the events of its VirtualMachineInstance"
	}
	return strings.TrimSuffix(c.Message, ".")
}

// Volumes are the names of a machine's volumes.
func Volumes(vm *kubevirtv1.VirtualMachine) []string {
	var names []string
	if vm != nil && vm.Spec.Template != nil {
		for _, v := range vm.Spec.Template.Spec.Volumes {
			names = append(names, v.Name)
		}
	}
	return names
}

// Networks are the names of a machine's networks.
func Networks(vm *kubevirtv1.VirtualMachine) []string {
	var names []string
	if vm != nil && vm.Spec.Template != nil {
		for _, n := range vm.Spec.Template.Spec.Networks {
			names = append(names, n.Name)
		}
	}
	return names
}
