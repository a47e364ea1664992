// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kubevirtv1 "kubevirt.io/api/core/v1"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// DefinitionKind is Multus' NetworkAttachmentDefinition.
func DefinitionKind() schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "k8s.cni.cncf.io", Version: "v1", Kind: "NetworkAttachmentDefinition"}
}

// attachNetworks attaches the networks in their order; a machine that names
// none is on the network of the pods, behind the node's address.
func (p Plan) attachNetworks(s *kubevirtv1.VirtualMachineInstanceSpec) {
	if len(p.Spec.Networks) == 0 {
		s.Domain.Devices.Interfaces = []kubevirtv1.Interface{*kubevirtv1.DefaultMasqueradeNetworkInterface()}
		s.Networks = []kubevirtv1.Network{*kubevirtv1.DefaultPodNetwork()}
		return
	}
	for _, n := range p.Networks {
		i := kubevirtv1.Interface{Name: n.Name, MacAddress: p.mac(n.Name)}
		if n.Type == "sriov" {
			i.SRIOV = &kubevirtv1.InterfaceSRIOV{}
		} else {
			i.Bridge = &kubevirtv1.InterfaceBridge{}
		}
		s.Domain.Devices.Interfaces = append(s.Domain.Devices.Interfaces, i)
		s.Networks = append(s.Networks, kubevirtv1.Network{
			Name:          n.Name,
			NetworkSource: kubevirtv1.NetworkSource{Multus: &kubevirtv1.MultusNetwork{NetworkName: n.Definition}},
		})
	}
}

// mac is the address of the machine's interface on a network. It stays the
// same through restarts, so that a lease, and cloud-init's configuration by
// address, stay the machine's; and it is locally administered.
func (p Plan) mac(network string) string {
	sum := sha256.Sum256([]byte(p.Seed + "/" + p.Meta.Namespace + "/" + p.Meta.Name + "/" + network))
	return append(net.HardwareAddr{0x02}, sum[:5]...).String()
}

// bridgePlugin is the configuration of the CNI plugin bridge, as far as it is
// used: https://www.cni.dev/plugins/current/main/bridge/
type bridgePlugin struct {
	CNIVersion string `json:"cniVersion"`
	Name       string `json:"name"`
	Type       string `json:"type"`
	Bridge     string `json:"bridge"`
	VLAN       int32  `json:"vlan,omitempty"`

	// PreserveDefaultVLAN would leave the port in VLAN 1 beside its own.
	PreserveDefaultVLAN *bool `json:"preserveDefaultVlan,omitempty"`

	// DisableContainerInterface leaves the interface of the pod down: the
	// machine has the address, not the pod.
	DisableContainerInterface bool `json:"disableContainerInterface"`
}

// Definition is the NetworkAttachmentDefinition of a network that names a
// bridge of the node.
func Definition(meta metav1.ObjectMeta, n vmv1alpha1.Network) (*unstructured.Unstructured, error) {
	plugin := bridgePlugin{
		CNIVersion: "0.3.1", Name: meta.Name, Type: "bridge", Bridge: n.BridgeName,
		DisableContainerInterface: true,
	}
	if n.VLANID != nil {
		plugin.VLAN, plugin.PreserveDefaultVLAN = *n.VLANID, new(bool)
	}
	config, err := json.Marshal(plugin)
	if err != nil {
		return nil, fmt.Errorf("cannot encode configuration of network %q: %w", n.Name, err)
	}
	u := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"config": string(config)}}}
	u.SetGroupVersionKind(DefinitionKind())
	u.SetName(meta.Name)
	u.SetNamespace(meta.Namespace)
	u.SetLabels(meta.Labels)
	return u, nil
}
