// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"testing"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clock "k8s.io/utils/clock/testing"

	"github.com/crossplane/crossplane-runtime/v2/pkg/event"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/meter"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

// TestAnnounce counts each phase that is reached once, and the bytes and the time of
// an export that has succeeded.
func TestAnnounce(t *testing.T) {
	registry := prometheus.NewRegistry()
	m, err := meter.New(registry)
	if err != nil {
		t.Fatal(err)
	}
	e := &external{Means: wiring.Means{Metrics: m, Record: event.NewNopRecorder(), Clock: clock.NewFakePassiveClock(now())}}
	cr := diskExport(func(cr *v1alpha1.DiskExport) { cr.CreationTimestamp = metav1.NewTime(now().Add(-time.Hour)) })
	at := &cr.Status.AtProvider
	reach := func(p v1alpha1.ExportPhase, c xpv2.Condition) {
		before := at.Phase
		at.Phase = p
		cr.SetConditions(c)
		e.announce(cr, before)
		e.announce(cr, at.Phase) // A look that finds the same counts nothing.
	}
	reach(v1alpha1.ExportPhasePending, xpv2.Creating())
	reach(v1alpha1.ExportPhaseFailed, v1alpha1.NotReady("TargetRefused", "no such bucket"))
	at.Progress = &v1alpha1.Progress{TransferredBytes: 1000, WrittenBytes: 400}
	at.StartTime, at.CompletionTime = &metav1.Time{Time: now().Add(-time.Minute)}, &metav1.Time{Time: now()}
	reach(v1alpha1.ExportPhaseSucceeded, xpv2.Available())

	want := map[string]float64{
		"wukong_transfers_total operation=Export phase=Pending reason=Creating":     1,
		"wukong_transfers_total operation=Export phase=Failed reason=TargetRefused": 1,
		"wukong_transfers_total operation=Export phase=Succeeded reason=Available":  1,
		"wukong_transferred_bytes_total direction=read operation=Export":            1000,
		"wukong_transferred_bytes_total direction=written operation=Export":         400,
		"wukong_transfer_seconds operation=Export":                                  60,
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		for _, s := range f.GetMetric() {
			name := f.GetName()
			for _, l := range s.GetLabel() {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			got := s.GetCounter().GetValue() + s.GetHistogram().GetSampleSum()
			if w, ok := want[name]; !ok || got != w {
				t.Errorf("%s: want %v, got %v", name, w, got)
			}
			delete(want, name)
		}
	}
	for name := range want {
		t.Errorf("%s is not there", name)
	}
}
