// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"io"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/v1alpha1"
)

const (
	// logLines and logBytes bound what is read of a mover's log. A progress
	// line is well under 1 KiB, so the last lines hold at least one.
	logLines = 20
	logBytes = 64 << 10
)

// A Cluster is the cluster in which disks are made, and what its
// configuration says about them.
type Cluster struct {
	// Client reads from the API server itself, and writes.
	Client client.Client

	// Settings of the configuration.
	Settings v1alpha1.Settings

	// Own reports whether it is the cluster that the provider runs in.
	Own bool

	typed kubernetes.Interface
}

// access is a connection to a cluster.
type access struct {
	client client.Client
	typed  kubernetes.Interface
}

func newAccess(cfg *rest.Config, s *runtime.Scheme) (*access, error) {
	hc, err := rest.HTTPClientFor(cfg)
	if err != nil {
		return nil, errors.Wrap(err, "cannot make HTTP client for target cluster")
	}
	c, err := client.New(cfg, client.Options{Scheme: s, HTTPClient: hc})
	if err != nil {
		return nil, errors.Wrap(err, "cannot make client for target cluster")
	}
	t, err := kubernetes.NewForConfigAndClient(cfg, hc)
	if err != nil {
		return nil, errors.Wrap(err, "cannot make client for target cluster")
	}
	return &access{client: c, typed: t}, nil
}

// Log returns the last lines of a pod's log. A pod whose container has not
// begun to run has no log, which is an error of the API server.
func (c *Cluster) Log(ctx context.Context, namespace, pod string) ([]byte, error) {
	lines, limit := int64(logLines), int64(logBytes)
	o := &corev1.PodLogOptions{TailLines: &lines, LimitBytes: &limit}
	body, err := c.typed.CoreV1().Pods(namespace).GetLogs(pod, o).Stream(ctx)
	if err != nil {
		return nil, errors.Wrap(err, "cannot read log of mover")
	}
	defer body.Close() //nolint:errcheck // It was only read from.

	b, err := io.ReadAll(io.LimitReader(body, logBytes))
	return b, errors.Wrap(err, "cannot read log of mover")
}

// Version asks the cluster for its version, which shows that it answers and
// accepts the credentials.
func (c *Cluster) Version(ctx context.Context) (string, error) {
	b, err := c.typed.Discovery().RESTClient().Get().AbsPath("/version").DoRaw(ctx)
	return string(b), errors.Wrap(err, "cannot ask target cluster for its version")
}
