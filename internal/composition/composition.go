// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"maps"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubevirtv1 "kubevirt.io/api/core/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// Input is what a decision is made from.
type Input struct {
	// Wukong is what is wanted. Its name and namespace are the ones that the
	// user has given; its UID is that of whatever owns what is composed.
	Wukong *vmv1alpha1.Wukong

	// Imports and Exports are the composed resources that exist, by the keys
	// under which Compose desired them.
	Imports map[string]*diskv1alpha1.DiskImport
	Exports map[string]*diskv1alpha1.DiskExport

	// Machine is the composed VirtualMachine, if it exists. Others are the
	// composed Secret and NetworkAttachmentDefinitions that do, by key.
	Machine *kubevirtv1.VirtualMachine
	Others  map[string]*metav1.PartialObjectMetadata

	// Standing holds the answers to needs for an object under the name that
	// a composed resource would get: nil when nothing stands there. A need
	// without an answer has no key.
	Standing map[Need]*metav1.PartialObjectMetadata

	// Keys and Instances hold the answers to needs for the Secret with SSH
	// keys, and for the VirtualMachineInstance, in the same way.
	Keys      map[Need]*corev1.Secret
	Instances map[Need]*kubevirtv1.VirtualMachineInstance
}

// A Need is an object that Compose wants to see before it can decide. The
// caller looks for it and calls Compose again.
type Need struct {
	GVK       schema.GroupVersionKind
	Namespace string // Empty for a cluster-scoped object.
	Name      string
}

// Output is what is decided.
type Output struct {
	// Desired resources, by a key that follows from the name of the disk or
	// the network, or says that it is the machine.
	Desired map[string]Desired

	// Needs that must be answered before everything can be decided, or that
	// the decision rests on.
	Needs []Need

	// Status of the Wukong, without conditions.
	Status vmv1alpha1.WukongStatus

	// Conditions of the Wukong, beside Crossplane's own.
	Conditions []Condition

	// Warnings are the sentences that deserve an event.
	Warnings []string

	// Unready keeps the Wukong from being ready: a resource is not, a disk was
	// refused, or the machine is not there yet. Were it left to the resources,
	// Crossplane would list them in a message that changes with each.
	Unready bool
}

// Desired is one resource that is wanted.
type Desired struct {
	Object runtime.Object

	// Ready says that the resource, as it is observed, does its work.
	Ready bool
}

// A Condition of the Wukong. It holds no time, percentage or byte count, so
// that it changes only when its meaning does.
type Condition struct {
	Type    string
	True    bool
	Reason  string
	Message string
}

// Compose decides what a Wukong is made of.
func Compose(in Input) Output {
	out := Output{Desired: map[string]Desired{}}
	outcomes := make([]outcome, 0, len(in.Wukong.Spec.Disks))
	for _, d := range in.Wukong.Spec.Disks {
		o := decide(in, d)
		outcomes = append(outcomes, o)
		out.Needs = append(out.Needs, o.needs...)
		maps.Copy(out.Desired, o.desired)
		if len(o.problems) > 0 {
			out.Warnings = append(out.Warnings, o.problem())
		}
		out.Unready = out.Unready || o.refused
	}
	w := wire(in)
	b := assemble(in, outcomes, w)
	maps.Copy(out.Desired, w.desired)
	maps.Copy(out.Desired, b.desired)
	out.Needs = append(append(out.Needs, w.needs...), b.needs...)
	if s := joined(w.problems(), b.trouble()); s != "" {
		out.Warnings = append(out.Warnings, s)
	}
	for _, d := range out.Desired {
		out.Unready = out.Unready || !d.Ready
	}
	out.Unready = out.Unready || b.seen == nil
	out.Status = summarise(outcomes, w, b)
	out.Conditions = []Condition{accepted(outcomes), volumesBound(outcomes), w.configured(), b.composed()}
	return out
}
