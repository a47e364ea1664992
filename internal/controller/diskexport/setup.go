// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"math/rand/v2"
	"time"

	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/artifact"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/bucketref"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

const (
	// The intervals at which a DiskExport is looked at when no watch event
	// comes: the mover tells its progress every two seconds; snapshots are not
	// watched, because a cluster need not have them. They grow with what goes on.
	pollRunning = 2 * time.Second
	pollTidying = 200 * time.Millisecond
	pollLong    = 5 * time.Second
	pollBlocked = 15 * time.Second

	// pollJitter is how much of the interval of a settled DiskExport is left
	// to chance.
	pollJitter = 0.1
)

// Setup adds the controller of DiskExports.
func Setup(mgr ctrl.Manager, o wiring.Options) error { return wiring.Setup(mgr, o, kind()) }

// SetupGated adds the controller once the CRD of DiskExports is there.
func SetupGated(mgr ctrl.Manager, o wiring.Options) error { return wiring.SetupGated(mgr, o, kind()) }

func kind() wiring.Kind[*v1alpha1.DiskExport] {
	return wiring.Kind[*v1alpha1.DiskExport]{
		GVK:        v1alpha1.DiskExportGroupVersionKind(),
		New:        func() *v1alpha1.DiskExport { return &v1alpha1.DiskExport{} },
		List:       &v1alpha1.DiskExportList{},
		Annotation: annotationName,
		Annotate:   annotate,
		Client: func(m wiring.Means) managed.TypedExternalClient[*v1alpha1.DiskExport] {
			return bucketref.Wrap(references(), m, &external{
				Means:  m,
				movers: moverjob.New(m.Target.Client, m.Target),
				disks:  volume.New(m.Target.Client),
				copies: snapshot.New(m.Target.Client),
				places: artifact.New(),
			})
		},
		Block:    block,
		NextPoll: nextPoll,
	}
}

// block writes into the status that a DiskExport cannot go on.
func block(cr *v1alpha1.DiskExport, f *diagnosis.Finding) {
	at := &cr.Status.AtProvider
	if at.Phase == "" {
		at.Phase = v1alpha1.ExportPhasePending
	}
	at.Message = f.Message
	cr.SetConditions(v1alpha1.NotReady(f.Reason, f.Message), v1alpha1.Stalled(f.Reason, f.Message))
}

// nextPoll says when to look at a DiskExport again if no watch event comes.
func nextPoll(cr *v1alpha1.DiskExport, interval time.Duration) time.Duration {
	stalled := cr.GetCondition(v1alpha1.TypeStalled)
	switch cr.Status.AtProvider.Phase {
	case v1alpha1.ExportPhasePending, v1alpha1.ExportPhaseExporting:
		if stalled.Status == corev1.ConditionTrue {
			return pollBlocked
		}
		longest := pollBlocked
		if cr.Status.AtProvider.Phase == v1alpha1.ExportPhaseExporting {
			longest = pollLong
		}
		return wiring.Patience(cr.GetCondition(v1alpha1.TypeTransferring).LastTransitionTime.Time, pollRunning, longest)
	case v1alpha1.ExportPhaseFailed:
		if stalled.Reason == v1alpha1.ReasonSnapshotsUnsupported || stalled.Reason == v1alpha1.Reason(transfer.ReasonSourceNotFound) {
			return pollBlocked
		}
	case v1alpha1.ExportPhaseSucceeded:
		switch {
		case !settled(cr):
			// What is left of the run has to go yet.
			return wiring.Patience(cr.Status.AtProvider.CompletionTime.Time, pollTidying, pollLong)
		case !done(cr):
			return pollRunning
		}
	}
	return interval + time.Duration((rand.Float64()-0.5)*2*pollJitter*float64(interval)) //nolint:gosec // Jitter is no secret.
}

// settled reports whether what the last run has made is noted, which is after
// the status has been written, and the next look removes what is left of it.
func settled(cr *v1alpha1.DiskExport) bool {
	note, err := noteOf(cr)
	return err != nil || note == "" || cr.GetAnnotations()[annotationMade] == note
}
