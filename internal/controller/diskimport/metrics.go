// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	upjetmetrics "github.com/crossplane/upjet/v2/pkg/metrics"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

const (
	metricsNamespace = "wukong"
	operationImport  = "Import"
	labelOperation   = "operation"
)

// Metrics counts transfers. Time to readiness goes to upjet's histogram, so
// that dashboards for other providers show this one too.
type Metrics struct {
	transfers *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
}

// NewMetrics returns Metrics that are registered with r.
func NewMetrics(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		transfers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "transfers_total",
			Help: "Transfers that reached a phase, by operation, phase and the reason of the Ready condition.",
		}, []string{labelOperation, "phase", "reason"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "transferred_bytes_total",
			Help: "Bytes of transfers that succeeded, by operation and direction: read from the source, or written to the disk.",
		}, []string{labelOperation, "direction"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Name: "transfer_seconds",
			Help:    "Seconds from the start of the mover until the disk was whole, of transfers that succeeded.",
			Buckets: prometheus.ExponentialBuckets(1, 3, 11),
		}, []string{labelOperation}),
	}
	for _, c := range []prometheus.Collector{m.transfers, m.bytes, m.seconds} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// reached counts that a DiskImport has reached its phase.
func (m *Metrics) reached(cr *v1alpha1.DiskImport, now time.Time) {
	at := cr.Status.AtProvider
	m.transfers.WithLabelValues(operationImport, string(at.Phase), string(cr.GetCondition(xpv2.TypeReady).Reason)).Inc()
	if at.Phase != v1alpha1.PhaseSucceeded {
		return
	}
	gvk := v1alpha1.DiskImportGroupVersionKind()
	upjetmetrics.TTRMeasurements.WithLabelValues(gvk.Group, gvk.Version, gvk.Kind).Observe(now.Sub(cr.GetCreationTimestamp().Time).Seconds())
	if p := at.Progress; p != nil {
		m.bytes.WithLabelValues(operationImport, "read").Add(float64(p.TransferredBytes))
		m.bytes.WithLabelValues(operationImport, "written").Add(float64(p.WrittenBytes))
	}
	if at.StartTime != nil && at.CompletionTime != nil {
		m.seconds.WithLabelValues(operationImport).Observe(at.CompletionTime.Sub(at.StartTime.Time).Seconds())
	}
}
