// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// A Consistency says how a disk is read whose volume somebody may write to.
// +kubebuilder:validation:Enum=Auto;Offline;Snapshot
// +kubebuilder:validation:MaxLength=16
type Consistency string

// The consistencies of an export.
const (
	// ConsistencyAuto reads the volume itself when no pod writes to it, and a
	// snapshot of it otherwise.
	ConsistencyAuto Consistency = "Auto"

	// ConsistencyOffline reads the volume itself, when no pod writes to it.
	ConsistencyOffline Consistency = "Offline"

	// ConsistencySnapshot reads a snapshot of the volume: the content of one
	// moment, as after a loss of power.
	ConsistencySnapshot Consistency = "Snapshot"
)

// An ArtifactFormat is the format of what an export makes.
// +kubebuilder:validation:Enum=Raw;QCOW2;OCI
// +kubebuilder:validation:MaxLength=16
type ArtifactFormat string

// The formats of an artifact.
const (
	ArtifactRaw   ArtifactFormat = "Raw"
	ArtifactQCOW2 ArtifactFormat = "QCOW2"
	ArtifactOCI   ArtifactFormat = "OCI"
)

// A CompressionAlgorithm compresses an artifact.
// +kubebuilder:validation:Enum=Zstd;Zlib;Gzip;None
// +kubebuilder:validation:MaxLength=16
type CompressionAlgorithm string

// The algorithms of a compression.
const (
	CompressionZstd CompressionAlgorithm = "Zstd"
	CompressionZlib CompressionAlgorithm = "Zlib"
	CompressionGzip CompressionAlgorithm = "Gzip"
	CompressionNone CompressionAlgorithm = "None"
)

// A Compression says how an artifact is compressed.
// +kubebuilder:validation:XValidation:rule="!has(self.level) || self.level <= 9 || !has(self.algorithm) || self.algorithm == 'Zstd'",message="write a level from 1 to 9 for Gzip and Zlib; only Zstd goes to 19"
// +kubebuilder:validation:XValidation:rule="!has(self.level) || !has(self.algorithm) || self.algorithm != 'None'",message="leave level out: nothing is compressed with algorithm None"
type Compression struct {
	// Algorithm: Zstd, Gzip or None for Raw; Zstd, Zlib or None for QCOW2
	// (its clusters); Zstd, Gzip or None for OCI (its layer). Default: Zstd
	// for QCOW2 and OCI, None for Raw.
	// +optional
	Algorithm CompressionAlgorithm `json:"algorithm,omitempty"`

	// Level of the algorithm: 1 to 19 for Zstd, 1 to 9 for Gzip and Zlib.
	// Default: one that is fast and near the best.
	// +kubebuilder:validation:Minimum=1
	// +kubebuilder:validation:Maximum=19
	// +optional
	Level *int32 `json:"level,omitempty"`
}

// An ExportMode says what of a disk is exported.
// +kubebuilder:validation:Enum=Full;Incremental
// +kubebuilder:validation:MaxLength=16
// +kubebuilder:validation:XValidation:rule="self != 'Incremental'",message="mode Incremental is not in this release; write mode: Full, or leave it out"
type ExportMode string

// The modes of an export.
const (
	// ModeFull exports the whole disk each time.
	ModeFull ExportMode = "Full"
)

// An ArtifactVerification says how an artifact is verified at its target.
// +kubebuilder:validation:Enum=Checksum;ReadBack
// +kubebuilder:validation:MaxLength=16
type ArtifactVerification string

// The verifications of an artifact.
const (
	// VerifyChecksum compares size and checksum with what the target says.
	VerifyChecksum ArtifactVerification = "Checksum"

	// VerifyReadBack reads the whole artifact from its target and compares.
	VerifyReadBack ArtifactVerification = "ReadBack"
)

// A Retention says what becomes of an artifact or a claim when the resource that
// made it is deleted.
// +kubebuilder:validation:Enum=Retain;Delete
// +kubebuilder:validation:MaxLength=16
type Retention string

// The retentions.
const (
	// RetentionRetain leaves it where it is.
	RetentionRetain Retention = "Retain"

	// RetentionDelete removes it. An artifact that somebody has replaced stays.
	RetentionDelete Retention = "Delete"
)

