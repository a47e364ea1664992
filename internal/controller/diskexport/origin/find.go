// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/machine"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// annotationFilling is where CDI notes the phase of the pod that fills a claim.
const annotationFilling = "cdi.kubevirt.io/storage.pod.phase"

// A Finder finds disks in one cluster.
type Finder struct {
	Kube   client.Reader
	Disks  *volume.Client
	Copies *snapshot.Client
}

// Find finds the disk of an export. taken is the snapshot that the export has
// taken of it, if any.
func (f Finder) Find(ctx context.Context, cr *v1alpha1.DiskExport, taken snapshot.State) (Disk, error) {
	switch s := cr.Spec.ForProvider.Source; {
	case s.PVC != nil:
		return f.ofClaim(ctx, cr, s.PVC.Name, taken)
	case s.Snapshot != nil:
		return f.ofSnapshot(ctx, cr, s.Snapshot.Name)
	case s.VirtualMachine != nil:
		return f.ofMachine(ctx, cr, taken)
	}
	return Disk{}, errors.New("cannot export: the source has no member")
}

func (f Finder) ofMachine(ctx context.Context, cr *v1alpha1.DiskExport, taken snapshot.State) (Disk, error) {
	vm := cr.Spec.ForProvider.Source.VirtualMachine
	claim, err := machine.Claim(ctx, f.Kube, types.NamespacedName{Namespace: cr.GetNamespace(), Name: vm.Name}, vm.Disk)
	var p *machine.Problem
	if errors.As(err, &p) {
		return Disk{Problem: &diagnosis.Finding{Reason: reasonOf(p.Lack), Message: p.Message}}, nil
	}
	if err != nil {
		return Disk{}, err
	}
	return f.ofClaim(ctx, cr, claim, taken)
}

func reasonOf(l machine.Lack) v1alpha1.Reason {
	switch l {
	case machine.LackKubeVirt:
		return v1alpha1.ReasonKubeVirtMissing
	case machine.LackMachine:
		return v1alpha1.ReasonVirtualMachineNotFound
	case machine.LackDisk:
	}
	return v1alpha1.ReasonDiskNotFound
}

func (f Finder) ofClaim(ctx context.Context, cr *v1alpha1.DiskExport, name string, taken snapshot.State) (Disk, error) {
	o := Disk{}
	var err error
	if o.Usage, err = f.Disks.Usage(ctx, types.NamespacedName{Namespace: cr.GetNamespace(), Name: name}, cr.GetUID()); err != nil {
		return o, err
	}
	if o.Problem = problemOf(cr, name, o.Usage); o.Problem != nil {
		return o, nil
	}
	o.Mode, o.StorageClass = o.Usage.Mode(), ptr.Deref(o.Usage.Claim.Spec.StorageClassName, "")
	o.Size = restoredSize(o.Usage, taken.Snapshot)
	if o.Busy() || cr.Spec.ForProvider.Consistency == v1alpha1.ConsistencySnapshot {
		o.SnapshotClass, err = f.Copies.Class(ctx, o.Usage.Driver())
	}
	return o, err
}

