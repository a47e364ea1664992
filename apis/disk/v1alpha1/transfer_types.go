// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An Engine moves the data of a disk.
// +kubebuilder:validation:Enum=Auto;Mover;CDI
// +kubebuilder:validation:MaxLength=16
type Engine string

// The engines.
const (
	// EngineAuto takes the engine that fits the source.
	EngineAuto Engine = "Auto"

	// EngineMover is this project's own mover.
	EngineMover Engine = "Mover"

	// EngineCDI is a DataVolume of CDI.
	EngineCDI Engine = "CDI"
)

// MessageStarting is what the status of a DiskImport or DiskExport says before
// its mover moves anything, if nothing is in the way. A Wukong says the same
// before it has made them.
const MessageStarting = "The mover is being started."

// Transfer tunes how the data is moved.
type Transfer struct {
	// Connections is the greatest number of connections to the source, or
	// to the target of an export, at once; the mover finds the best number up to it. Default: the provider
	// configuration's, else the mover decides.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=64
	// +optional
	Connections *int32 `json:"connections,omitempty"`

	// BandwidthLimit is the greatest rate in bytes a second, such as 50Mi. A
	// change takes effect with the next attempt. Default: the provider
	// configuration's, else no limit.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('64Ki')) >= 0",message="write at least 64Ki (bytes a second), such as 50Mi, or leave it out for no limit"
	// +optional
	BandwidthLimit *resource.Quantity `json:"bandwidthLimit,omitempty"`

	// Deadline is how long the whole transfer may take, all attempts
	// together, such as 90m or 24h. CDI, which never gives up, is stopped
	// then. Default: 24h.
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="self.matches('^([0-9]+([.][0-9]+)?(h|m|s|ms))+$') && duration(self) >= duration('1m') && duration(self) <= duration('8760h')",message="write a duration from 1m to 8760h, such as 90m or 24h"
	// +kubebuilder:validation:Type=string
	// +kubebuilder:default="24h"
	// +optional
	Deadline *metav1.Duration `json:"deadline,omitempty"`

	// Retries is how often a mover that failed is started again, if the
	// failure is worth another attempt, or how often a pod of CDI may.
	// Default: 5.
	// +kubebuilder:validation:Minimum=0
	// +kubebuilder:validation:Maximum=100
	// +kubebuilder:default=5
	// +optional
	Retries *int32 `json:"retries,omitempty"`

	// PriorityClassName of the mover's pod. Default: the provider
	// configuration's, else none.
	// +kubebuilder:validation:MaxLength=253
	// +optional
	PriorityClassName string `json:"priorityClassName,omitempty"`

	// NodeSelector of the mover's pod. Default: the provider configuration's,
	// else none.
	// +kubebuilder:validation:MaxProperties=32
	// +optional
	NodeSelector map[string]string `json:"nodeSelector,omitempty"`

	// Tolerations of the mover's pod, beside those of the provider
	// configuration. Default: none.
	// +kubebuilder:validation:MaxItems=32
	// +listType=atomic
	// +optional
	Tolerations []corev1.Toleration `json:"tolerations,omitempty"`

	// Resources of the mover's container. Default: the provider
	// configuration's, else requests of 100m CPU and 128Mi memory, and a
	// limit of 512Mi memory.
	// +optional
	Resources *corev1.ResourceRequirements `json:"resources,omitempty"`
}

// Progress is how far a transfer is. It is written when the percentage has
// grown by 10 in 5 seconds or more (20 for what Crossplane composes), when 30
// seconds have passed, or when the phase changes.
type Progress struct {
	// Percent of the work that is done, 0 to 100. 100 only when every byte is
	// on the disk.
	Percent int32 `json:"percent"`

	// TransferredBytes were read from the source.
	TransferredBytes int64 `json:"transferredBytes"`

	// TotalBytes of the source; not set where the source does not say.
	// +optional
	TotalBytes int64 `json:"totalBytes,omitempty"`

	// WrittenBytes were written to the disk, or to the target of an export;
	// holes do not count.
	WrittenBytes int64 `json:"writtenBytes"`

	// BytesPerSecond of the source over the last seconds.
	BytesPerSecond int64 `json:"bytesPerSecond"`

	// Speed is bytesPerSecond for people, such as "96 MiB/s".
	// +optional
	Speed string `json:"speed,omitempty"`

	// EtaSeconds is the time left in seconds; not set when it cannot be told.
	// +optional
	EtaSeconds *int64 `json:"etaSeconds,omitempty"`

	// Attempt that is running or ran last; the first is 1.
	// +optional
	Attempt int32 `json:"attempt,omitempty"`

	// ResumedBytes were on the disk before this attempt began.
	// +optional
	ResumedBytes int64 `json:"resumedBytes,omitempty"`

	// ReusedBytes of an export's artifact were at the target already, from an
	// attempt before or an export of the same disk, and were not sent again.
	// +optional
	ReusedBytes int64 `json:"reusedBytes,omitempty"`

	// LastProgressTime is when the mover reported this.
	// +optional
	LastProgressTime *metav1.Time `json:"lastProgressTime,omitempty"`
}
