// SPDX-License-Identifier: Apache-2.0

package v1alpha1

// Network is one network that a machine is attached to, by Multus. The machine's
// interface keeps its hardware address for as long as the Wukong is there.
//
// +kubebuilder:validation:XValidation:rule="self.type != 'bridge' || has(self.bridgeName) || has(self.nadName)",message="a network of type bridge wants bridgeName, the bridge on the node, or nadName, a NetworkAttachmentDefinition"
// +kubebuilder:validation:XValidation:rule="self.type == 'bridge' || !has(self.bridgeName)",message="bridgeName belongs to a network of type bridge"
// +kubebuilder:validation:XValidation:rule="!has(self.bridgeName) || !has(self.nadName)",message="bridgeName makes a NetworkAttachmentDefinition, nadName names one that is there; keep one of them"
// +kubebuilder:validation:XValidation:rule="!has(self.vlanId) || !has(self.nadName)",message="the NetworkAttachmentDefinition that nadName names says which VLAN it is on; remove vlanId"
// +kubebuilder:validation:XValidation:rule="self.type == 'bridge' || has(self.nadName)",message="a network of this type wants nadName, a NetworkAttachmentDefinition"
type Network struct {
	// Name of the network in this machine.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=63
	// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
	Name string `json:"name"`

	// Type of the attachment. KubeVirt connects a bridge in the machine's pod
	// to what the NetworkAttachmentDefinition gives to it, and for type sriov
	// the device itself. A definition of macvlan or ipvlan must let the
	// machine's own hardware address through (macvlan: mode passthru).
	//
	// +kubebuilder:validation:Enum=bridge;macvlan;ipvlan;sriov
	Type string `json:"type"`

	// BridgeName is the bridge on the node; for type bridge. A
	// NetworkAttachmentDefinition WUKONG-NETWORK is made for it.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=15
	BridgeName string `json:"bridgeName,omitempty"`

	// NADName names a NetworkAttachmentDefinition that is there, as name or as
	// namespace/name.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=317
	// +kubebuilder:validation:XValidation:rule="self.matches('^([a-z0-9]([-a-z0-9]*[a-z0-9])?/)?[a-z0-9]([-.a-z0-9]*[a-z0-9])?$')",message="write nadName as name or as namespace/name"
	NADName string `json:"nadName,omitempty"`

	// VLANID is the VLAN of the attachment to a bridge that bridgeName names.
	//
	// +optional
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=4094
	VLANID *int32 `json:"vlanId,omitempty"`

	// IPConfig says how the machine gets its address, through cloud-init on
	// its first boot. Where no network has one, it is left to the image.
	// Default, beside networks that have one: dhcp, without waiting for it.
	//
	// +optional
	IPConfig *IPConfig `json:"ipConfig,omitempty"`
}

// IPConfig says how a machine gets its address on a network.
//
// +kubebuilder:validation:XValidation:rule="self.mode != 'static' || has(self.address)",message="mode static wants address, such as 192.168.100.10/24"
// +kubebuilder:validation:XValidation:rule="self.mode != 'dhcp' || !(has(self.address) || has(self.gateway))",message="mode dhcp takes address and gateway from the server; remove them, or write mode: static"
type IPConfig struct {
	// Mode is static or dhcp.
	//
	// +kubebuilder:validation:Enum=static;dhcp
	Mode string `json:"mode"`

	// Address with its prefix length, such as 192.168.100.10/24.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="isCIDR(self)",message="write the address with its prefix length, such as 192.168.100.10/24"
	Address string `json:"address,omitempty"`

	// Gateway is the address of the default router.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="isIP(self)",message="write gateway as an IP address, such as 192.168.100.1"
	Gateway string `json:"gateway,omitempty"`

	// DNSServers are the addresses of the name servers.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=8
	// +kubebuilder:validation:items:MaxLength=64
	// +kubebuilder:validation:XValidation:rule="self.all(s, isIP(s))",message="write dnsServers as IP addresses, such as 192.168.100.1"
	DNSServers []string `json:"dnsServers,omitempty"`
}
