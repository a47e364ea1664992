// SPDX-License-Identifier: Apache-2.0

// Package origin finds the disk that a DiskImport clones, and whether it may: a
// disk in another namespace is cloned in the provider's name, so that it is
// asked first whether the namespace of the DiskImport has the right. What is in
// the way, and the way out, is a finding.
package origin

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/datavolume"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// annotationFilling is where CDI notes the phase of the pod that fills a claim.
const annotationFilling = "cdi.kubevirt.io/storage.pod.phase"

// A Disk is the disk that is cloned, as far as it is found.
type Disk struct {
	// Problem is why it cannot be cloned now, or nil.
	Problem *diagnosis.Finding

	// Claim or Snapshot is what holds it; the other is empty.
	Claim    types.NamespacedName
	Snapshot types.NamespacedName

	// Usage of the claim.
	Usage volume.Usage
}

// Torn reports whether a pod that can write to the claim was there before the
// given time; zero: at any time.
func (d Disk) Torn(before time.Time) bool {
	for _, w := range d.Usage.Writers {
		if before.IsZero() || w.Since.Before(before) {
			return true
		}
	}
	return false
}

// Node is where a mover must run that reads the claim, or "".
func (d Disk) Node() string {
	if d.Usage.Shared() || len(d.Usage.Nodes) == 0 {
		return ""
	}
	return d.Usage.Nodes[0]
}

// Busy returns why the mover cannot copy the claim now, or nil. It has no way
// to read a moment of a disk that is written to.
func (d Disk) Busy() *diagnosis.Finding {
	user := "A pod"
	switch {
	case len(d.Usage.Writers) > 0:
		user = fmt.Sprintf("Pod %q", d.Usage.Writers[0].Pod)
	case !d.Usage.Exclusive() || len(d.Usage.Nodes) == 0:
		return nil
	}
	return &diagnosis.Finding{Reason: v1alpha1.ReasonSourceInUse, Message: fmt.Sprintf(
		"%s uses claim %q: stop it while the disk is copied, or take a VolumeSnapshot and restore it to a claim that no pod uses, or install CDI, which clones what is in use by a snapshot where the storage has them.", user, d.Claim.Name)}
}

// rights says who may clone from where.
type rights interface {
	MayClone(ctx context.Context, tenant, namespace, name string) (bool, error)
}

// A Finder finds disks in one cluster.
type Finder struct {
	Rights  rights
	Disks   *volume.Client
	Copies  *snapshot.Client
	Volumes *datavolume.Client
}

// Find finds the disk that a DiskImport clones. It asks for rights before it
// looks into another namespace, so that whoever has none there is told the same
// whether there is something or not.
func (f Finder) Find(ctx context.Context, cr *v1alpha1.DiskImport) (Disk, error) {
	d, err := f.locate(ctx, cr)
	if err != nil || d.Problem != nil {
		return d, err
	}
	if d.Claim.Name == "" {
		return f.ofSnapshot(ctx, cr, d)
	}
	d.Usage, err = f.Disks.Usage(ctx, d.Claim, cr.GetUID())
	if err == nil {
		d.Problem = problemOf(d)
	}
	return d, err
}

// locate finds what holds the disk, and that it may be looked at.
func (f Finder) locate(ctx context.Context, cr *v1alpha1.DiskImport) (Disk, error) {
	s := cr.Spec.ForProvider.Source
	d := Disk{}
	var err error
	switch {
	case s.PVC != nil:
		d.Claim = key(cr, *s.PVC)
	case s.Snapshot != nil:
		d.Snapshot = key(cr, *s.Snapshot)
	case s.DataSource != nil:
		if d, err = f.follow(ctx, cr, key(cr, *s.DataSource)); err != nil || d.Problem != nil {
			return d, err
		}
	}
	if d.Claim.Name != "" {
		d.Problem, err = f.forbidden(ctx, cr, "claim", d.Claim)
	} else {
		d.Problem, err = f.forbidden(ctx, cr, "VolumeSnapshot", d.Snapshot)
	}
	return d, err
}

// follow finds what a DataSource points to. Where that is may be a third
// namespace, whose leave is asked for as well.
func (f Finder) follow(ctx context.Context, cr *v1alpha1.DiskImport, at types.NamespacedName) (Disk, error) {
	if p, err := f.forbidden(ctx, cr, "DataSource", at); err != nil || p != nil {
		return Disk{Problem: p}, err
	}
	p, err := f.Volumes.Resolve(ctx, at)
	if err != nil {
		return Disk{}, err
	}
	d := Disk{Claim: p.Claim, Snapshot: p.Snapshot}
	if p.None() {
		d.Problem = &diagnosis.Finding{Reason: v1alpha1.ReasonDataSourceNotFound, Message: fmt.Sprintf(
			"DataSource %q in namespace %q does not exist, or points to nothing yet: create it, or correct source.dataSource.", at.Name, at.Namespace)}
	}
	return d, nil
}

