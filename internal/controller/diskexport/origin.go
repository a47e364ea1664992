// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// An origin is the disk that is exported, as far as it is found.
type origin struct {
	// problem is why it cannot be read now, or nil.
	problem *diagnosis.Finding

	// usage of the claim whose disk is exported; of a snapshot source, of the
	// claim that the snapshot was taken of, where that still exists.
	usage volume.Usage

	// snapshot that is the source itself, or nil.
	snapshot *snapshot.Snapshot

	// snapshotClass is one for the volume's driver, or "".
	snapshotClass string

	// storageClass, mode and size are those of a claim restored from a
	// snapshot.
	storageClass string
	mode         corev1.PersistentVolumeMode
	size         resource.Quantity
}

// claimName is the claim whose disk is exported, or "".
func (o origin) claimName() string {
	if o.usage.Claim == nil {
		return ""
	}
	return o.usage.Claim.GetName()
}

// busy reports whether the volume cannot be read as it is.
func (o origin) busy() bool {
	return len(o.usage.Writers) > 0 || o.usage.Exclusive() && len(o.usage.Nodes) > 0
}

// torn reports whether a pod that can write to the volume was there before the
// given time; zero: at any time.
func (o origin) torn(before time.Time) bool {
	for _, w := range o.usage.Writers {
		if before.IsZero() || w.Since.Before(before) {
			return true
		}
	}
	return false
}

// node is where a mover must run that reads the volume itself, or "".
func (o origin) node() string {
	if o.usage.Shared() || len(o.usage.Nodes) == 0 {
		return ""
	}
	return o.usage.Nodes[0]
}

// A plan is how a run that begins now reads the disk.
type plan struct {
	consistency v1alpha1.Consistency

	// problem is why no run can begin, or nil. With final it needs a change
	// of what somebody has made; without, it is waited for.
	problem *diagnosis.Finding
	final   bool
}

// planOf decides how a run reads the disk. A snapshot that has been taken is
// used, whatever has become of the pods since.
func planOf(cr *v1alpha1.DiskExport, o origin, taken snapshot.State) plan {
	asked := cr.Spec.ForProvider.Consistency
	switch {
	case o.problem != nil:
		return plan{problem: o.problem}
	case o.snapshot != nil, taken.Snapshot != nil && asked != v1alpha1.ConsistencyOffline:
		return planOfSnapshot(o, taken)
	case asked == v1alpha1.ConsistencySnapshot && o.snapshotClass == "":
		return plan{final: true, problem: &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotsUnsupported,
			Message: fmt.Sprintf("Claim %q cannot be snapshotted, because there is no VolumeSnapshotClass for %s: make one, or write consistency: Auto to read the volume itself when no pod writes to it.", o.claimName(), driver(o))}}
	case asked == v1alpha1.ConsistencySnapshot:
		return plan{consistency: v1alpha1.ConsistencySnapshot}
	case !o.busy():
		return plan{consistency: v1alpha1.ConsistencyOffline}
	case asked == v1alpha1.ConsistencyOffline:
		return plan{problem: &diagnosis.Finding{Reason: v1alpha1.ReasonSourceInUse,
			Message: fmt.Sprintf("%s uses claim %q: stop it, or write consistency: Auto, which takes a snapshot.", user(o), o.claimName())}}
	case o.snapshotClass == "":
		return plan{final: true, problem: &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotsUnsupported,
			Message: fmt.Sprintf("%s uses claim %q, and there is no VolumeSnapshotClass for %s: stop it while the disk is exported, or make a VolumeSnapshotClass for a driver that knows snapshots.", user(o), o.claimName(), driver(o))}}
	}
	return plan{consistency: v1alpha1.ConsistencySnapshot}
}

// planOfSnapshot is planOf for a snapshot that is there.
func planOfSnapshot(o origin, taken snapshot.State) plan {
	p, s := plan{consistency: v1alpha1.ConsistencySnapshot}, taken.Snapshot
	if o.snapshot != nil {
		s = o.snapshot
	}
	switch {
	case s.Deleting:
		p.problem = &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotPending, Message: fmt.Sprintf("VolumeSnapshot %q is being deleted.", s.Name)}
	case !s.Ready && s.Error != "":
		p.problem = &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotFailed, Message: fmt.Sprintf("VolumeSnapshot %q cannot be taken: %s.", s.Name, diagnosis.Detail(s.Error))}
	}
	return p
}

// user names a pod that uses the volume.
func user(o origin) string {
	if len(o.usage.Writers) == 0 {
		return "A pod"
	}
	return fmt.Sprintf("Pod %q", o.usage.Writers[0].Pod)
}

func driver(o origin) string {
	if d := o.usage.Driver(); d != "" {
		return fmt.Sprintf("its driver %q", d)
	}
	return "its volume, which no CSI driver made"
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
