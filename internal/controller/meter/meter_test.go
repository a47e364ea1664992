// SPDX-License-Identifier: Apache-2.0

package meter

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

func TestReached(t *testing.T) {
	start := metav1.NewTime(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC))
	end := metav1.NewTime(start.Add(90 * time.Second))
	whole := Milestone{
		Operation: "Export", Phase: "Succeeded", Reason: "Available", Success: true, Kind: v1alpha1.DiskExportGroupVersionKind(),
		Progress: &v1alpha1.Progress{TransferredBytes: 100, WrittenBytes: 40}, Start: &start, Completion: &end,
	}
	failed := whole
	failed.Phase, failed.Reason, failed.Success = "Failed", "TargetRefused", false
	recalled := whole
	recalled.Progress, recalled.Start, recalled.Completion = nil, nil, nil
	type sums struct{ transfers, read, written, seconds float64 }
	cases := map[string]struct {
		reason string
		given  []Milestone
		want   sums
	}{
		"Failed":   {"What failed has moved nothing that counts.", []Milestone{failed}, sums{transfers: 1}},
		"Whole":    {"What is whole counts in all of them.", []Milestone{whole}, sums{1, 100, 40, 90}},
		"Twice":    {"Another run counts again.", []Milestone{whole, whole}, sums{2, 200, 80, 180}},
		"Recalled": {"Of what a status has lost nothing is made up.", []Milestone{recalled}, sums{transfers: 1}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			registry := prometheus.NewRegistry()
			m, err := New(registry)
			if err != nil {
				t.Fatal(err)
			}
			for _, s := range tc.given {
				m.Reached(s)
			}
			if got := (sums{
				sum(t, registry, "wukong_transfers_total", ""), sum(t, registry, "wukong_transferred_bytes_total", "read"),
				sum(t, registry, "wukong_transferred_bytes_total", "written"), sum(t, registry, "wukong_transfer_seconds", ""),
			}); got != tc.want {
				t.Errorf("%s\nwant %+v, got %+v", tc.reason, tc.want, got)
			}
			if _, err := New(registry); err == nil {
				t.Error("one registry cannot have them twice")
			}
		})
	}
}

// sum adds up the series of a metric that have a direction, or all of them.
func sum(t *testing.T, g prometheus.Gatherer, name, direction string) float64 {
	t.Helper()
	families, err := g.Gather()
	if err != nil {
		t.Fatal(err)
	}
	total := 0.0
	for _, f := range families {
		if f.GetName() != name {
			continue
		}
		for _, s := range f.GetMetric() {
			wanted := direction == ""
			for _, l := range s.GetLabel() {
				wanted = wanted || l.GetName() == "direction" && l.GetValue() == direction
			}
			if wanted {
				total += s.GetCounter().GetValue() + s.GetHistogram().GetSampleSum()
			}
		}
	}
	return total
}
