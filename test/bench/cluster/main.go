// SPDX-License-Identifier: Apache-2.0

// Command cluster measures the provider on the throwaway cluster: how long a
// Wukong takes beside the transfer itself, and what a hundred of them at once
// cost. It prints Markdown; hack/bench.sh starts it in the cluster and puts what
// it prints into docs/benchmarks.md.
//
// It needs the configuration with claims and KubeVirt, because Ready on a claim
// includes the machine, and KUBECONFIG.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// namespace is where everything happens. It is made anew.
const namespace = "bench"

func main() {
	host := flag.String("host", "s3.example.com", "a name by which pods reach this machine")
	mover := flag.String("mover", "", "the mover's image, which reads the claims of the crowd")
	runs := flag.Int("runs", 5, "Wukongs that are timed one after another")
	crowd := flag.Int("crowd", 100, "Wukongs at once; 0: none")
	disks := flag.Int("disks", 3, "disks of each of them")
	flag.Parse()
	if *crowd > 0 && *mover == "" {
		fmt.Fprintln(os.Stderr, "bench: name the mover's image with -mover, or ask for no crowd: -crowd 0")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := measure(ctx, *host, *mover, *runs, *crowd, *disks)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// A bench is a namespace on the cluster, and the server of its images.
type bench struct {
	client.Client
	pods   typedcorev1.PodInterface
	images *server
	mover  string
	log    io.Writer
}

func measure(ctx context.Context, host, mover string, runs, crowd, disks int) error {
	c, pods, err := connect()
	if err != nil {
		return err
	}
	s, err := serve(ctx, host)
	if err != nil {
		return err
	}
	defer s.Close()
	b := &bench{Client: c, pods: pods, images: s, mover: mover, log: os.Stderr}
	if err := b.clear(ctx); err != nil {
		return err
	}
	if err := b.Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}); err != nil {
		return fmt.Errorf("cannot make namespace %s: %w", namespace, err)
	}
	if err := b.latencies(ctx, runs); err != nil {
		return err
	}
	if crowd > 0 {
		if err := b.crowd(ctx, crowd, disks); err != nil {
			return err
		}
	}
	return b.clear(ctx)
}

// connect returns a client, and one for what the first cannot do: read logs.
func connect() (client.Client, typedcorev1.PodInterface, error) {
	config, err := clientcmd.BuildConfigFromFlags("", os.Getenv("KUBECONFIG"))
	if err != nil {
		return nil, nil, fmt.Errorf("cannot read KUBECONFIG: %w", err)
	}
	config.QPS = -1
	scheme := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, diskv1alpha1.AddToScheme, vmv1alpha1.AddToScheme} {
		if err := add(scheme); err != nil {
			return nil, nil, fmt.Errorf("cannot make scheme: %w", err)
		}
	}
	c, err := client.New(config, client.Options{Scheme: scheme})
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make client: %w", err)
	}
	core, err := typedcorev1.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("cannot make client of pods: %w", err)
	}
	return c, core.Pods(namespace), nil
}

// clear removes what a bench has left: the Wukongs first, because nothing can be
// done for one whose namespace goes.
func (b *bench) clear(ctx context.Context) error {
	if err := b.DeleteAllOf(ctx, &vmv1alpha1.Wukong{}, client.InNamespace(namespace)); err != nil {
		return fmt.Errorf("cannot delete Wukongs: %w", err)
	}
	err := until(ctx, glance, func() (bool, error) {
		left := &vmv1alpha1.WukongList{}
		err := b.List(ctx, left, client.InNamespace(namespace))
		return len(left.Items) == 0, err
	})
	if err != nil {
		return fmt.Errorf("cannot wait for Wukongs to go: %w", err)
	}
	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: namespace}}
	if err := client.IgnoreNotFound(b.Delete(ctx, ns)); err != nil {
		return fmt.Errorf("cannot delete namespace: %w", err)
	}
	return until(ctx, glance, func() (bool, error) {
		err := b.Get(ctx, client.ObjectKeyFromObject(ns), ns)
		return err != nil && client.IgnoreNotFound(err) == nil, client.IgnoreNotFound(err)
	})
}
