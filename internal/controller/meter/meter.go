// SPDX-License-Identifier: Apache-2.0

// Package meter counts transfers, for every controller that runs movers.
package meter

import (
	"time"

	upjetmetrics "github.com/crossplane/upjet/v2/pkg/metrics"
	"github.com/prometheus/client_golang/prometheus"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

const (
	metricsNamespace = "wukong"
	labelOperation   = "operation"
)

// Metrics counts transfers. Time to readiness goes to upjet's histogram, so
// that dashboards for other providers show this one too.
type Metrics struct {
	transfers *prometheus.CounterVec
	bytes     *prometheus.CounterVec
	seconds   *prometheus.HistogramVec
}

// New returns Metrics that are registered with r.
func New(r prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		transfers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "transfers_total",
			Help: "Transfers that reached a phase, by operation, phase and the reason of the Ready condition.",
		}, []string{labelOperation, "phase", "reason"}),
		bytes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: metricsNamespace, Name: "transferred_bytes_total",
			Help: "Bytes of transfers that succeeded, by operation and direction: read from the source, or written to the disk or the target.",
		}, []string{labelOperation, "direction"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Namespace: metricsNamespace, Name: "transfer_seconds",
			Help:    "Seconds from the start of the mover until the disk or artifact was whole, of transfers that succeeded.",
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

// A Milestone is a phase that a transfer has reached.
type Milestone struct {
	Operation string
	Phase     string

	// Reason of the Ready condition.
	Reason string

	// Success says that it is the phase of transfers that succeeded; only
	// then the rest counts.
	Success bool

	// Kind of the resource, and how long it took from its creation.
	Kind schema.GroupVersionKind
	Age  time.Duration

	Progress          *v1alpha1.Progress
	Start, Completion *metav1.Time
}

// Reached counts a milestone.
func (m *Metrics) Reached(s Milestone) {
	m.transfers.WithLabelValues(s.Operation, s.Phase, s.Reason).Inc()
	if !s.Success {
		return
	}
	upjetmetrics.TTRMeasurements.WithLabelValues(s.Kind.Group, s.Kind.Version, s.Kind.Kind).Observe(s.Age.Seconds())
	if p := s.Progress; p != nil {
		m.bytes.WithLabelValues(s.Operation, "read").Add(float64(p.TransferredBytes))
		m.bytes.WithLabelValues(s.Operation, "written").Add(float64(p.WrittenBytes))
	}
	if s.Start != nil && s.Completion != nil {
		m.seconds.WithLabelValues(s.Operation).Observe(s.Completion.Sub(s.Start.Time).Seconds())
	}
}
