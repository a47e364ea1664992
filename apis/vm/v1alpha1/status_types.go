// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Phase is where a Wukong stands.
//
// +kubebuilder:validation:Enum=Pending;Creating;Running;Stopped;Error
type Phase string

// The phases of a Wukong.
const (
	// PhasePending: nothing has begun yet.
	PhasePending Phase = "Pending"

	// PhaseCreating: disks are being prepared, or the virtual machine starts.
	PhaseCreating Phase = "Creating"

	// PhaseRunning: the virtual machine runs.
	PhaseRunning Phase = "Running"

	// PhaseStopped: the virtual machine is there and does not run.
	PhaseStopped Phase = "Stopped"

	// PhaseError: something must change before a disk, a network or the
	// virtual machine can do its work; the message says what.
	PhaseError Phase = "Error"
)

// ImportPhase is where the import of a disk stands.
//
// +kubebuilder:validation:Enum=Pending;Importing;Succeeded;Failed
type ImportPhase string

// The phases of an import.
const (
	ImportPending   ImportPhase = "Pending"
	ImportImporting ImportPhase = "Importing"
	ImportSucceeded ImportPhase = "Succeeded"
	ImportFailed    ImportPhase = "Failed"
)

// ExportPhase is where the export of a disk stands.
//
// +kubebuilder:validation:Enum=Pending;Exporting;Succeeded;Failed
type ExportPhase string

// The phases of an export.
const (
	ExportPending   ExportPhase = "Pending"
	ExportExporting ExportPhase = "Exporting"
	ExportSucceeded ExportPhase = "Succeeded"
	ExportFailed    ExportPhase = "Failed"
)

// The types of the conditions that the composition function sets, beside
// Crossplane's own Synced and Ready.
const (
	// ConditionDisksAccepted is False when a disk is refused as it is
	// written: it asks for what this release cannot do, or for a change that
	// would destroy data.
	ConditionDisksAccepted = "DisksAccepted"

	// ConditionVolumesBound is True when every disk's claim exists, holds the
	// disk's data and is bound to a volume.
	ConditionVolumesBound = "VolumesBound"

	// ConditionNetworksConfigured is True when the
	// NetworkAttachmentDefinition of every network is there.
	ConditionNetworksConfigured = "NetworksConfigured"

	// ConditionVirtualMachineComposed is True when the virtual machine is
	// there. Whether it runs, the phase says.
	ConditionVirtualMachineComposed = "VirtualMachineComposed"
)

// ImportStatus says how far the import of a disk is.
type ImportStatus struct {
	// Phase of the import.
	//
	// +optional
	Phase ImportPhase `json:"phase,omitempty"`

	// Progress from 0% to 100%; 100% only when the disk is whole, verified
	// and durable.
	//
	// +optional
	// +kubebuilder:validation:Pattern=`^([0-9]|[1-9][0-9]|100)%$`
	Progress string `json:"progress,omitempty"`

	// Speed at which the source is read, such as 118 MiB/s.
	//
	// +optional
	Speed string `json:"speed,omitempty"`

	// Message says in one sentence what is happening or what is wrong.
	//
	// +optional
	Message string `json:"message,omitempty"`
}

// ExportStatus says how far the export of a disk is.
type ExportStatus struct {
	// Phase of the export.
	//
	// +optional
	Phase ExportPhase `json:"phase,omitempty"`

	// Progress from 0% to 100%; 100% only when the artifact is whole.
	//
	// +optional
	// +kubebuilder:validation:Pattern=`^([0-9]|[1-9][0-9]|100)%$`
	Progress string `json:"progress,omitempty"`

	// Message says in one sentence what is happening or what is wrong.
	//
	// +optional
	Message string `json:"message,omitempty"`
}

// VolumeStatus is what became of one disk.
type VolumeStatus struct {
	// Name of the disk.
	Name string `json:"name"`

	// PVCName is the PersistentVolumeClaim of the disk. It is there under
	// this name only when the disk's data is whole.
	//
	// +optional
	PVCName string `json:"pvcName,omitempty"`

	// Bound says that the claim exists, holds the disk's data and is bound
	// to a volume.
	//
	// +optional
	Bound bool `json:"bound"`

	// Size of the disk, as it was asked for.
	//
	// +optional
	Size string `json:"size,omitempty"`

	// ImportStatus of a disk that has a source.
	//
	// +optional
	ImportStatus *ImportStatus `json:"importStatus,omitempty"`

	// ExportStatus of a disk that has a target.
	//
	// +optional
	ExportStatus *ExportStatus `json:"exportStatus,omitempty"`
}

// WukongStatus is what became of a Wukong.
type WukongStatus struct {
	// Phase of the machine: Pending, Creating, Running, Stopped or Error.
	//
	// +optional
	Phase Phase `json:"phase,omitempty"`

	// Progress of all imports together from 0% to 100%, weighed by size.
	//
	// +optional
	Progress string `json:"progress,omitempty"`

	// Speed at which all sources together are read, such as 118 MiB/s.
	//
	// +optional
	Speed string `json:"speed,omitempty"`

	// Message says in one sentence what is happening or what is wrong.
	//
	// +optional
	Message string `json:"message,omitempty"`

	// VMName is the KubeVirt VirtualMachine.
	//
	// +optional
	VMName string `json:"vmName,omitempty"`

	// NodeName is the node that the machine runs on.
	//
	// +optional
	NodeName string `json:"nodeName,omitempty"`

	// Volumes says what became of each disk.
	//
	// +optional
	// +listType=map
	// +listMapKey=name
	Volumes []VolumeStatus `json:"volumes,omitempty"`

	// Conditions of the resource; Crossplane writes them.
	//
	// +optional
	// +listType=map
	// +listMapKey=type
	Conditions []metav1.Condition `json:"conditions,omitempty"`
}
