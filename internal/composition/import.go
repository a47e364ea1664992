// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"fmt"
	"slices"
	"strings"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// The provider's configuration that every DiskImport uses.
const (
	configKind = "ClusterProviderConfig"
	configName = "default"
)

// What disks wait for. A sentence stays the same from the decision to compose
// something until it is there: Crossplane heeds a composite less that changes
// often.
const (
	waitingForImage  = "waiting for its image to be imported"
	waitingForClaim  = "waiting for its claim to be bound"
	waitingForExport = "waiting for it to be exported"
)

// importKey is the key of a disk's DiskImport among the composed resources.
func importKey(d vmv1alpha1.Disk) string { return "disk-" + d.Name }

// importDisk decides about the DiskImport that makes a disk, an empty one too.
func importDisk(in Input, d vmv1alpha1.Disk, size resource.Quantity) outcome {
	source, sentence := importSource(d)
	if sentence != "" {
		return refuse(in, d, sentence)
	}
	want := desiredImport(in, d, size, source)
	have := in.Imports[importKey(d)]
	if have == nil {
		return beginImport(in, d, want)
	}
	if field := changedAfterImport(d, have, want); field != "" {
		return refuse(in, d, settled(d, field))
	}
	o := observeImport(have)
	o.desire(importKey(d), Desired{Object: want, Ready: importReady(have)})
	return o
}

// settled says that a field of a disk cannot change, and what to do instead.
func settled(d vmv1alpha1.Disk, field string) string {
	if !hasSource(d) {
		return field + " cannot change any more: the disk is there; add a disk with another name"
	}
	return field + " cannot change any more: the disk has been imported; to import another image, add a disk with another name"
}

// beginImport is the outcome of a disk whose DiskImport is not there yet.
func beginImport(in Input, d vmv1alpha1.Disk, want *diskv1alpha1.DiskImport) outcome {
	need := Need{GVK: diskv1alpha1.DiskImportGroupVersionKind(), Namespace: in.Wukong.GetNamespace(), Name: want.GetName()}
	is, known := free(in, need)
	if known && !is {
		o := refuse(in, d, fmt.Sprintf(
			"a DiskImport %s that does not belong to this Wukong is there already; rename the disk or delete that DiskImport", want.GetName()))
		o.needs = []Need{need}
		return o
	}
	o := outcome{state: pending, needs: []Need{need}, waiting: waitingForClaim}
	if hasSource(d) {
		o.waiting, o.transfer = waitingForImage, &transfer{weight: size(want)}
		o.volume.ImportStatus = &vmv1alpha1.ImportStatus{Phase: vmv1alpha1.ImportPending, Progress: percentage(0), Message: diskv1alpha1.MessageStarting}
	}
	if known {
		o.desire(importKey(d), Desired{Object: want})
	}
	return o
}

// importSource is the image that a disk is filled with, or the disk that it is
// cloned from, or that it is empty; the sentence says why it cannot be used.
func importSource(d vmv1alpha1.Disk) (src diskv1alpha1.ImportSource, sentence string) {
	s := d.ImportSource
	switch {
	case !hasSource(d):
		src.Blank = &diskv1alpha1.BlankSource{}
		return src, ""
	case d.Image != "":
		r := diskv1alpha1.RegistrySource{}
		r.Image, sentence = imageName(d.Image)
		src.Registry = &r
		return src, sentence
	case d.DataSource != nil:
		src.DataSource = &diskv1alpha1.CloneSource{Name: string(d.DataSource.Name), Namespace: string(d.DataSource.Namespace)}
		return src, ""
	}
	switch s.Type {
	case vmv1alpha1.SourceHTTP, vmv1alpha1.SourceHTTPS:
		h := webServer(s.URL, s.HTTPConfig)
		src.HTTP = &h
	case vmv1alpha1.SourceS3:
		o := diskv1alpha1.S3Source{}
		o.S3Object, sentence = s3Object(s.S3Place, s.URL)
		src.S3 = &o
	case vmv1alpha1.SourceRegistry:
		r := diskv1alpha1.RegistrySource{RegistryAccess: registryAccess(s.RegistryConfig)}
		r.Image, sentence = imageName(s.URL)
		src.Registry = &r
	case vmv1alpha1.SourcePVC:
		src.PVC = &diskv1alpha1.CloneSource{Name: string(s.PVCConfig.Name), Namespace: string(s.PVCConfig.Namespace)}
	default:
		sentence = fmt.Sprintf("importSource of type %s is not in this release; write http, https, s3, registry or pvc", s.Type)
	}
	return src, sentence
}

