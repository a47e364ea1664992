// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"time"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/reconcile"

	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// deletions spaces the steps of a deletion. The runtime takes each one after the
// back-off of failures, which grows to a minute: that is long for one that goes
// on, and short for one that waits for somebody.
type deletions[T resource.ModernManaged] struct {
	reconcile.Reconciler

	kind Kind[T]

	// reader is not the cache, which may not know yet what was just written.
	reader   client.Reader
	interval time.Duration
}

// Reconcile implements reconcile.Reconciler.
func (d *deletions[T]) Reconcile(ctx context.Context, req reconcile.Request) (reconcile.Result, error) {
	r, err := d.Reconciler.Reconcile(ctx, req)
	if err != nil || !r.Requeue { //nolint:staticcheck // SA1019: the runtime asks for its back-off by it.
		return r, err
	}
	cr := d.kind.New()
	if err := d.reader.Get(ctx, req.NamespacedName, cr); err != nil || !meta.WasDeleted(cr) {
		return r, nil //nolint:nilerr // The runtime's back-off is what there is without.
	}
	if cr.GetCondition(xpv2.TypeSynced).Status != corev1.ConditionTrue {
		return r, nil // The step failed.
	}
	if after := d.kind.NextStep(cr, d.interval); after > 0 {
		return reconcile.Result{RequeueAfter: after}, nil
	}
	return r, nil
}

// spaced is a reconciler with the time between the steps of a deletion that its
// kind asks for.
func (k Kind[T]) spaced(r reconcile.Reconciler, mgr ctrl.Manager, o Options) reconcile.Reconciler {
	if k.NextStep == nil {
		return r
	}
	return &deletions[T]{Reconciler: r, kind: k, reader: mgr.GetAPIReader(), interval: o.PollInterval}
}

// reasonDeleted is that of the runtime's event about each step of a deletion.
const reasonDeleted event.Reason = "DeletedExternalResource"

// truthful is a recorder for a kind whose deletion may wait in a state.
func (k Kind[T]) truthful(r event.Recorder) event.Recorder {
	if k.NextStep == nil {
		return r
	}
	return truthful{r}
}

// A truthful recorder does not say that a deletion was requested when something
// is in its way.
type truthful struct{ event.Recorder }

// Event implements event.Recorder.
func (r truthful) Event(o runtime.Object, e event.Event) {
	if c, ok := o.(resource.Conditioned); ok && e.Reason == reasonDeleted && c.GetCondition(v1alpha1.TypeStalled).Status == corev1.ConditionTrue {
		return
	}
	r.Recorder.Event(o, e)
}

// WithAnnotations implements event.Recorder.
func (r truthful) WithAnnotations(kv ...string) event.Recorder {
	return truthful{r.Recorder.WithAnnotations(kv...)}
}
