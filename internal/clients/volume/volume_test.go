// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

func disk() Disk { return Disk{Namespace: "vms", Staging: "a-0123", Final: "a", Owner: "0123"} }

func claim(owner string, phase corev1.PersistentVolumeClaimPhase) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{LabelOwner: owner}},
		Status:     corev1.PersistentVolumeClaimStatus{Phase: phase},
	}
}

func volumeFor(name string, uid types.UID) *corev1.PersistentVolume {
	v := &corev1.PersistentVolume{}
	v.Spec.ClaimRef = &corev1.ObjectReference{Namespace: "vms", Name: name, UID: uid}
	return v
}

func TestNext(t *testing.T) {
	going := claim("0123", corev1.ClaimBound)
	going.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	staging := claim("0123", corev1.ClaimBound)
	noted := &Note{}

	cases := map[string]struct {
		reason string
		state  State
		mover  bool
		want   Step
	}{
		"Foreign":       {"Somebody else's claim ends it.", State{Final: claim("x", corev1.ClaimBound), Staging: staging, Volume: volumeFor("a-0123", "u")}, true, StepConflict},
		"VolumeGone":    {"Without a volume there is no disk.", State{}, false, StepLost},
		"Begin":         {"First the volume is kept.", State{Staging: staging, Volume: volumeFor("a-0123", "u")}, true, StepRetain},
		"Mover":         {"Then the mover goes.", State{Staging: staging, Volume: volumeFor("a-0123", "u"), Note: noted}, true, StepStopMover},
		"Staging":       {"Then its claim.", State{Staging: staging, Volume: volumeFor("a-0123", "u"), Note: noted}, false, StepDeleteStaging},
		"StagingGoing":  {"It goes when no pod uses it.", State{Staging: going, Volume: volumeFor("a-0123", "u"), Note: noted}, false, StepWait},
		"Released":      {"The volume points at the final name before the claim exists.", State{Volume: volumeFor("a-0123", "u"), Note: noted}, false, StepRebind},
		"RightNameUID":  {"A UID of a claim that is gone would keep it from binding.", State{Volume: volumeFor("a", "u"), Note: noted}, false, StepRebind},
		"Rebound":       {"Then the claim is made.", State{Volume: volumeFor("a", ""), Note: noted}, false, StepCreateFinal},
		"Binding":       {"It binds.", State{Final: claim("0123", corev1.ClaimPending), Volume: volumeFor("a", ""), Note: noted}, false, StepWait},
		"Bound":         {"Then the policy is restored.", State{Final: claim("0123", corev1.ClaimBound), Volume: volumeFor("a", "u"), Note: noted}, false, StepRestore},
		"Done":          {"Then nothing is left.", State{Final: claim("0123", corev1.ClaimBound)}, false, StepDone},
		"Lost":          {"A claim that lost its volume lost its disk.", State{Final: claim("0123", corev1.ClaimLost), Note: noted}, false, StepLost},
		"MoverReturned": {"A mover cannot come back behind a final claim.", State{Final: claim("0123", corev1.ClaimBound), Volume: volumeFor("a", "u"), Note: noted}, true, StepRestore},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			tc.state.owner = "0123"
			if got := Next(tc.state, disk(), tc.mover); got != tc.want {
				t.Errorf("%s\nNext: want %s, got %s", tc.reason, tc.want, got)
			}
		})
	}
}

// TestRequest compares with what mkfs.ext4 -m0 leaves of a volume: the figures
// are bytes that it took of volumes of these sizes.
func TestRequest(t *testing.T) {
	const mib = 1 << 20
	took := []struct{ volume, tables int64 }{
		{64 * mib, 9523 << 10}, {128 * mib, 14 * mib}, {256 * mib, 27 * mib}, {511 * mib, 43 * mib}, {512 * mib, 25 * mib},
		{1024 * mib, 51 * mib}, {2048 * mib, 103 * mib}, {4096 * mib, 145 * mib}, {20480 * mib, 494 * mib}, {102400 * mib, 2180 * mib},
	}
	p := Profile{Overhead: defaultOverhead}
	for disk := int64(mib); disk < 96<<30; disk = disk*5/4 + mib {
		r := p.Request(disk, corev1.PersistentVolumeFilesystem)
		if r.Value()%mib != 0 {
			t.Errorf("a claim for %d bytes is not a whole number of MiB: %s", disk, r.String())
		}
		for _, e := range took {
			// The next larger volume that was measured takes at least as much.
			if e.volume >= r.Value() {
				if r.Value()-disk < e.tables && e.volume < r.Value()*5/4 {
					t.Errorf("a claim of %s leaves %d bytes for tables, ext4 takes up to %d", r.String(), r.Value()-disk, e.tables)
				}
				break
			}
		}
		b := p.Request(disk, corev1.PersistentVolumeBlock)
		if b.Value()-disk >= mib || b.Value() < disk {
			t.Errorf("a device for %d bytes should be as large, got %s", disk, b.String())
		}
	}
}

func TestNewestWith(t *testing.T) {
	cs := []storagev1.StorageClass{
		{ObjectMeta: metav1.ObjectMeta{Name: "old", CreationTimestamp: metav1.Unix(1, 0), Annotations: map[string]string{annotationDefaultClass: "true"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "new", CreationTimestamp: metav1.Unix(2, 0), Annotations: map[string]string{annotationDefaultClass: "true"}}},
		{ObjectMeta: metav1.ObjectMeta{Name: "no", CreationTimestamp: metav1.Unix(3, 0), Annotations: map[string]string{annotationDefaultClass: "false"}}},
	}
	if got := newestWith(cs, annotationDefaultClass); got == nil || got.GetName() != "new" {
		t.Errorf("the newest default class counts, got %v", got)
	}
	if got := newestWith(cs, annotationDefaultVirtClass); got != nil {
		t.Errorf("no class is the default for virtual machines, got %v", got)
	}
}
