// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// WukongSpec is the virtual machine that is wanted.
//
// +kubebuilder:validation:XValidation:rule="!has(self.disks) || self.disks.filter(d, has(d.boot) && d.boot).size() <= 1",message="at most one disk can have boot: true; remove it from the others"
type WukongSpec struct {
	// CPU is the number of virtual CPUs.
	//
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=1024
	CPU int32 `json:"cpu"`

	// Memory of the machine, such as 4Gi.
	Memory Size `json:"memory"`

	// OSImage names the operating system on the boot disk, such as ubuntu,
	// for people and consoles: it becomes the annotation vm.kubevirt.io/os of
	// the machine. It imports nothing and changes no default.
	//
	// +optional
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	OSImage string `json:"osImage,omitempty"`

	// SSHKeySecret names a Secret of this namespace whose values are public
	// SSH keys, one a line. They may log in as the user of cloudInitUser, or
	// else as the default user of the image. The image needs cloud-init.
	//
	// +optional
	SSHKeySecret ObjectName `json:"sshKeySecret,omitempty"`

	// CloudInitUser is the user that cloud-init makes on first boot, in the
	// place of the image's default user. Later changes reach the Secret that
	// cloud-init reads, and not a machine that has booted.
	//
	// +optional
	CloudInitUser *CloudInitUser `json:"cloudInitUser,omitempty"`

	// Networks that the machine is attached to, in order. Default: the network
	// of the pods, behind the address of the node.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=16
	Networks []Network `json:"networks,omitempty"`

	// Disks of the machine. A disk is known by its name: a disk that is taken
	// away from this list is deleted, with its volume.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	// +kubebuilder:validation:MaxItems=32
	Disks []Disk `json:"disks,omitempty"`

	// HighAvailability says where the machine runs and what happens when it
	// stops.
	//
	// +optional
	HighAvailability *HighAvailability `json:"highAvailability,omitempty"`

	// StartStrategy says when the machine runs.
	//
	// +optional
	StartStrategy *StartStrategy `json:"startStrategy,omitempty"`
}

// Size is a quantity of bytes, such as 20Gi.
//
// +kubebuilder:validation:MinLength=1
// +kubebuilder:validation:MaxLength=32
// +kubebuilder:validation:XValidation:rule="isQuantity(self) && quantity(self).compareTo(quantity('1Mi')) >= 0",message="write a size of at least 1Mi with its unit, such as 20Gi or 512Mi"
type Size string

// ObjectName is the name of a Kubernetes object.
//
// +kubebuilder:validation:MaxLength=253
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$`
type ObjectName string

// NamespaceName is the name of a Kubernetes namespace.
//
// +kubebuilder:validation:MaxLength=63
// +kubebuilder:validation:Pattern=`^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
type NamespaceName string

// CloudInitUser is a user that cloud-init makes.
type CloudInitUser struct {
	// Name of the user.
	//
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=32
	Name string `json:"name"`

	// PasswordHash of the user in crypt(3) format, as `mkpasswd` prints it.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	// +kubebuilder:validation:XValidation:rule="self.startsWith('$')",message="passwordHash is no hash in crypt(3) format; make one with `mkpasswd --method=sha-512`"
	PasswordHash string `json:"passwordHash,omitempty"`

	// Sudo is the user's rule in sudoers, such as "ALL=(ALL) NOPASSWD:ALL".
	//
	// +optional
	// +kubebuilder:validation:MaxLength=1024
	Sudo string `json:"sudo,omitempty"`

	// Shell is the path of the user's login shell.
	//
	// +optional
	// +kubebuilder:validation:MaxLength=256
	Shell string `json:"shell,omitempty"`

	// Groups that the user is added to.
	//
	// +optional
	// +listType=set
	// +kubebuilder:validation:MaxItems=64
	// +kubebuilder:validation:items:MaxLength=32
	Groups []string `json:"groups,omitempty"`

	// LockPasswd forbids logging in with a password. Default: true without
	// passwordHash, false with it.
	//
	// +optional
	LockPasswd *bool `json:"lockPasswd,omitempty"`
}

// HighAvailability says where a machine runs and what happens when it stops.
type HighAvailability struct {
	// RestartPolicy says when a machine that stopped is started again: it
	// stands for startStrategy.runStrategy Always, RerunOnFailure or Once, and
	// counts where that is not written. Default: Always.
	//
	// +optional
	// +kubebuilder:validation:Enum=Always;OnFailure;Never
	RestartPolicy string `json:"restartPolicy,omitempty"`

	// AntiAffinity keeps machines of one namespace that all ask for it on
	// different nodes. One for which no node is left does not start.
	//
	// +optional
	AntiAffinity *bool `json:"antiAffinity,omitempty"`

	// NodeSelector holds labels that a node must have.
	//
	// +optional
	// +kubebuilder:validation:MaxProperties=64
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Tolerations of taints that a node may have.
	//
	// +optional
	// +listType=atomic
	// +kubebuilder:validation:MaxItems=64
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`
}

// StartStrategy says when a machine runs.
//
// +kubebuilder:validation:XValidation:rule="!has(self.autoStart) || self.autoStart || !has(self.runStrategy) || self.runStrategy in ['Manual', 'Halted']",message="autoStart: false contradicts a runStrategy that starts the machine; write runStrategy: Manual or Halted, or leave autoStart out"
// +kubebuilder:validation:XValidation:rule="!has(self.autoStart) || !self.autoStart || !has(self.runStrategy) || self.runStrategy != 'Halted'",message="autoStart: true contradicts runStrategy: Halted; keep one of them"
type StartStrategy struct {
	// RunStrategy of the KubeVirt VirtualMachine. With Manual the machine is
	// started and stopped by virtctl alone; what virtctl makes of Always and
	// Halted is undone. Default: Manual where autoStart is false, else what
	// highAvailability.restartPolicy stands for.
	//
	// +optional
	// +kubebuilder:validation:Enum=Always;RerunOnFailure;Manual;Halted;Once
	RunStrategy string `json:"runStrategy,omitempty"`

	// AutoStart starts the machine as soon as its disks are ready. Default:
	// true.
	//
	// +optional
	AutoStart *bool `json:"autoStart,omitempty"`
}

// Wukong is a KubeVirt virtual machine in one manifest: its disks name where
// they come from and where they go.
//
// +kubebuilder:object:root=true
// +kubebuilder:resource:path=wukongs,singular=wukong,scope=Namespaced,categories=novasphere
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="PHASE",type=string,JSONPath=`.status.phase`
// +kubebuilder:printcolumn:name="PROGRESS",type=string,JSONPath=`.status.progress`
// +kubebuilder:printcolumn:name="SPEED",type=string,JSONPath=`.status.speed`
// +kubebuilder:printcolumn:name="VM",type=string,JSONPath=`.status.vmName`,priority=1
// +kubebuilder:printcolumn:name="MESSAGE",type=string,JSONPath=`.status.message`,priority=1
type Wukong struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   WukongSpec   `json:"spec"`
	Status WukongStatus `json:"status,omitempty,omitzero"`
}

// WukongList is a list of Wukongs.
//
// +kubebuilder:object:root=true
type WukongList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []Wukong `json:"items"`
}