// DiskExportParameters say which disk becomes which artifact. Until there is
// an artifact a change begins the export anew; afterwards source and target
// stay, and everything else takes effect with the next trigger.
// +kubebuilder:validation:XValidation:rule="!has(self.format) || has(self.target.registry) == (self.format == 'OCI')",message="write format: OCI for a registry, which takes containerDisks only, and Raw or QCOW2 for every other target; or leave format out"
// +kubebuilder:validation:XValidation:rule="!has(self.compression.algorithm) || self.compression.algorithm != 'Zlib' || (!has(self.target.registry) && (!has(self.format) || self.format == 'QCOW2'))",message="Zlib is for QCOW2; write Zstd, Gzip or None for Raw and OCI"
// +kubebuilder:validation:XValidation:rule="!has(self.compression.algorithm) || self.compression.algorithm != 'Gzip' || has(self.target.registry) || (has(self.format) && self.format == 'Raw')",message="Gzip is for Raw and OCI; write Zstd, Zlib or None for QCOW2"
// +kubebuilder:validation:XValidation:rule="!has(self.source.pvc) || !has(self.target.pvc) || self.source.pvc.name != self.target.pvc.name",message="name another claim in target.pvc than in source.pvc: the artifact cannot stand on the disk that it is made of"
// +kubebuilder:validation:XValidation:rule="!has(self.retention) || self.retention != 'Delete' || !has(self.target.http)",message="write retention: Retain for target.http, or leave retention out: a web server takes the artifact and cannot be asked to remove it"
type DiskExportParameters struct {
	// Source is the disk that is read: exactly one member.
	Source ExportSource `json:"source"`

	// Consistency says how the disk is read when a pod writes to its volume:
	// Auto takes a snapshot then, Offline waits until none does, Snapshot
	// always takes one. status.atProvider.consistency says what was obtained.
	// Default: Auto.
	// +kubebuilder:default=Auto
	// +optional
	Consistency Consistency `json:"consistency,omitempty"`

	// Format of the artifact. Default: OCI (a KubeVirt containerDisk) for a
	// registry, QCOW2 for every other target.
	// +optional
	Format ArtifactFormat `json:"format,omitempty"`

	// Compression of the artifact.
	// +kubebuilder:default={}
	// +optional
	Compression Compression `json:"compression,omitempty"`

	// Mode: Full, the whole disk each time. Default: Full.
	// +kubebuilder:default=Full
	// +optional
	Mode ExportMode `json:"mode,omitempty"`

	// Verification of the artifact at its target: Checksum compares size and
	// checksum with what the target says, ReadBack reads all of it. Default:
	// Checksum.
	// +kubebuilder:default=Checksum
	// +optional
	Verification ArtifactVerification `json:"verification,omitempty"`

	// Target is where the artifact goes: exactly one member.
	Target ExportTarget `json:"target"`

	// Retention says what becomes of the artifact when the DiskExport is
	// deleted: Retain leaves it, Delete removes it unless somebody has
	// replaced it. Web servers (target.http) know Retain only. Default: Retain.
	// +kubebuilder:default=Retain
	// +optional
	Retention Retention `json:"retention,omitempty"`

	// Trigger runs the export again whenever it gets another value, such as a
	// date that a schedule writes. A run that goes on is ended first.
	// +kubebuilder:validation:MaxLength=256
	// +optional
	Trigger string `json:"trigger,omitempty"`

	// Transfer tunes how the data is moved.
	// +kubebuilder:default={}
	// +optional
	Transfer Transfer `json:"transfer,omitempty"`
}

// A DiskExportSpec is what is wanted of a DiskExport.
type DiskExportSpec struct {
	xpv2.ManagedResourceSpec `json:",inline"`

	// ForProvider is what is exported, and where to.
	ForProvider DiskExportParameters `json:"forProvider"`
}

// An ExportPhase is how far an export is.
// +kubebuilder:validation:Enum=Pending;Exporting;Succeeded;Failed
type ExportPhase string

// The phases of an export.
const (
	// ExportPhasePending exports have not begun to move data.
	ExportPhasePending ExportPhase = "Pending"

	// ExportPhaseExporting exports move data.
	ExportPhaseExporting ExportPhase = "Exporting"

	// ExportPhaseSucceeded exports have their artifact: whole and verified.
	ExportPhaseSucceeded ExportPhase = "Succeeded"

	// ExportPhaseFailed exports need a change before they can go on.
	ExportPhaseFailed ExportPhase = "Failed"
)

// An ArtifactObservation is what an export made.
type ArtifactObservation struct {
	// URI of the artifact, such as s3://bucket/key or docker://image@digest.
	// +optional
	URI string `json:"uri,omitempty"`

	// Format of the artifact: Raw, QCOW2 or OCI.
	// +optional
	Format string `json:"format,omitempty"`

	// Digest of the artifact's bytes, sha256:…; of an image, its manifest's;
	// of a compressed qcow2 image in a bucket that was not read back,
	// crc64nvme:…. It is what a DiskImport's checksum wants, but for an
	// image's, which stands in the URI.
	// +optional
	Digest string `json:"digest,omitempty"`

	// Size of the artifact in bytes; of an image, its layer's.
	// +optional
	Size int64 `json:"size,omitempty"`

	// ContentDigest of the disk's raw bytes, fsverity:sha256:…: what
	// `fsverity digest` says of disk.img, and `mover digest` of a device.
	// +optional
	ContentDigest string `json:"contentDigest,omitempty"`

	// Validator is the target's own name for this artifact, such as an ETag.
	// +optional
	Validator string `json:"validator,omitempty"`

	// VersionID of the artifact, where its bucket keeps versions.
	// +optional
	VersionID string `json:"versionID,omitempty"`

	// Volume that the artifact is on, where the target is a claim.
	// +optional
	Volume string `json:"volume,omitempty"`
}

