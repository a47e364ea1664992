// SPDX-License-Identifier: Apache-2.0

package wiring

import (
	"context"
	"maps"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/novasphere/provider-wukong/internal/clients/cluster"
	"github.com/novasphere/provider-wukong/internal/controller/meter"
)

// ReasonLeftBehind is that of an event about something that is not removed.
const ReasonLeftBehind event.Reason = "LeftBehind"

// Means are what every external client works with.
type Means struct {
	// Local reads Secrets and ConfigMaps where the resource is.
	Local client.Reader

	// Target is the cluster that the resource's configuration names.
	Target *cluster.Cluster

	// Image of the mover, or "" if nothing says which it is.
	Image string

	Clock   clock.PassiveClock
	Record  event.Recorder
	Metrics *meter.Metrics
}

// A tracker records that a resource uses its configuration.
type tracker interface {
	Track(ctx context.Context, mg resource.ModernManaged) error
}

// connector makes the external clients of a kind.
type connector[T resource.ModernManaged] struct {
	kind     Kind[T]
	usage    tracker
	kube     client.Writer
	clusters *cluster.Connector
	means    Means
}

// Connect finds the cluster that the resource's configuration names.
func (c *connector[T]) Connect(ctx context.Context, cr T) (managed.TypedExternalClient[T], error) {
	// Nothing can be created in a namespace that is being deleted, and a
	// usage that nobody waits for any more need not be recorded.
	if !meta.WasDeleted(cr) {
		err := c.usage.Track(ctx, cr)
		if err != nil && !kerrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return nil, errors.Wrap(err, "cannot track usage of provider configuration")
		}
	}
	m := c.means
	var err error
	if m.Target, err = c.clusters.Connect(ctx, cr.GetNamespace(), cr.GetProviderConfigReference()); err != nil {
		m.Target, err = c.without(cr, err)
	}
	if err != nil {
		return nil, err
	}
	if i := m.Target.Settings.Mover.Image; i != "" {
		m.Image = i
	}
	if err := c.mark(ctx, cr); err != nil {
		return nil, err
	}
	return c.kind.Client(m), nil
}

// mark writes finalizer and annotations, if they are not there. The runtime
// adds the finalizer too, but after Observe: that write brings back the status
// that is stored, and what Observe has found is not told before the next look.
// It is one write for all, because Crossplane counts the writes of what it
// composes, and stops heeding a composite that has many.
func (c *connector[T]) mark(ctx context.Context, cr T) error {
	if meta.WasDeleted(cr) {
		return nil
	}
	before := maps.Clone(cr.GetAnnotations())
	if c.kind.Annotate != nil {
		if err := c.kind.Annotate(cr); err != nil {
			return err
		}
	}
	if meta.FinalizerExists(cr, managed.FinalizerName) && maps.Equal(before, cr.GetAnnotations()) {
		return nil
	}
	meta.AddFinalizer(cr, managed.FinalizerName)
	return errors.Wrap(c.kube.Update(ctx, cr), "cannot write finalizer and annotations")
}

// without says what becomes of a resource whose configuration cannot be used.
// One that is being deleted must not wait for it: a namespace that goes takes
// its configurations and Secrets with it in any order. What the provider made
// in its own cluster it finds by name and UID; what it made in another cluster
// is left behind there, and an event says so.
func (c *connector[T]) without(cr T, err error) (*cluster.Cluster, error) {
	f, missing := configProblem(err)
	if f == nil {
		return nil, err
	}
	if meta.WasDeleted(cr) && missing {
		c.means.Record.Event(cr, event.Warning(ReasonLeftBehind, errors.Wrap(err, "cannot look for objects in another cluster")))
		return c.clusters.OwnCluster(), nil
	}
	c.kind.Block(cr, f)
	return nil, err
}
