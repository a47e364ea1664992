// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/artifact"
	"github.com/novasphere/provider-wukong/internal/clients/cluster"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/meter"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

// The reasons of events.
const (
	reasonExported   event.Reason = "DiskExported"
	reasonFailed     event.Reason = "ExportFailed"
	reasonLeftBehind event.Reason = "LeftBehind"
)

const operationExport = "Export"

// A tracker records that a resource uses its configuration.
type tracker interface {
	Track(ctx context.Context, mg resource.ModernManaged) error
}

// connector makes the external client of a DiskExport.
type connector struct {
	local    client.Reader
	usage    tracker
	clusters *cluster.Connector
	image    string

	clock   clock.PassiveClock
	record  event.Recorder
	metrics *meter.Metrics
}

// Connect finds the cluster that the DiskExport's configuration names.
func (c *connector) Connect(ctx context.Context, cr *v1alpha1.DiskExport) (managed.TypedExternalClient[*v1alpha1.DiskExport], error) {
	// Nothing can be created in a namespace that is being deleted, and a
	// usage that nobody waits for any more need not be recorded.
	if !meta.WasDeleted(cr) {
		err := c.usage.Track(ctx, cr)
		if err != nil && !kerrors.HasStatusCause(err, corev1.NamespaceTerminatingCause) {
			return nil, errors.Wrap(err, "cannot track usage of provider configuration")
		}
	}
	target, err := c.clusters.Connect(ctx, cr.GetNamespace(), cr.GetProviderConfigReference())
	if err != nil {
		target, err = c.without(cr, err)
	}
	if err != nil {
		return nil, err
	}
	return &external{
		local:   c.local,
		target:  target,
		movers:  moverjob.New(target.Client, target),
		disks:   volume.New(target.Client),
		copies:  snapshot.New(target.Client),
		places:  artifact.New(),
		image:   c.image,
		clock:   c.clock,
		record:  c.record,
		metrics: c.metrics,
	}, nil
}

// without says what becomes of a DiskExport whose configuration cannot be
// used. One that is being deleted must not wait for it: a namespace that goes
// takes its configurations and Secrets with it in any order. What the provider
// made in its own cluster it finds by name and UID; what it made in another
// cluster is left behind there, and an event says so.
func (c *connector) without(cr *v1alpha1.DiskExport, err error) (*cluster.Cluster, error) {
	f, missing := wiring.ConfigProblem(err)
	if f == nil {
		return nil, err
	}
	if meta.WasDeleted(cr) && missing {
		c.record.Event(cr, event.Warning(reasonLeftBehind, errors.Wrap(err, "cannot look for objects in another cluster")))
		return c.clusters.OwnCluster(), nil
	}
	at := &cr.Status.AtProvider
	if at.Phase == "" {
		at.Phase = v1alpha1.ExportPhasePending
	}
	at.Message = f.Message
	cr.SetConditions(v1alpha1.NotReady(f.Reason, f.Message), v1alpha1.Stalled(f.Reason, f.Message))
	return nil, err
}