// Readers finds anew who uses a claim that the mover copies.
func (f Finder) Readers(ctx context.Context, cr *v1alpha1.DiskImport) (Disk, error) {
	d := Disk{Claim: key(cr, *cr.Spec.ForProvider.Source.PVC)}
	var err error
	d.Usage, err = f.Disks.Usage(ctx, d.Claim, cr.GetUID())
	return d, err
}

// forbidden says why something in another namespace may not be looked at and
// cloned, or nil.
func (f Finder) forbidden(ctx context.Context, cr *v1alpha1.DiskImport, kind string, at types.NamespacedName) (*diagnosis.Finding, error) {
	if p := confined(cr, at.Namespace); p != nil || at.Namespace == cr.GetNamespace() {
		return p, nil
	}
	may, err := f.Rights.MayClone(ctx, cr.GetNamespace(), at.Namespace, at.Name)
	if err != nil || may {
		return nil, err
	}
	return &diagnosis.Finding{Reason: v1alpha1.ReasonCloneForbidden, Message: fmt.Sprintf(
		"Namespace %q may not clone %s %q of namespace %q: grant its service account \"default\" the right to create datavolumes/source (cdi.kubevirt.io) of that name there, with a Role and a RoleBinding.", cr.GetNamespace(), kind, at.Name, at.Namespace)}, nil
}

// confined says that a namespaced configuration does not reach into another
// namespace, or nil.
func confined(cr *v1alpha1.DiskImport, namespace string) *diagnosis.Finding {
	ref := cr.GetProviderConfigReference()
	if namespace == cr.GetNamespace() || ref != nil && ref.Kind == configv1alpha1.ClusterProviderConfigKind {
		return nil
	}
	return &diagnosis.Finding{Reason: v1alpha1.ReasonCloneForbidden, Message: fmt.Sprintf(
		"A ProviderConfig does not reach into namespace %q: name a ClusterProviderConfig in spec.providerConfigRef to clone from another namespace.", namespace)}
}

func (f Finder) ofSnapshot(ctx context.Context, cr *v1alpha1.DiskImport, d Disk) (Disk, error) {
	s, err := f.Copies.Find(ctx, d.Snapshot, cr.GetUID())
	if err != nil {
		return d, err
	}
	if s == nil || s.Deleting {
		d.Problem = &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotNotFound, Message: fmt.Sprintf(
			"VolumeSnapshot %q does not exist in namespace %q: create it, or correct the source.", d.Snapshot.Name, d.Snapshot.Namespace)}
	}
	return d, nil
}

// problemOf is why there is no disk on a claim now, or nil.
func problemOf(d Disk) *diagnosis.Finding {
	u, at := d.Usage, d.Claim
	switch {
	case u.Claim == nil || u.Claim.GetDeletionTimestamp() != nil:
		return &diagnosis.Finding{Reason: v1alpha1.ReasonClaimNotFound, Message: fmt.Sprintf(
			"Claim %q does not exist in namespace %q: create it, or correct the source.", at.Name, at.Namespace)}
	case u.Volume == nil:
		return &diagnosis.Finding{Reason: v1alpha1.ReasonClaimNotBound, Message: fmt.Sprintf(
			"Claim %q in namespace %q is not bound to a volume, so there is nothing on it yet.", at.Name, at.Namespace)}
	}
	if o := metav1.GetControllerOf(u.Claim); o != nil && o.Kind == "DataVolume" {
		if phase := u.Claim.GetAnnotations()[annotationFilling]; phase != "" && phase != string(corev1.PodSucceeded) {
			return &diagnosis.Finding{Reason: v1alpha1.ReasonSourceInUse, Message: fmt.Sprintf(
				"DataVolume %q has not filled claim %q yet: the disk is cloned when it has.", o.Name, at.Name)}
		}
	}
	return nil
}

func key(cr *v1alpha1.DiskImport, s v1alpha1.CloneSource) types.NamespacedName {
	if s.Namespace == "" {
		s.Namespace = cr.GetNamespace()
	}
	return types.NamespacedName{Namespace: s.Namespace, Name: s.Name}
}
