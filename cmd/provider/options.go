// SPDX-License-Identifier: Apache-2.0

package main

import (
	"time"

	"github.com/alecthomas/kingpin/v2"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// options are the flags of the provider. Each has an environment variable,
// which is its name in capitals behind PROVIDER_ unless it says otherwise.
type options struct {
	debug *bool

	syncInterval        *time.Duration
	pollInterval        *time.Duration
	pollStateMetric     *time.Duration
	maxReconcileRate    *int
	leaderElection      *bool
	metricsBindAddress  *string
	metricsCertDir      *string
	healthProbeBindAddr *string

	moverImage *string
	namespace  *string
	pod        *string

	enableManagementPolicies *bool
	enableChangeLogs         *bool
	changeLogsSocketPath     *string
}

func addFlags(app *kingpin.Application) *options {
	return &options{
		debug: app.Flag("debug", "Log in detail.").Short('d').Bool(),

		syncInterval:        app.Flag("sync", "How often every resource is looked at anew, such as 300ms, 1.5h or 2h45m.").Short('s').Default("1h").Duration(),
		pollInterval:        app.Flag("poll", "How often a settled resource is checked for drift.").Default("10m").Duration(),
		pollStateMetric:     app.Flag("poll-state-metric", "How often the metrics of the resources' state are recorded.").Default("5s").Duration(),
		maxReconcileRate:    app.Flag("max-reconcile-rate", "The greatest number of reconciles at once, and a second.").Default("100").Int(),
		leaderElection:      app.Flag("leader-election", "Elect a leader among several providers.").Short('l').Default("false").Envar("LEADER_ELECTION").Bool(),
		metricsBindAddress:  app.Flag("metrics-bind-address", "Address of the metrics server; 0 for none.").Default(":8080").Envar("METRICS_BIND_ADDRESS").String(),
		metricsCertDir:      app.Flag("metrics-cert-dir", "Folder with tls.crt and tls.key of the metrics server. Without it metrics are served in plain.").Envar("METRICS_CERT_DIR").String(),
		healthProbeBindAddr: app.Flag("health-probe-bind-addr", "Address of the health probes.").Default(":8081").Envar("HEALTH_PROBE_BIND_ADDRESS").String(),

		moverImage: app.Flag("mover-image", "Image of the mover, for configurations that name none. Default: mover-wukong beside the image that the provider's own pod runs, with the provider's version as its tag.").Envar("WUKONG_MOVER_IMAGE").String(),
		namespace:  app.Flag("namespace", "Namespace of the provider's own pod, where its image is read and leaders are elected.").Envar("POD_NAMESPACE").String(),
		pod:        app.Flag("pod", "Name of the provider's own pod. Default: the host name.").Envar("POD_NAME").String(),

		enableManagementPolicies: app.Flag("enable-management-policies", "Support management policies.").Default("true").Envar("ENABLE_MANAGEMENT_POLICIES").Bool(),
		enableChangeLogs:         app.Flag("enable-changelogs", "Write a change log of what is created, updated and deleted.").Default("false").Envar("ENABLE_CHANGE_LOGS").Bool(),
		changeLogsSocketPath:     app.Flag("changelogs-socket-path", "Socket of the change log's sidecar.").Default("/var/run/changelogs/changelogs.sock").Envar("CHANGELOGS_SOCKET_PATH").String(),
	}
}

// validate says what is wrong with the options.
func (o *options) validate() error {
	if *o.maxReconcileRate < 1 {
		return errors.Errorf("cannot use --max-reconcile-rate %d: it is less than 1", *o.maxReconcileRate)
	}
	if *o.pollInterval <= 0 {
		return errors.Errorf("cannot use --poll %s: it is not positive", *o.pollInterval)
	}
	return nil
}
