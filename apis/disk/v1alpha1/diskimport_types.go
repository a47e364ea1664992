// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// An ImageFormat is the format of an image file, compression aside.
// +kubebuilder:validation:Enum=Auto;Raw;QCOW2;ISO
// +kubebuilder:validation:MaxLength=16
type ImageFormat string

// The formats that can be imported.
const (
	FormatAuto  ImageFormat = "Auto"
	FormatRaw   ImageFormat = "Raw"
	FormatQCOW2 ImageFormat = "QCOW2"
	FormatISO   ImageFormat = "ISO"
)

// Verification is what must hold of the source's bytes.
type Verification struct {
	// Checksum of the source file's bytes as they are served, compression
	// included: sha256:…, sha512:…, sha1:…, md5:… or crc64nvme:…, in
	// hexadecimal. An import whose bytes differ fails, and nothing of it is
	// kept. Default: none; the sha256 is reported in
	// status.atProvider.source.digest.
	// +kubebuilder:validation:MaxLength=135
	// +kubebuilder:validation:XValidation:rule="self.matches('^(sha256:[0-9a-fA-F]{64}|sha512:[0-9a-fA-F]{128}|sha1:[0-9a-fA-F]{40}|md5:[0-9a-fA-F]{32}|crc64nvme:[0-9a-fA-F]{16})$')",message="write the algorithm and the sum in hexadecimal, such as sha256: and 64 digits (sha512: 128, sha1: 40, md5: 32, crc64nvme: 16)"
	// +optional
	Checksum string `json:"checksum,omitempty"`
}

// An AccessMode is one of Kubernetes' access modes of a claim.
// +kubebuilder:validation:Enum=ReadWriteOnce;ReadOnlyMany;ReadWriteMany;ReadWriteOncePod
// +kubebuilder:validation:MaxLength=32
type AccessMode string

// A Target is the claim that an import makes.
// +kubebuilder:validation:XValidation:rule="has(self.name) == has(oldSelf.name) && (!has(self.name) || self.name == oldSelf.name)",message="the claim cannot be renamed; make another DiskImport with the new name"
// +kubebuilder:validation:XValidation:rule="quantity(string(self.size)).compareTo(quantity(string(oldSelf.size))) >= 0",message="the size can only grow; make another DiskImport for a smaller disk"
type Target struct {
	// Name of the claim, in the namespace of the DiskImport. It appears under
	// this name only when the disk is whole and verified. Default: the
	// external name, which is the DiskImport's own name.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +kubebuilder:validation:XValidation:rule="self.matches('^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$')",message="write a name of small letters, digits, dashes and dots that begins and ends with a letter or digit"
	// +optional
	Name string `json:"name,omitempty"`

	// Size of the disk in bytes, such as 20Gi: at least the image's virtual
	// size, and a multiple of 512; a fraction is rounded up. The claim is larger by the file system's
	// overhead. After the import a larger size expands the claim.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:XIntOrString
	// +kubebuilder:validation:MaxLength=32
	// +kubebuilder:validation:XValidation:rule="isQuantity(string(self)) && quantity(string(self)).compareTo(quantity('1Mi')) >= 0",message="write a size of at least 1Mi, such as 20Gi"
	// +kubebuilder:validation:XValidation:rule="!isQuantity(string(self)) || !quantity(string(self)).isInteger() || quantity(string(self)).asInteger() % 512 == 0",message="write a size that is a multiple of 512 bytes, such as 20Gi"
	Size resource.Quantity `json:"size"`

	// StorageClassName of the claim. Default: the cluster's default class.
	// +kubebuilder:validation:MinLength=1
	// +kubebuilder:validation:MaxLength=253
	// +optional
	StorageClassName *string `json:"storageClassName,omitempty"`

	// AccessModes of the claim. Default: those of CDI's StorageProfile for
	// the class where there is one, else ReadWriteOnce.
	// +kubebuilder:validation:MinItems=1
	// +kubebuilder:validation:MaxItems=4
	// +listType=set
	// +optional
	AccessModes []AccessMode `json:"accessModes,omitempty"`

	// VolumeMode of the claim: Filesystem (a disk.img at its root) or Block.
	// Default: that of CDI's StorageProfile for the class where there is one,
	// else Filesystem.
	// +kubebuilder:validation:Schemaless
	// +kubebuilder:validation:Type=string
	// +kubebuilder:validation:MaxLength=16
	// +kubebuilder:validation:Enum=Filesystem;Block
	// +optional
	VolumeMode *corev1.PersistentVolumeMode `json:"volumeMode,omitempty"`

	// Labels of the claim, beside the provider's own. Default: none.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('wukong.m.novasphere.dev/'))",message="keys that begin with wukong.m.novasphere.dev/ belong to the provider; use another prefix"
	// +optional
	Labels map[string]string `json:"labels,omitempty"`

	// Annotations of the claim, beside the provider's own. Default: none.
	// +kubebuilder:validation:MaxProperties=64
	// +kubebuilder:validation:XValidation:rule="self.all(k, !k.startsWith('wukong.m.novasphere.dev/'))",message="keys that begin with wukong.m.novasphere.dev/ belong to the provider; use another prefix"
	// +optional
	Annotations map[string]string `json:"annotations,omitempty"`
}