// desiredImport is the DiskImport that a disk asks for.
func desiredImport(in Input, d vmv1alpha1.Disk, size resource.Quantity, source diskv1alpha1.ImportSource) *diskv1alpha1.DiskImport {
	meta := objectMeta(in, d)
	di := newImport(meta)
	p := &di.Spec.ForProvider
	p.Source, p.Retention = source, retention(d)
	if d.ImportSource != nil {
		p.Verification.Checksum = d.ImportSource.Checksum
	}
	p.Target = diskv1alpha1.Target{Name: meta.Name, Size: size, Labels: meta.Labels}
	if d.StorageClassName != "" {
		class := string(d.StorageClassName)
		p.Target.StorageClassName = &class
	}
	return di
}

// retention is what becomes of a disk that is not wanted any more. It may change
// whatever else is refused.
func retention(d vmv1alpha1.Disk) diskv1alpha1.Retention { return diskv1alpha1.Retention(d.Retention) }

func newImport(meta metav1.ObjectMeta) *diskv1alpha1.DiskImport {
	di := &diskv1alpha1.DiskImport{ObjectMeta: meta}
	di.SetGroupVersionKind(diskv1alpha1.DiskImportGroupVersionKind())
	di.SetProviderConfigReference(&xpv2.ProviderConfigReference{Kind: configKind, Name: configName})
	return di
}

// keepImport is the DiskImport as it was composed earlier.
func keepImport(in Input, d vmv1alpha1.Disk, have *diskv1alpha1.DiskImport) *diskv1alpha1.DiskImport {
	di := newImport(objectMeta(in, d))
	di.Spec.ForProvider.Source = have.Spec.ForProvider.Source
	di.Spec.ForProvider.Verification = have.Spec.ForProvider.Verification
	di.Spec.ForProvider.Target = have.Spec.ForProvider.Target
	di.Spec.ForProvider.Retention = retention(d)
	return di
}

// sourceField is the field in which a disk names its source.
func sourceField(d vmv1alpha1.Disk) string {
	switch {
	case d.Image != "":
		return "image"
	case d.DataSource != nil:
		return "dataSource"
	}
	return "importSource"
}

// changedAfterImport names the field of a disk that cannot change because its
// DiskImport is done. Until then a DiskImport begins anew with what changed.
func changedAfterImport(d vmv1alpha1.Disk, have, want *diskv1alpha1.DiskImport) string {
	h, w := have.Spec.ForProvider, want.Spec.ForProvider
	switch {
	case have.Status.AtProvider.CompletionTime == nil:
		return ""
	case !equality.Semantic.DeepEqual(sorted(h.Source), sorted(w.Source)):
		return sourceField(d)
	case h.Verification != w.Verification:
		return "importSource.checksum"
	case !equality.Semantic.DeepEqual(h.Target.StorageClassName, w.Target.StorageClassName):
		return "storageClassName"
	}
	return ""
}

// sorted is the source with its headers in an order that can be compared: the
// API server may keep another.
func sorted(s diskv1alpha1.ImportSource) diskv1alpha1.ImportSource {
	if s.HTTP == nil {
		return s
	}
	h := *s.HTTP
	h.Headers = slices.Clone(h.Headers)
	slices.SortFunc(h.Headers, func(a, b diskv1alpha1.Header) int { return strings.Compare(a.Name, b.Name) })
	s.HTTP = &h
	return s
}

