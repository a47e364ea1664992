// SPDX-License-Identifier: Apache-2.0

// Command provisioner runs external-provisioner's controller for one CSI
// driver, with a fixed set of options: upstream's own main does not build with
// the client-go of this module.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/kubernetes-csi/csi-lib-utils/metrics"
	csi "github.com/kubernetes-csi/external-provisioner/v6/pkg/controller"
	snapshots "github.com/kubernetes-csi/external-snapshotter/client/v8/clientset/versioned"
	"google.golang.org/grpc"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/util/workqueue"
	translation "k8s.io/csi-translation-lib"
	"sigs.k8s.io/sig-storage-lib-external-provisioner/v13/controller"
)

// callTimeout bounds one CSI call. Copying a large source takes long; a call
// that is cut short is repeated, and the driver finishes it all the same.
const callTimeout = time.Minute

func main() {
	kubeconfig := flag.String("kubeconfig", "", "kubeconfig file")
	address := flag.String("csi-address", "", "the driver's socket, as unix:///path")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *kubeconfig, *address); err != nil {
		fmt.Fprintln(os.Stderr, "provisioner:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, kubeconfig, address string) error {
	config, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return fmt.Errorf("cannot read kubeconfig: %w", err)
	}
	config.QPS, config.Burst = 50, 100
	recorder := metrics.NewCSIMetricsManagerWithOptions("",
		metrics.WithProcessStartTime(false), metrics.WithSubsystem(metrics.SubsystemSidecar))
	conn, err := csi.Connect(ctx, address, recorder)
	if err != nil {
		return fmt.Errorf("cannot connect to driver: %w", err)
	}
	if err := csi.Probe(ctx, conn, callTimeout); err != nil {
		return fmt.Errorf("cannot probe driver: %w", err)
	}
	return provision(ctx, config, conn)
}

func provision(ctx context.Context, config *rest.Config, conn *grpc.ClientConn) error {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("cannot make client: %w", err)
	}
	snapshotClient, err := snapshots.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("cannot make snapshot client: %w", err)
	}
	driver, err := csi.GetDriverName(conn, callTimeout)
	if err != nil {
		return fmt.Errorf("cannot ask driver for its name: %w", err)
	}
	plugin, control, err := csi.GetDriverCapabilities(conn, callTimeout)
	if err != nil {
		return fmt.Errorf("cannot ask driver for its capabilities: %w", err)
	}

	factory := informers.NewSharedInformerFactory(client, csi.ResyncPeriodOfCsiNodeInformer)
	claims := factory.Core().V1().PersistentVolumeClaims()
	classes := factory.Storage().V1().StorageClasses()
	claimInformer := claims.Informer()
	provisioner := csi.NewCSIProvisioner(client, callTimeout, driver, "pvc", -1, conn, snapshotClient, driver,
		plugin, control, "", false, true, translation.New(), classes.Lister(), nil, nil, claims.Lister(), nil, nil,
		true, "ext4", nil, false, true, nil)
	main := controller.NewProvisionController(ctx, client, driver, provisioner,
		controller.LeaderElection(false),
		controller.FailedProvisionThreshold(0),
		controller.FailedDeleteThreshold(0),
		controller.RateLimiter(backoff()),
		controller.CreateProvisionedPVLimiter(workqueue.DefaultTypedControllerRateLimiter[string]()),
		controller.Threadiness(4),
		controller.ClaimsInformer(claimInformer),
		controller.AddFinalizer(true))
	clones := csi.NewCloningProtectionController(client, claims.Lister(), claimInformer,
		workqueue.NewTypedRateLimitingQueue(backoff()), control)

	factory.Start(ctx.Done())
	factory.WaitForCacheSync(ctx.Done())
	if clones != nil {
		go clones.Run(ctx, 2, nil)
	}
	main.Run(ctx)
	return nil
}

// backoff is shorter than upstream's, since everything is on one machine.
func backoff() workqueue.TypedRateLimiter[string] {
	return workqueue.NewTypedItemExponentialFailureRateLimiter[string](200*time.Millisecond, 10*time.Second)
}
