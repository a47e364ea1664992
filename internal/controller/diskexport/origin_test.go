// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"testing"

	corev1 "k8s.io/api/core/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

func TestPlan(t *testing.T) {
	type want struct {
		consistency v1alpha1.Consistency
		problem     v1alpha1.Reason
		final       bool
	}
	only := func(o *origin) { o.usage.Claim.Spec.AccessModes[0] = corev1.ReadWriteOncePod }
	reader := func(o *origin) { o.usage.Nodes = []string{"node-1"} }
	cases := map[string]struct {
		reason string
		asked  v1alpha1.Consistency
		origin origin
		copy   snapshot.State
		want   want
	}{
		"Idle":              {"A volume that nobody writes to is read as it is.", v1alpha1.ConsistencyAuto, disk(), snapshot.State{}, want{consistency: v1alpha1.ConsistencyOffline}},
		"Read":              {"Readers are no harm.", v1alpha1.ConsistencyAuto, disk(reader), snapshot.State{}, want{consistency: v1alpha1.ConsistencyOffline}},
		"ReadExclusive":     {"A volume for one pod has no room for another.", v1alpha1.ConsistencyAuto, disk(only, reader, snapshotted), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"Written":           {"A volume in use is snapshotted.", v1alpha1.ConsistencyAuto, disk(written, snapshotted), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"WrittenNoClass":    {"Without snapshots it is refused.", v1alpha1.ConsistencyAuto, disk(written), snapshot.State{}, want{problem: v1alpha1.ReasonSnapshotsUnsupported, final: true}},
		"Offline":           {"Offline waits.", v1alpha1.ConsistencyOffline, disk(written, snapshotted), snapshot.State{}, want{problem: v1alpha1.ReasonSourceInUse}},
		"Snapshot":          {"Snapshot always takes one.", v1alpha1.ConsistencySnapshot, disk(snapshotted), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"SnapshotNoClass":   {"Snapshot is refused without them.", v1alpha1.ConsistencySnapshot, disk(), snapshot.State{}, want{problem: v1alpha1.ReasonSnapshotsUnsupported, final: true}},
		"Taken":             {"A snapshot that was taken is used though the pod is gone.", v1alpha1.ConsistencyAuto, disk(), snapshot.State{Snapshot: taken()}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"TakenFails":        {"A snapshot that cannot be taken says why.", v1alpha1.ConsistencyAuto, disk(written, snapshotted), snapshot.State{Snapshot: &snapshot.Snapshot{Error: "no space"}}, want{consistency: v1alpha1.ConsistencySnapshot, problem: v1alpha1.ReasonSnapshotFailed}},
		"Source":            {"A snapshot is read through a claim.", v1alpha1.ConsistencyAuto, disk(func(o *origin) { o.snapshot = taken() }), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot}},
		"SourceIsNotFound":  {"What is not there is said before all else.", v1alpha1.ConsistencySnapshot, origin{problem: &diagnosis.Finding{Reason: v1alpha1.ReasonClaimNotFound}}, snapshot.State{}, want{problem: v1alpha1.ReasonClaimNotFound}},
		"SourceBeingDelete": {"A snapshot that goes is not read.", v1alpha1.ConsistencyAuto, disk(func(o *origin) { o.snapshot = &snapshot.Snapshot{Deleting: true} }), snapshot.State{}, want{consistency: v1alpha1.ConsistencySnapshot, problem: v1alpha1.ReasonSnapshotPending}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := planOf(diskExport(func(cr *v1alpha1.DiskExport) { cr.Spec.ForProvider.Consistency = tc.asked }), tc.origin, tc.copy)
			got := want{consistency: p.consistency, final: p.final}
			if p.problem != nil {
				got.problem = p.problem.Reason
			}
			if got != tc.want {
				t.Errorf("%s\nplanOf: want %+v, got %+v", tc.reason, tc.want, got)
			}
		})
	}
}