// DiskImportParameters say which image becomes which claim. Until the disk is
// whole a change begins the import anew; afterwards only the size (to grow),
// labels, annotations and retention may change.
// +kubebuilder:validation:XValidation:rule="!(has(self.source.pvc) || has(self.source.snapshot) || has(self.source.dataSource)) || self.format in ['Auto', 'Raw']",message="leave format out: a disk that is cloned is raw"
// +kubebuilder:validation:XValidation:rule="!(has(self.source.pvc) || has(self.source.snapshot) || has(self.source.dataSource)) || !has(self.verification.checksum)",message="leave verification.checksum out: a disk that is cloned is no file whose checksum somebody publishes"
// +kubebuilder:validation:XValidation:rule="self.engine != 'Mover' || !(has(self.source.snapshot) || has(self.source.dataSource))",message="write engine: CDI, or leave it out: the mover clones neither a snapshot nor a dataSource"
// +kubebuilder:validation:XValidation:rule="self.engine != 'CDI' || self.format in ['Auto', 'Raw']",message="leave format out: CDI detects it and cannot be told; or write engine: Mover"
// +kubebuilder:validation:XValidation:rule="self.engine != 'CDI' || !has(self.verification.checksum) || (has(self.source.http) && !self.verification.checksum.startsWith('crc64nvme:'))",message="CDI verifies sha256, sha512, sha1 and md5 of an http source alone; write engine: Mover, or leave the checksum out"
// +kubebuilder:validation:XValidation:rule="self.engine != 'CDI' || !has(self.source.s3) || (has(self.source.s3.endpoint) && has(self.source.s3.secretRef) && !has(self.source.s3.versionID) && !has(self.source.s3.region))",message="CDI reads an s3 source with endpoint, bucket and secretRef, at its current version, and takes the region from the endpoint's host: write endpoint and secretRef and leave region and versionID out, or write engine: Mover"
// +kubebuilder:validation:XValidation:rule="self.engine != 'CDI' || !has(self.source.registry) || !has(self.source.registry.plainHTTP) || !self.source.registry.plainHTTP",message="CDI speaks https to registries, but to those that insecureRegistries of its CDIConfig names; leave plainHTTP out, or write engine: Mover"
// +kubebuilder:validation:XValidation:rule="self.engine != 'CDI' || !(has(self.transfer.connections) || has(self.transfer.bandwidthLimit) || has(self.transfer.nodeSelector) || has(self.transfer.tolerations) || has(self.transfer.resources))",message="CDI heeds deadline, retries and priorityClassName of transfer alone; leave the others out, or write engine: Mover"
// +kubebuilder:validation:XValidation:rule="!has(self.source.blank) || (self.engine == 'Auto' && self.format == 'Auto' && !has(self.verification.checksum) && !(has(self.transfer.connections) || has(self.transfer.bandwidthLimit) || has(self.transfer.priorityClassName) || has(self.transfer.nodeSelector) || has(self.transfer.tolerations) || has(self.transfer.resources)))",message="leave engine, format, verification and transfer out: nothing is moved to an empty disk"
type DiskImportParameters struct {
	// Source of the image: exactly one member.
	Source ImportSource `json:"source"`

	// Verification of the source's bytes. Default: none.
	// +kubebuilder:default={}
	// +optional
	Verification Verification `json:"verification,omitempty"`

	// Format of the image. Auto detects it and says in
	// status.atProvider.source.format what it found; any other value refuses
	// what it is not. Default: Auto.
	// +kubebuilder:default=Auto
	// +optional
	Format ImageFormat `json:"format,omitempty"`

	// Target is the claim that is made.
	Target Target `json:"target"`

	// Engine that moves the data: Mover, CDI (a DataVolume), or Auto, which is
	// the mover for http, s3 and registry, and CDI for pvc, snapshot and
	// dataSource; a pvc of the same namespace is copied by the mover where the
	// cluster has no CDI. status.atProvider.engine says which it is. Default:
	// Auto.
	// +kubebuilder:default=Auto
	// +optional
	Engine Engine `json:"engine,omitempty"`

	// Retention says what becomes of the claim when the DiskImport is deleted:
	// Delete removes it with its disk, Retain leaves it. A disk that is not
	// whole yet is removed in any case. It may change at any time. Default:
	// Delete.
	// +kubebuilder:default=Delete
	// +optional
	Retention Retention `json:"retention,omitempty"`

	// Transfer tunes how the data is moved.
	// +kubebuilder:default={}
	// +optional
	Transfer Transfer `json:"transfer,omitempty"`
}

