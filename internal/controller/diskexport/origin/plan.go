// SPDX-License-Identifier: Apache-2.0

package origin

import (
	"fmt"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// A Plan is how a run that begins now reads the disk.
type Plan struct {
	Consistency v1alpha1.Consistency

	// Problem is why no run can begin, or nil. With Final it needs a change
	// of what somebody has made; without, it is waited for.
	Problem *diagnosis.Finding
	Final   bool
}

// PlanOf decides how a run reads a disk, as it is asked for. A snapshot that has been taken is
// used, whatever has become of the pods since.
func PlanOf(asked v1alpha1.Consistency, o Disk, taken snapshot.State) Plan {
	switch {
	case o.Problem != nil:
		return Plan{Problem: o.Problem}
	case o.Snapshot != nil, taken.Snapshot != nil && asked != v1alpha1.ConsistencyOffline:
		return planOfSnapshot(o, taken)
	case asked == v1alpha1.ConsistencySnapshot && o.SnapshotClass == "":
		return Plan{Final: true, Problem: &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotsUnsupported,
			Message: fmt.Sprintf("Claim %q cannot be snapshotted, because there is no VolumeSnapshotClass for %s: make one, or write consistency: Auto to read the volume itself when no pod writes to it.", o.ClaimName(), driver(o))}}
	case asked == v1alpha1.ConsistencySnapshot:
		return Plan{Consistency: v1alpha1.ConsistencySnapshot}
	case !o.Busy():
		return Plan{Consistency: v1alpha1.ConsistencyOffline}
	case asked == v1alpha1.ConsistencyOffline:
		return Plan{Problem: &diagnosis.Finding{Reason: v1alpha1.ReasonSourceInUse,
			Message: fmt.Sprintf("%s uses claim %q: stop it, or write consistency: Auto, which takes a snapshot.", user(o), o.ClaimName())}}
	case o.SnapshotClass == "":
		return Plan{Final: true, Problem: &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotsUnsupported,
			Message: fmt.Sprintf("%s uses claim %q, and there is no VolumeSnapshotClass for %s: stop it while the disk is exported, or make a VolumeSnapshotClass for a driver that knows snapshots.", user(o), o.ClaimName(), driver(o))}}
	}
	return Plan{Consistency: v1alpha1.ConsistencySnapshot}
}

// planOfSnapshot is PlanOf for a snapshot that is there.
func planOfSnapshot(o Disk, taken snapshot.State) Plan {
	p, s := Plan{Consistency: v1alpha1.ConsistencySnapshot}, taken.Snapshot
	if o.Snapshot != nil {
		s = o.Snapshot
	}
	switch {
	case s.Deleting:
		p.Problem = &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotPending, Message: fmt.Sprintf("VolumeSnapshot %q is being deleted.", s.Name)}
	case !s.Ready && s.Error != "":
		p.Problem = &diagnosis.Finding{Reason: v1alpha1.ReasonSnapshotFailed, Message: fmt.Sprintf("VolumeSnapshot %q cannot be taken: %s.", s.Name, diagnosis.Detail(s.Error))}
	}
	return p
}

// user names a pod that uses the volume.
func user(o Disk) string {
	if len(o.Usage.Writers) == 0 {
		return "A pod"
	}
	return fmt.Sprintf("Pod %q", o.Usage.Writers[0].Pod)
}

func driver(o Disk) string {
	if d := o.Usage.Driver(); d != "" {
		return fmt.Sprintf("its driver %q", d)
	}
	return "its volume, which no CSI driver made"
}
