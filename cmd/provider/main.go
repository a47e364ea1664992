// SPDX-License-Identifier: Apache-2.0

// The provider runs the controllers of the control plane.
package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/alecthomas/kingpin/v2"
	"go.uber.org/zap/zapcore"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/log/zap"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"

	"github.com/novasphere/provider-wukong/internal/version"
)

func main() {
	app := kingpin.New(filepath.Base(os.Args[0]), "Brings disk images into Kubernetes volumes, as a Crossplane provider.").DefaultEnvars()
	app.Version(version.Version)
	o := addFlags(app)
	kingpin.MustParse(app.Parse(os.Args[1:]))

	log := logger(*o.debug)
	if err := run(ctrl.SetupSignalHandler(), o, log); err != nil {
		log.Info("Cannot run provider", "error", err.Error())
		os.Exit(1)
	}
}

// logger returns the provider's logger. controller-runtime is very verbose
// even at its least, so it is heard in debug mode only.
func logger(debug bool) logging.Logger {
	zl := zap.New(zap.UseDevMode(debug), func(zo *zap.Options) { zo.TimeEncoder = zapcore.ISO8601TimeEncoder })
	if debug {
		ctrl.SetLogger(zl)
	} else {
		ctrl.SetLogger(zap.New(zap.WriteTo(io.Discard)))
	}
	return logging.NewLogrLogger(zl.WithName("provider-wukong"))
}

// run builds the manager with its controllers, and runs it until ctx ends.
func run(ctx context.Context, o *options, log logging.Logger) error {
	if err := o.validate(); err != nil {
		return err
	}
	cfg, err := ctrl.GetConfig()
	if err != nil {
		return errors.Wrap(err, "cannot find out which cluster this is")
	}
	mgr, err := newManager(cfg, o)
	if err != nil {
		return err
	}
	if err := setup(ctx, mgr, o, log); err != nil {
		return err
	}
	log.Debug("Starting", "version", version.Version, "poll-interval", o.pollInterval.String(), "max-reconcile-rate", *o.maxReconcileRate)
	return errors.Wrap(mgr.Start(ctx), "cannot run controllers")
}