// A DiskImportSpec is what is wanted of a DiskImport.
type DiskImportSpec struct {
	xpv2.ManagedResourceSpec `json:",inline"`

	// ForProvider is what is imported, and where to.
	ForProvider DiskImportParameters `json:"forProvider"`
}

// A Phase is how far an import is.
// +kubebuilder:validation:Enum=Pending;Importing;Succeeded;Failed
type Phase string

// The phases of an import.
const (
	// PhasePending imports have not begun to move data.
	PhasePending Phase = "Pending"

	// PhaseImporting imports move data, or hand the finished disk over.
	PhaseImporting Phase = "Importing"

	// PhaseSucceeded imports have their claim: whole, verified and bound.
	PhaseSucceeded Phase = "Succeeded"

	// PhaseFailed imports need a change before they can go on.
	PhaseFailed Phase = "Failed"
)

// SourceFacts are what was learned of the source.
type SourceFacts struct {
	// Digest of the source file's bytes, sha256:….
	// +optional
	Digest string `json:"digest,omitempty"`

	// ETag, or another validator, to which every read was pinned.
	// +optional
	ETag string `json:"etag,omitempty"`

	// Size of the source file in bytes.
	// +optional
	Size int64 `json:"size,omitempty"`

	// Format that was found: Raw, QCOW2 or ISO.
	// +optional
	Format string `json:"format,omitempty"`

	// Compression around it: gzip, xz or zstd; not set when there is none.
	// +optional
	Compression string `json:"compression,omitempty"`

	// VirtualSize of the disk in the image, in bytes.
	// +optional
	VirtualSize int64 `json:"virtualSize,omitempty"`
}

