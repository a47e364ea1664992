// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"math/rand/v2"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/datavolume"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/bucketref"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/origin"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

const (
	// The intervals at which a DiskImport is looked at when no watch event
	// comes: the mover tells its progress every two seconds, and a handover
	// waits for claims to go. They grow with what goes on.
	pollRunning    = 2 * time.Second
	pollPublishing = 100 * time.Millisecond
	pollLong       = 5 * time.Second
	pollBlocked    = 15 * time.Second

	// handoverUsual is what a handover takes at most where nothing is slow, from
	// the end of the mover: looks become rarer only after it.
	handoverUsual = 3 * time.Second

	// pollJitter is how much of the interval of a settled DiskImport is left
	// to chance.
	pollJitter = 0.1
)

// Setup adds the controller of DiskImports.
func Setup(mgr ctrl.Manager, o wiring.Options) error { return wiring.Setup(mgr, o, kind()) }

// SetupGated adds the controller once the CRD of DiskImports is there.
func SetupGated(mgr ctrl.Manager, o wiring.Options) error { return wiring.SetupGated(mgr, o, kind()) }

func kind() wiring.Kind[*v1alpha1.DiskImport] {
	return wiring.Kind[*v1alpha1.DiskImport]{
		GVK:         v1alpha1.DiskImportGroupVersionKind(),
		New:         func() *v1alpha1.DiskImport { return &v1alpha1.DiskImport{} },
		List:        &v1alpha1.DiskImportList{},
		Annotation:  annotationName,
		DataVolumes: true,
		Annotate:    annotate,
		Client: func(m wiring.Means) managed.TypedExternalClient[*v1alpha1.DiskImport] {
			disks, volumes := volume.New(m.Target.Client), datavolume.New(m.Target.Client)
			return bucketref.Wrap(references(), m, &external{
				Means:   m,
				movers:  moverjob.New(m.Target.Client, m.Target),
				volumes: volumes,
				disks:   disks,
				origins: origin.Finder{Rights: m.Target, Disks: disks, Copies: snapshot.New(m.Target.Client), Volumes: volumes},
			})
		},
		Block:    block,
		NextPoll: nextPoll,
	}
}

// block writes into the status that a DiskImport cannot go on.
func block(cr *v1alpha1.DiskImport, f *diagnosis.Finding) {
	at := &cr.Status.AtProvider
	if at.Phase == "" {
		at.Phase = v1alpha1.PhasePending
	}
	at.Message = f.Message
	cr.SetConditions(v1alpha1.NotReady(f.Reason, f.Message), v1alpha1.Stalled(f.Reason, f.Message))
}

// nextPoll says when to look at a DiskImport again if no watch event comes.
func nextPoll(cr *v1alpha1.DiskImport, interval time.Duration) time.Duration {
	at, since := cr.Status.AtProvider, cr.GetCondition(v1alpha1.TypeTransferring).LastTransitionTime.Time
	switch at.Phase {
	case v1alpha1.PhaseImporting:
		if at.CompletionTime != nil {
			return wiring.Patience(at.CompletionTime.Add(handoverUsual), pollPublishing, pollLong)
		}
		return wiring.Patience(since, pollRunning, pollLong)
	case v1alpha1.PhasePending:
		if cr.GetCondition(v1alpha1.TypeStalled).Status == corev1.ConditionTrue {
			return pollBlocked
		}
		return wiring.Patience(since, pollRunning, pollBlocked)
	case v1alpha1.PhaseFailed:
		if cr.GetCondition(xpv2.TypeReady).Reason == v1alpha1.ReasonClaimConflict {
			return pollBlocked
		}
	case v1alpha1.PhaseSucceeded:
	}
	return interval + time.Duration((rand.Float64()-0.5)*2*pollJitter*float64(interval)) //nolint:gosec // Jitter is no secret.
}