// An ExportRun is one run of an export that has ended.
type ExportRun struct {
	// Trigger that the run answered.
	// +optional
	Trigger string `json:"trigger,omitempty"`

	// StartTime is when the mover was started.
	StartTime metav1.Time `json:"startTime"`

	// CompletionTime is when the artifact was whole and verified; a run that
	// failed has none.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`

	// Phase in which it ended: Succeeded or Failed.
	Phase ExportPhase `json:"phase"`

	// Reason why it failed.
	// +optional
	Reason string `json:"reason,omitempty"`

	// Consistency that was obtained: Offline or Snapshot.
	// +optional
	Consistency Consistency `json:"consistency,omitempty"`

	// Digest of the artifact, as in artifact.
	// +optional
	Digest string `json:"digest,omitempty"`

	// Size of the artifact in bytes.
	// +optional
	Size int64 `json:"size,omitempty"`

	// ContentDigest of the disk's raw bytes, fsverity:sha256:….
	// +optional
	ContentDigest string `json:"contentDigest,omitempty"`

	// Note says in a sentence what was unusual: that what an attempt before had
	// sent did not fit, or that other files stand beside the disk.
	// +optional
	Note string `json:"note,omitempty"`
}

// A DiskExportObservation is what was observed of an export.
type DiskExportObservation struct {
	// Phase of the export.
	// +optional
	Phase ExportPhase `json:"phase,omitempty"`

	// Progress of the transfer.
	// +optional
	Progress *Progress `json:"progress,omitempty"`

	// Message says in a sentence what happens, or what is wrong and what can
	// be done about it.
	// +optional
	Message string `json:"message,omitempty"`

	// Artifact that the last run which succeeded made.
	// +optional
	Artifact *ArtifactObservation `json:"artifact,omitempty"`

	// Bucket that the target's bucketRef or bucketSelector led to.
	// +optional
	Bucket *UsedBucket `json:"bucket,omitempty"`

	// Consistency that was obtained: Offline, a volume that no pod wrote to,
	// or Snapshot, the content of one moment.
	// +optional
	Consistency Consistency `json:"consistency,omitempty"`

	// ClaimName is the claim whose disk is exported.
	// +optional
	ClaimName string `json:"claimName,omitempty"`

	// LastTrigger is the trigger of the last run that ended; not set before
	// the first one has.
	// +optional
	LastTrigger *string `json:"lastTrigger,omitempty"`

	// History of the last runs, the newest first.
	// +kubebuilder:validation:MaxItems=10
	// +listType=atomic
	// +optional
	History []ExportRun `json:"history,omitempty"`

	// StartTime is when the mover of the present or last run was started.
	// +optional
	StartTime *metav1.Time `json:"startTime,omitempty"`

	// CompletionTime is when the artifact of that run was whole and verified;
	// a run that goes on or failed has none.
	// +optional
	CompletionTime *metav1.Time `json:"completionTime,omitempty"`
}

// A DiskExportStatus is the observed state of a DiskExport.
type DiskExportStatus struct {
	xpv2.ManagedResourceStatus `json:",inline"`

	// AtProvider is what was observed.
	// +optional
	AtProvider DiskExportObservation `json:"atProvider,omitempty"`
}