// A DiskImportObservation is what was observed of an import.
type DiskImportObservation struct {
	// Phase of the import.
	// +optional
	Phase Phase `json:"phase,omitempty"`

	// Progress of the transfer.
	// +optional
	Progress *Progress `json:"progress,omitempty"`

	// Message says in a sentence what happens, or what is wrong and what can
	// be done about it.
	// +optional
	Message string `json:"message,omitempty"`

	// Bucket that the source's bucketRef or bucketSelector led to.
	// +optional
	Bucket *UsedBucket `json:"bucket,omitempty"`

	// Source is what was learned of the source.
	// +optional
	Source *SourceFacts `json:"source,omitempty"`

	// Checksum that was asked for and found to hold.
	// +optional
	Checksum string `json:"checksum,omitempty"`

	// ClaimName is the claim with the disk; set when it is whole.
	// +optional
	ClaimName string `json:"claimName,omitempty"`

	// Engine that moves the data: Mover or CDI.
	// +optional
	Engine Engine `json:"engine,omitempty"`

	// StartTime is when the mover, or CDI's DataVolume, was started.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// CompletionTime is when the last byte was on the disk and verified; a
	// failed import has none.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// A DiskImportStatus is the observed state of a DiskImport.
type DiskImportStatus struct {
	xpv2.ManagedResourceStatus `json:",inline"`

	// AtProvider is what was observed.
	// +optional
	AtProvider DiskImportObservation `json:"atProvider,omitempty"`
}

// A DiskImport brings a disk image into a PersistentVolumeClaim. The claim
// appears under its name when the disk is whole and verified, never before.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="SYNCED",type="string",JSONPath=".status.conditions[?(@.type=='Synced')].status"
// +kubebuilder:printcolumn:name="EXTERNAL-NAME",type="string",JSONPath=".metadata.annotations.crossplane\\.io/external-name"
// +kubebuilder:printcolumn:name="PHASE",type="string",JSONPath=".status.atProvider.phase"
// +kubebuilder:printcolumn:name="PERCENT",type="integer",JSONPath=".status.atProvider.progress.percent"
// +kubebuilder:printcolumn:name="SPEED",type="string",JSONPath=".status.atProvider.progress.speed"
// +kubebuilder:printcolumn:name="SIZE",type="string",JSONPath=".spec.forProvider.target.size"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="MESSAGE",type="string",JSONPath=".status.atProvider.message",priority=1
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,managed,novasphere}
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?completionTime.hasValue() || (self.spec.forProvider.source == oldSelf.spec.forProvider.source)",message="the disk is imported: its source cannot change; make another DiskImport for the other image"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?completionTime.hasValue() || (self.spec.forProvider.format == oldSelf.spec.forProvider.format && self.spec.forProvider.engine == oldSelf.spec.forProvider.engine && self.spec.forProvider.verification == oldSelf.spec.forProvider.verification)",message="the disk is imported: format, engine and verification cannot change; make another DiskImport"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?completionTime.hasValue() || (has(self.spec.forProvider.target.storageClassName) == has(oldSelf.spec.forProvider.target.storageClassName) && (!has(self.spec.forProvider.target.storageClassName) || self.spec.forProvider.target.storageClassName == oldSelf.spec.forProvider.target.storageClassName))",message="the disk is imported: the storage class of its claim cannot change; make another DiskImport"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?completionTime.hasValue() || (has(self.spec.forProvider.target.volumeMode) == has(oldSelf.spec.forProvider.target.volumeMode) && (!has(self.spec.forProvider.target.volumeMode) || self.spec.forProvider.target.volumeMode == oldSelf.spec.forProvider.target.volumeMode))",message="the disk is imported: the volume mode of its claim cannot change; make another DiskImport"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?completionTime.hasValue() || (has(self.spec.forProvider.target.accessModes) == has(oldSelf.spec.forProvider.target.accessModes) && (!has(self.spec.forProvider.target.accessModes) || self.spec.forProvider.target.accessModes == oldSelf.spec.forProvider.target.accessModes))",message="the disk is imported: the access modes of its claim cannot change; make another DiskImport"
type DiskImport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   DiskImportSpec   `json:"spec"`
	Status DiskImportStatus `json:"status,omitempty"`
}

// DiskImportList is a list of DiskImports.
// +kubebuilder:object:root=true
type DiskImportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DiskImport `json:"items"`
}
