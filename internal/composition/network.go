// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"fmt"
	"slices"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/composition/machine"
)

// The kinds that another project brings into the cluster, by the name of their
// CustomResourceDefinition. An object of a kind that is not there cannot be
// asked for, so it is asked for the definition first.
const (
	definitionOfMachines = "virtualmachines.kubevirt.io"
	definitionOfNetworks = "network-attachment-definitions.k8s.cni.cncf.io"
)

// kind is the need for the CustomResourceDefinition of a kind.
func kind(definition string) Need {
	return Need{GVK: schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}, Name: definition}
}

// networkKey is the key of the NetworkAttachmentDefinition that is composed for
// a network.
func networkKey(n vmv1alpha1.Network) string { return "network-" + n.Name }

// attachment is what is decided about one network.
type attachment struct {
	network machine.Network
	problem string // what must change
	waiting string // what is awaited
}

func (a attachment) ready() bool { return a.problem == "" && a.waiting == "" }

// wiring is what is decided about all the networks of a machine.
type wiring struct {
	attachments []attachment
	desired     map[string]Desired
	needs       []Need
}

// wire decides about the networks of a machine.
func wire(in Input) wiring {
	w := wiring{desired: map[string]Desired{}}
	if len(in.Wukong.Spec.Networks) == 0 {
		return w
	}
	need := kind(definitionOfNetworks)
	w.needs = append(w.needs, need)
	have, known := in.Standing[need]
	for _, n := range in.Wukong.Spec.Networks {
		a := attachment{network: machine.Network{Network: n, Definition: definitionName(in, n)}}
		switch {
		case !known:
			a.waiting = "waiting to know whether Multus is in this cluster"
		case have == nil:
			a.problem = "Multus is not in this cluster: install it, or take networks away to attach the machine to the network of the pods"
		case n.NADName != "":
			w.existing(in, &a)
		default:
			w.composed(in, &a)
		}
		w.attachments = append(w.attachments, a)
	}
	return w
}

// definitionName is the NetworkAttachmentDefinition of a network.
func definitionName(in Input, n vmv1alpha1.Network) string {
	if n.NADName != "" {
		return n.NADName
	}
	return in.Wukong.GetName() + "-" + n.Name
}

// existing is about a network that names its NetworkAttachmentDefinition.
func (w *wiring) existing(in Input, a *attachment) {
	namespace, name, found := strings.Cut(a.network.Definition, "/")
	if !found {
		namespace, name = in.Wukong.GetNamespace(), a.network.Definition
	}
	need := Need{GVK: machine.DefinitionKind(), Namespace: namespace, Name: name}
	w.needs = append(w.needs, need)
	switch have, known := in.Standing[need]; {
	case !known:
		a.waiting = "waiting to know whether its NetworkAttachmentDefinition is there"
	case have == nil:
		a.problem = fmt.Sprintf("there is no NetworkAttachmentDefinition %s in namespace %s; make it, or correct nadName", name, namespace)
	}
}

// composed is about a network that names a bridge: its
// NetworkAttachmentDefinition is made.
func (w *wiring) composed(in Input, a *attachment) {
	meta := named(in, a.network.Definition)
	u, err := machine.Definition(meta, a.network.Network)
	if err != nil {
		a.problem = err.Error()
		return
	}
	key := networkKey(a.network.Network)
	if in.Others[key] != nil {
		w.desired[key] = Desired{Object: u, Ready: true}
		return
	}
	need := Need{GVK: machine.DefinitionKind(), Namespace: meta.Namespace, Name: meta.Name}
	w.needs = append(w.needs, need)
	is, known := free(in, need)
	if known && !is {
		a.problem = fmt.Sprintf(
			"a NetworkAttachmentDefinition %s that does not belong to this Wukong is there already; rename the network, or name it in nadName to use it", meta.Name)
		return
	}
	if known {
		w.desired[key] = Desired{Object: u}
	}
	a.waiting = "waiting for its NetworkAttachmentDefinition to be made"
}

// named names what is composed for the machine as a whole.
func named(in Input, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Name:      name,
		Namespace: in.Wukong.GetNamespace(),
		Labels:    map[string]string{LabelWukong: in.Wukong.GetName()},
	}
}

// ready reports whether nothing is left to do for the networks.
func (w wiring) ready() bool {
	return !slices.ContainsFunc(w.attachments, func(a attachment) bool { return !a.ready() })
}

// problems are what must change, network by network.
func (w wiring) problems() string {
	return w.sentences(func(a attachment) string { return a.problem })
}

// waiting is what is awaited, network by network.
func (w wiring) waiting() string {
	return w.sentences(func(a attachment) string { return a.waiting })
}

func (w wiring) sentences(of func(attachment) string) string {
	var ss []string
	for _, a := range w.attachments {
		if s := of(a); s != "" {
			ss = append(ss, fmt.Sprintf("network %q: %s", a.network.Name, s))
		}
	}
	return strings.Join(ss, "; ")
}

// configured says whether the networks are there for the machine to use.
func (w wiring) configured() Condition {
	c := Condition{Type: vmv1alpha1.ConditionNetworksConfigured}
	switch {
	case len(w.attachments) == 0:
		c.True, c.Reason = true, reasonPodNetwork
	case w.ready():
		c.True, c.Reason = true, reasonConfigured
	case w.problems() != "":
		c.Reason = reasonNetworkMissing
	default:
		c.Reason = reasonPreparing
	}
	c.Message = joined(w.problems(), w.waiting())
	return c
}