// A DiskExport makes an artifact of a disk: an object in a bucket, an image in
// a registry, an upload, or a file on another claim. The artifact appears
// under its name when it is whole and verified, never before.
//
// The Secret of writeConnectionSecretToRef leads to the artifact: uri and
// digest, and what the source of a DiskImport wants. For s3 these are endpoint,
// region, bucket, key and versionID (where the bucket keeps versions); for
// registry image, by its digest; for http url, unless it was posted.
// Credentials are not in it.
// +kubebuilder:object:root=true
// +kubebuilder:subresource:status
// +kubebuilder:printcolumn:name="READY",type="string",JSONPath=".status.conditions[?(@.type=='Ready')].status"
// +kubebuilder:printcolumn:name="SYNCED",type="string",JSONPath=".status.conditions[?(@.type=='Synced')].status"
// +kubebuilder:printcolumn:name="EXTERNAL-NAME",type="string",JSONPath=".metadata.annotations.crossplane\\.io/external-name"
// +kubebuilder:printcolumn:name="PHASE",type="string",JSONPath=".status.atProvider.phase"
// +kubebuilder:printcolumn:name="PERCENT",type="integer",JSONPath=".status.atProvider.progress.percent"
// +kubebuilder:printcolumn:name="SPEED",type="string",JSONPath=".status.atProvider.progress.speed"
// +kubebuilder:printcolumn:name="AGE",type="date",JSONPath=".metadata.creationTimestamp"
// +kubebuilder:printcolumn:name="TRIGGER",type="string",JSONPath=".status.atProvider.lastTrigger",priority=1
// +kubebuilder:printcolumn:name="SIZE",type="integer",JSONPath=".status.atProvider.artifact.size",priority=1
// +kubebuilder:printcolumn:name="DIGEST",type="string",JSONPath=".status.atProvider.artifact.digest",priority=1
// +kubebuilder:printcolumn:name="MESSAGE",type="string",JSONPath=".status.atProvider.message",priority=1
// +kubebuilder:resource:scope=Namespaced,categories={crossplane,managed,novasphere}
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?artifact.hasValue() || self.spec.forProvider.source == oldSelf.spec.forProvider.source",message="there is an artifact of this disk: the source cannot change; make another DiskExport for the other disk"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?artifact.hasValue() || (has(self.spec.forProvider.target.s3) == has(oldSelf.spec.forProvider.target.s3) && (!has(self.spec.forProvider.target.s3) || self.spec.forProvider.target.s3.key == oldSelf.spec.forProvider.target.s3.key))",message="there is an artifact at this target: the target cannot change; make another DiskExport for the other target"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?artifact.hasValue() || !has(self.spec.forProvider.target.s3) || !has(oldSelf.spec.forProvider.target.s3) || (has(self.spec.forProvider.target.s3.bucket) == has(oldSelf.spec.forProvider.target.s3.bucket) && (!has(self.spec.forProvider.target.s3.bucket) || self.spec.forProvider.target.s3.bucket == oldSelf.spec.forProvider.target.s3.bucket))",message="there is an artifact at this target: the target cannot change; make another DiskExport for the other target"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?artifact.hasValue() || !has(self.spec.forProvider.target.s3) || !has(oldSelf.spec.forProvider.target.s3) || (has(self.spec.forProvider.target.s3.bucketSelector) == has(oldSelf.spec.forProvider.target.s3.bucketSelector) && has(self.spec.forProvider.target.s3.bucketRef) == has(oldSelf.spec.forProvider.target.s3.bucketRef) && (!has(self.spec.forProvider.target.s3.bucketRef) || self.spec.forProvider.target.s3.bucketRef.name == oldSelf.spec.forProvider.target.s3.bucketRef.name))",message="there is an artifact at this target: the target cannot change; make another DiskExport for the other target"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?artifact.hasValue() || (!has(self.spec.forProvider.target.s3) || !has(oldSelf.spec.forProvider.target.s3) || (has(self.spec.forProvider.target.s3.endpoint) == has(oldSelf.spec.forProvider.target.s3.endpoint) && (!has(self.spec.forProvider.target.s3.endpoint) || self.spec.forProvider.target.s3.endpoint == oldSelf.spec.forProvider.target.s3.endpoint)))",message="there is an artifact at this target: the target cannot change; make another DiskExport for the other target"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?artifact.hasValue() || (has(self.spec.forProvider.target.registry) == has(oldSelf.spec.forProvider.target.registry) && (!has(self.spec.forProvider.target.registry) || self.spec.forProvider.target.registry.image == oldSelf.spec.forProvider.target.registry.image))",message="there is an artifact at this target: the target cannot change; make another DiskExport for the other target"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?artifact.hasValue() || (has(self.spec.forProvider.target.http) == has(oldSelf.spec.forProvider.target.http) && (!has(self.spec.forProvider.target.http) || self.spec.forProvider.target.http.url == oldSelf.spec.forProvider.target.http.url))",message="there is an artifact at this target: the target cannot change; make another DiskExport for the other target"
// +kubebuilder:validation:XValidation:rule="!oldSelf.?status.?atProvider.?artifact.hasValue() || (has(self.spec.forProvider.target.pvc) == has(oldSelf.spec.forProvider.target.pvc) && (!has(self.spec.forProvider.target.pvc) || (self.spec.forProvider.target.pvc.name == oldSelf.spec.forProvider.target.pvc.name && self.spec.forProvider.target.pvc.path == oldSelf.spec.forProvider.target.pvc.path)))",message="there is an artifact at this target: the target cannot change; make another DiskExport for the other target"
type DiskExport struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec   DiskExportSpec   `json:"spec"`
	Status DiskExportStatus `json:"status,omitempty"`
}

// DiskExportList is a list of DiskExports.
// +kubebuilder:object:root=true
type DiskExportList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`
	Items           []DiskExport `json:"items"`
}