// problemOf is why there is no disk on a claim now, or nil.
func problemOf(cr *v1alpha1.DiskExport, name string, u volume.Usage) *diagnosis.Finding {
	switch {
	case u.Claim == nil && cr.Spec.ForProvider.Source.VirtualMachine != nil:
		vm := cr.Spec.ForProvider.Source.VirtualMachine
		return &diagnosis.Finding{Reason: v1alpha1.ReasonClaimNotFound,
			Message: fmt.Sprintf("Claim %q, which disk %q of VirtualMachine %q names, does not exist in namespace %q: create it, or wait until its DataVolume has.", name, vm.Disk, vm.Name, cr.GetNamespace())}
	case u.Claim == nil:
		return &diagnosis.Finding{Reason: v1alpha1.ReasonClaimNotFound,
			Message: fmt.Sprintf("Claim %q does not exist in namespace %q: create it, or correct the source.", name, cr.GetNamespace())}
	case u.Claim.GetDeletionTimestamp() != nil:
		return &diagnosis.Finding{Reason: v1alpha1.ReasonClaimNotFound, Message: fmt.Sprintf("Claim %q is being deleted.", name)}
	case u.Volume == nil:
		return &diagnosis.Finding{Reason: v1alpha1.ReasonClaimNotBound,
			Message: fmt.Sprintf("Claim %q is not bound to a volume, so there is nothing on it yet.", name)}
	}
	if o := metav1.GetControllerOf(u.Claim); o != nil && o.Kind == "DataVolume" {
		if phase := u.Claim.GetAnnotations()[annotationFilling]; phase != "" && phase != string(corev1.PodSucceeded) {
			return &diagnosis.Finding{Reason: v1alpha1.ReasonSourceInUse,
				Message: fmt.Sprintf("DataVolume %q has not filled claim %q yet: the disk is exported when it has.", o.Name, name)}
		}
	}
	return nil
}

func (f Finder) ofSnapshot(ctx context.Context, cr *v1alpha1.DiskExport, name string) (Disk, error) {
	o := Disk{}
	s, err := f.Copies.Find(ctx, types.NamespacedName{Namespace: cr.GetNamespace(), Name: name}, cr.GetUID())
	if err != nil {
		return o, err
	}
	if s == nil {
		o.Problem = &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotNotFound,
			Message: fmt.Sprintf("VolumeSnapshot %q does not exist in namespace %q: create it, or correct source.snapshot.name.", name, cr.GetNamespace())}
		return o, nil
	}
	o.Snapshot = s
	if s.Claim != "" {
		if o.Usage, err = f.Disks.Usage(ctx, types.NamespacedName{Namespace: cr.GetNamespace(), Name: s.Claim}, cr.GetUID()); err != nil {
			return o, err
		}
	}
	o.Size, o.Mode = restoredSize(o.Usage, s), o.Usage.Mode()
	if o.Usage.Claim != nil {
		o.StorageClass = ptr.Deref(o.Usage.Claim.Spec.StorageClassName, "")
		return o, nil
	}
	return f.ofContent(ctx, o)
}

// ofContent finds what a claim restored from a snapshot looks like when the
// claim is gone that it was taken of.
func (f Finder) ofContent(ctx context.Context, o Disk) (Disk, error) {
	if o.Snapshot.Content == "" {
		o.Problem = &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotPending, Message: fmt.Sprintf("VolumeSnapshot %q is not ready.", o.Snapshot.Name)}
		return o, nil
	}
	c, err := f.Copies.Content(ctx, o.Snapshot.Content)
	if err != nil {
		return o, err
	}
	if c != nil {
		o.Mode = c.Mode
		if o.StorageClass, err = f.Copies.StorageClass(ctx, c.Driver); err != nil {
			return o, err
		}
	}
	if c == nil || o.StorageClass == "" || o.Size.IsZero() {
		o.Problem = &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotFailed,
			Message: fmt.Sprintf("VolumeSnapshot %q cannot be restored: its claim is gone, and nothing says its size and the storage class of its driver.", o.Snapshot.Name)}
	}
	return o, nil
}

// size of a claim that is restored from a snapshot: as large as the snapshot
// and as the claim that it was taken of.
func restoredSize(u volume.Usage, s *snapshot.Snapshot) resource.Quantity {
	var largest resource.Quantity
	sizes := []resource.Quantity{}
	if s != nil {
		sizes = append(sizes, s.RestoreSize)
	}
	if u.Claim != nil {
		sizes = append(sizes, u.Claim.Spec.Resources.Requests[corev1.ResourceStorage], u.Claim.Status.Capacity[corev1.ResourceStorage])
	}
	for _, q := range sizes {
		if q.Cmp(largest) > 0 {
			largest = q
		}
	}
	return largest
}
