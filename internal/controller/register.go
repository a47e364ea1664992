// SPDX-License-Identifier: Apache-2.0

// Package controller lists the controllers of the provider: it is the map of
// the control plane.
package controller

import (
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/metrics"

	"github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/clients/cluster"
	"github.com/novasphere/provider-wukong/internal/controller/config"
	"github.com/novasphere/provider-wukong/internal/controller/diskexport"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport"
	"github.com/novasphere/provider-wukong/internal/controller/imagebucket"
	"github.com/novasphere/provider-wukong/internal/controller/meter"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

// Options of all controllers.
type Options struct {
	controller.Options

	// Clusters connects resources with the clusters that they name.
	Clusters *cluster.Connector

	// MoverImage of configurations that name none.
	MoverImage string

	// transfers is what all controllers that run movers count in.
	transfers *meter.Metrics
}

type setup func(ctrl.Manager, Options) error

// Setup adds every controller now.
func Setup(mgr ctrl.Manager, o Options) error {
	return each(mgr, o,
		func(m ctrl.Manager, o Options) error { return config.Setup(m, o.Options, o.Clusters) },
		func(m ctrl.Manager, o Options) error { return diskimport.Setup(m, o.mover()) },
		func(m ctrl.Manager, o Options) error { return diskexport.Setup(m, o.mover()) },
		func(m ctrl.Manager, o Options) error { return imagebucket.Setup(m, o.mover()) },
	)
}

// SetupGated adds every controller when the CRDs that it needs are there.
func SetupGated(mgr ctrl.Manager, o Options) error {
	return each(mgr, o,
		func(m ctrl.Manager, o Options) error { return config.SetupGated(m, o.Options, o.Clusters) },
		func(m ctrl.Manager, o Options) error { return diskimport.SetupGated(m, o.mover()) },
		func(m ctrl.Manager, o Options) error { return diskexport.SetupGated(m, o.mover()) },
		func(m ctrl.Manager, o Options) error { return imagebucket.SetupGated(m, o.mover()) },
	)
}

func each(mgr ctrl.Manager, o Options, setups ...setup) error {
	var err error
	if o.transfers, err = meter.New(metrics.Registry); err != nil {
		return errors.Wrap(err, "cannot register metrics")
	}
	for _, s := range setups {
		if err := s(mgr, o); err != nil {
			return err
		}
	}
	return nil
}

// mover are the options of a controller that runs movers.
func (o Options) mover() wiring.Options {
	return wiring.Options{Options: o.Options, Clusters: o.Clusters, MoverImage: o.MoverImage, Metrics: o.transfers}
}