// importReady reports whether the claim of a DiskImport is there.
func importReady(have *diskv1alpha1.DiskImport) bool {
	return have.GetCondition(xpv2.TypeReady).Status == corev1.ConditionTrue
}

// observeImport says where a disk stands whose DiskImport is there.
func observeImport(have *diskv1alpha1.DiskImport) outcome {
	if have.Spec.ForProvider.Source.Blank != nil {
		return observeBlank(have)
	}
	at := have.Status.AtProvider
	o := outcome{state: preparing, waiting: waitingForImage, transfer: &transfer{weight: size(have)}}
	s := &vmv1alpha1.ImportStatus{Phase: vmv1alpha1.ImportPhase(at.Phase), Message: at.Message}
	o.volume.ImportStatus = s
	if p := at.Progress; p != nil {
		o.transfer.percent = p.Percent
	}
	switch at.Phase {
	case diskv1alpha1.PhaseSucceeded:
		o.transfer.percent = 100
		o.volume.PVCName = at.ClaimName
		if importReady(have) {
			o.state, o.waiting, o.volume.Bound = bound, "", true
		}
	case diskv1alpha1.PhaseFailed:
		o.state = failed
	case diskv1alpha1.PhaseImporting:
		if at.Progress != nil {
			o.transfer.speed = at.Progress.BytesPerSecond
		}
		s.Speed = perSecond(o.transfer.speed)
	case diskv1alpha1.PhasePending:
	default:
		s.Phase, s.Message = vmv1alpha1.ImportPending, diskv1alpha1.MessageStarting
	}
	s.Progress = percentage(o.transfer.percent)
	if sentence := o.hinder(have); sentence != "" {
		s.Message = sentence
	}
	return o
}

// observeBlank says where an empty disk stands whose DiskImport is there.
func observeBlank(have *diskv1alpha1.DiskImport) outcome {
	o := outcome{state: preparing, waiting: waitingForClaim}
	o.volume.PVCName = have.Status.AtProvider.ClaimName
	switch {
	case have.Status.AtProvider.Phase != diskv1alpha1.PhaseSucceeded || !importReady(have):
	case have.GetCondition(diskv1alpha1.TypeTransferring).Reason == diskv1alpha1.ReasonWaitingForFirstConsumer:
		o.state, o.waiting = idle, "its claim is bound when a pod uses it first, as its StorageClass has it"
	default:
		o.state, o.waiting, o.volume.Bound = bound, "", true
	}
	o.hinder(have)
	return o
}

// hinder says what somebody must change about a disk: before it is there, or,
// of one that is there, because it cannot become what is asked for now.
func (o *outcome) hinder(have *diskv1alpha1.DiskImport) (sentence string) {
	at, stalled := have.Status.AtProvider, have.GetCondition(diskv1alpha1.TypeStalled)
	switch {
	case !o.done():
		sentence = hindrance(have, at.Phase == diskv1alpha1.PhaseFailed, at.Message)
		if sentence != "" {
			o.fail(sentence)
		}
	case stalled.Status == corev1.ConditionTrue:
		sentence = stalled.Message
		o.refused, o.problems = true, append(o.problems, sentence)
	}
	return sentence
}

// conditioned is what has conditions.
type conditioned interface {
	GetCondition(t xpv2.ConditionType) xpv2.Condition
}

// hindrance says what somebody must change before a transfer can go on; empty
// when it goes on by itself. A transfer that has failed says so in a message.
func hindrance(have conditioned, failed bool, message string) string {
	stalled, synced := have.GetCondition(diskv1alpha1.TypeStalled), have.GetCondition(xpv2.TypeSynced)
	switch {
	case synced.Status == corev1.ConditionFalse:
		return synced.Message
	case stalled.Status == corev1.ConditionTrue:
		return stalled.Message
	case failed:
		return message
	}
	return ""
}

// size of a DiskImport's disk in bytes.
func size(di *diskv1alpha1.DiskImport) int64 { return di.Spec.ForProvider.Target.Size.Value() }
