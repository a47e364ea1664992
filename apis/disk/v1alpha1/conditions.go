// SPDX-License-Identifier: Apache-2.0

package v1alpha1

import (
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The conditions of a resource that moves a disk, beside Ready and Synced.
const (
	// TypeTransferring says whether a mover moves data now.
	TypeTransferring xpv2.ConditionType = "Transferring"

	// TypeVerified says whether the bytes have the checksum that was asked
	// for.
	TypeVerified xpv2.ConditionType = "Verified"

	// TypeStalled says whether the resource waits for somebody to change
	// something.
	TypeStalled xpv2.ConditionType = "Stalled"

	// TypeFeaturesApplied says whether a bucket has all that is asked for.
	TypeFeaturesApplied xpv2.ConditionType = "FeaturesApplied"
)

// A Reason says in one typed word why a resource is not Ready, or has another
// condition. Beside those below a condition can have the reasons of a mover's
// result, which internal/transfer lists.
type Reason = xpv2.ConditionReason

// Reasons why an import cannot begin. Each heals by itself when what it names
// is put right.
const (
	// ReasonProviderConfigNotFound: the configuration that is named, or the
	// Secret that it names, does not exist. A resource that names none uses the
	// ClusterProviderConfig called default.
	ReasonProviderConfigNotFound Reason = "ProviderConfigNotFound"

	// ReasonProviderConfigInvalid: the kubeconfig of the configuration cannot be
	// used; the message says why.
	ReasonProviderConfigInvalid Reason = "ProviderConfigInvalid"

	// ReasonSecretNotFound: a Secret that the resource names does not exist in
	// its namespace: create it, or correct the reference to it.
	ReasonSecretNotFound  Reason = "SecretNotFound"
	ReasonSecretMalformed Reason = "SecretMalformed"

	// ReasonConfigMapNotFound: a ConfigMap that the resource names does not exist
	// in its namespace: create it, or correct the reference to it.
	ReasonConfigMapNotFound     Reason = "ConfigMapNotFound"
	ReasonConfigMapMalformed    Reason = "ConfigMapMalformed"
	ReasonStorageClassNotFound  Reason = "StorageClassNotFound"
	ReasonNoDefaultStorageClass Reason = "NoDefaultStorageClass"
	ReasonMoverImageUnknown     Reason = "MoverImageUnknown"
	ReasonNamespaceNotFound     Reason = "NamespaceNotFound"
	ReasonNamespaceTerminating  Reason = "NamespaceTerminating"
	ReasonQuotaExceeded         Reason = "QuotaExceeded"
	ReasonAccessDenied          Reason = "AccessDenied"
	ReasonAdmissionRefused      Reason = "AdmissionRefused"
	ReasonClaimConflict         Reason = "ClaimConflict"
)

// Reasons why a disk cannot be cloned. Each heals by itself when what it names
// is put right; ReasonCDIFailed, when something is changed.
const (
	// ReasonCDIMissing: only CDI can do it, and the cluster has none.
	ReasonCDIMissing Reason = "CDIMissing"

	// ReasonCDIFailed: CDI cannot go on; the message has its words.
	ReasonCDIFailed Reason = "CDIFailed"

	// ReasonCloneForbidden: the disk is in another namespace, and nobody has
	// granted this one the right to clone it.
	ReasonCloneForbidden Reason = "CloneForbidden"

	// ReasonEngineUnsuited: the engine cannot do what is asked for.
	ReasonEngineUnsuited Reason = "EngineUnsuited"

	// ReasonDataSourceNotFound: CDI's DataSource is not there, or points to
	// nothing.
	ReasonDataSourceNotFound Reason = "DataSourceNotFound"
)

// Reasons why an export cannot begin, or what it was is no more. Each heals by
// itself when what it names is put right.
const (
	ReasonClaimNotFound        Reason = "ClaimNotFound"
	ReasonClaimNotBound        Reason = "ClaimNotBound"
	ReasonClaimUnsuitable      Reason = "ClaimUnsuitable"
	ReasonSnapshotNotFound     Reason = "SnapshotNotFound"
	ReasonSnapshotPending      Reason = "SnapshotPending"
	ReasonSnapshotFailed       Reason = "SnapshotFailed"
	ReasonSnapshotsUnsupported Reason = "SnapshotsUnsupported"
	ReasonSourceInUse          Reason = "SourceInUse"

	// ReasonKubeVirtMissing: the cluster has no KubeVirt: name the disk's claim
	// in source.pvc instead of source.virtualMachine.
	ReasonKubeVirtMissing Reason = "KubeVirtMissing"

	// ReasonVirtualMachineNotFound: the VirtualMachine does not exist in the
	// namespace: correct source.virtualMachine.name.
	ReasonVirtualMachineNotFound Reason = "VirtualMachineNotFound"

	// ReasonDiskNotFound: the VirtualMachine has no volume of that name, or one
	// that is not on a claim; the message lists those that it has.
	ReasonDiskNotFound    Reason = "DiskNotFound"
	ReasonArtifactMissing Reason = "ArtifactMissing"
	ReasonArtifactChanged Reason = "ArtifactChanged"

	// ReasonRemovalFailed: the artifact cannot be removed. Correct what the
	// message says and delete the Job that it names to try again, or set
	// retention: Retain to leave the artifact.
	ReasonRemovalFailed Reason = "RemovalFailed"
)

// Reasons why an import that has begun does not go on.
const (
	ReasonVolumePending   Reason = "VolumePending"
	ReasonVolumeLost      Reason = "VolumeLost"
	ReasonUnschedulable   Reason = "Unschedulable"
	ReasonImagePullFailed Reason = "ImagePullFailed"
	ReasonPodRefused      Reason = "PodRefused"
	ReasonContainerStuck  Reason = "ContainerStuck"
	ReasonOutOfMemory     Reason = "OutOfMemory"
	ReasonEvicted         Reason = "Evicted"
	ReasonNodeLost        Reason = "NodeLost"
	ReasonMoverCrashed    Reason = "MoverCrashed"
	ReasonNoProgress      Reason = "NoProgress"
	ReasonClaimLost       Reason = "ClaimLost"

	// ReasonExpansionRefused: the disk should grow, and its storage class does
	// not let claims grow: set allowVolumeExpansion on the class, if its driver
	// can do it, or make a larger disk beside it.
	ReasonExpansionRefused Reason = "ExpansionRefused"

	// ReasonDeadlineExceeded: all attempts together took longer than
	// transfer.deadline: raise it, or make the link faster.
	ReasonDeadlineExceeded Reason = "DeadlineExceeded"
	ReasonRetriesExhausted Reason = "RetriesExhausted"
)

// Reasons why a bucket is not as it should be, or cannot be deleted. Each heals
// by itself when what it names is put right.
const (
	// ReasonBucketConflict: a bucket of that name exists and was not made by
	// this ImageBucket. Choose another name, or adopt it by the annotation
	// crossplane.io/external-name.
	ReasonBucketConflict Reason = "BucketConflict"

	// ReasonBucketNotEmpty: the ImageBucket is deleted, the bucket holds
	// something, and deletion.policy is Refuse. Remove it, or set Empty.
	ReasonBucketNotEmpty Reason = "BucketNotEmpty"

	// ReasonObjectsLocked: the bucket cannot be emptied, because object lock
	// keeps what it holds; the message says what, and until when.
	ReasonObjectsLocked Reason = "ObjectsLocked"

	// ReasonWrongRegion: the bucket is in another region; the message says in
	// which, where the store does.
	ReasonWrongRegion Reason = "WrongRegion"

	// ReasonCredentialsRefused: the store does not know the keys of secretRef,
	// or they have expired.
	ReasonCredentialsRefused Reason = "CredentialsRefused"

	// ReasonStoreDenies: the store knows the keys, and does not give them the
	// right to do this; or the bucket is somebody else's.
	ReasonStoreDenies Reason = "StoreDenies"

	// ReasonSettingRefused: the store does not take a setting as it is written;
	// the message has its words. It is asked again when the setting changes.
	ReasonSettingRefused Reason = "SettingRefused"

	// ReasonUnsupported: the store cannot do some of what is asked for; the
	// condition FeaturesApplied names it. The bucket is ready all the same.
	ReasonUnsupported Reason = "Unsupported"

	ReasonPolicyDenied Reason = "PolicyDenied"
	ReasonApplied      Reason = "Applied"
)

// Reasons why a reference to an ImageBucket leads nowhere yet.
const (
	// ReasonBucketNotFound: bucketRef or bucketSelector leads to no ImageBucket
	// of the namespace.
	ReasonBucketNotFound Reason = "BucketNotFound"

	// ReasonBucketNotReady: the ImageBucket is not ready yet; its own message
	// says why.
	ReasonBucketNotReady Reason = "BucketNotReady"

	// ReasonBucketAmbiguous: bucketSelector fits several ImageBuckets.
	ReasonBucketAmbiguous Reason = "BucketAmbiguous"

	// ReasonBucketWithoutSecret: the ImageBucket writes no connection Secret:
	// set its spec.writeConnectionSecretToRef.
	ReasonBucketWithoutSecret Reason = "BucketWithoutSecret"
)

// Reasons of conditions that are as they should be.
const (
	ReasonPending    Reason = "Pending"
	ReasonRunning    Reason = "Running"
	ReasonPublishing Reason = "Publishing"
	ReasonComplete   Reason = "Complete"

	// ReasonWaitingForFirstConsumer: the disk is empty, and its storage class
	// binds its claim to the first pod that uses it.
	ReasonWaitingForFirstConsumer Reason = "WaitingForFirstConsumer"

	ReasonFailed        Reason = "Failed"
	ReasonProgressing   Reason = "Progressing"
	ReasonChecksumHolds Reason = "ChecksumHolds"
	ReasonNoChecksum    Reason = "NoChecksum"
)

func condition(t xpv2.ConditionType, s corev1.ConditionStatus, r Reason) xpv2.Condition {
	return xpv2.Condition{Type: t, Status: s, LastTransitionTime: metav1.Now(), Reason: r}
}

// NotReady is the Ready condition of a resource whose disk is not there yet,
// or no more, and why.
func NotReady(r Reason, message string) xpv2.Condition {
	return condition(xpv2.TypeReady, corev1.ConditionFalse, r).WithMessage(message)
}

// Transferring is the condition of a resource whose mover moves data.
func Transferring() xpv2.Condition {
	return condition(TypeTransferring, corev1.ConditionTrue, ReasonRunning)
}

// NotTransferring is the condition of a resource whose mover does not move
// data, and why.
func NotTransferring(r Reason) xpv2.Condition {
	return condition(TypeTransferring, corev1.ConditionFalse, r)
}

// Verified is the condition of a resource whose bytes have the checksum that
// was asked for.
func Verified() xpv2.Condition {
	return condition(TypeVerified, corev1.ConditionTrue, ReasonChecksumHolds)
}

// NotVerified is the condition of a resource whose bytes are known not to be
// what was asked for, and why.
func NotVerified(r Reason) xpv2.Condition {
	return condition(TypeVerified, corev1.ConditionFalse, r)
}

// Unverified is the condition of a resource of whose bytes nothing can be
// said, and why.
func Unverified(r Reason) xpv2.Condition {
	return condition(TypeVerified, corev1.ConditionUnknown, r)
}

// Stalled is the condition of a resource that waits for somebody to change
// something, and what.
func Stalled(r Reason, message string) xpv2.Condition {
	return condition(TypeStalled, corev1.ConditionTrue, r).WithMessage(message)
}

// NotStalled is the condition of a resource that goes on by itself, or that
// has come to its end.
func NotStalled(r Reason) xpv2.Condition {
	return condition(TypeStalled, corev1.ConditionFalse, r)
}

// FeaturesApplied is the condition of a bucket that has all that is asked for.
func FeaturesApplied(r Reason) xpv2.Condition {
	return condition(TypeFeaturesApplied, corev1.ConditionTrue, r)
}

// FeaturesNotApplied is the condition of a bucket that lacks something, and what.
func FeaturesNotApplied(r Reason, message string) xpv2.Condition {
	return condition(TypeFeaturesApplied, corev1.ConditionFalse, r).WithMessage(message)
}
