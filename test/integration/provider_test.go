// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-logr/logr"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/rest"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/cache"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/config"
	metricsserver "sigs.k8s.io/controller-runtime/pkg/metrics/server"

	xpcontroller "github.com/crossplane/crossplane-runtime/v2/pkg/controller"
	"github.com/crossplane/crossplane-runtime/v2/pkg/feature"
	"github.com/crossplane/crossplane-runtime/v2/pkg/logging"
	"github.com/crossplane/crossplane-runtime/v2/pkg/ratelimiter"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/cluster"
	"github.com/novasphere/provider-wukong/internal/controller"
)

const (
	class      = "integration"
	moverImage = "registry.example.com/mover-wukong:v1"
)

// faults fails writes of the provider. A plan stands for one DiskImport, whose
// name is in the path or the body of every write for it.
type faults struct {
	mu    sync.Mutex
	plans map[string]*plan
}

// plan fails one write.
type plan struct {
	nth   int  // The write that fails, the first is 1.
	after bool // It fails after the API server has done it: the answer is lost.
	hold  func(*http.Request) bool
	seen  int
}

var errFault = errors.New("the network broke off on purpose")

// wrap puts the faults before a transport.
func (f *faults) wrap(next http.RoundTripper) http.RoundTripper {
	return roundTripper(func(r *http.Request) (*http.Response, error) {
		fail, after := f.judge(r)
		if fail && !after {
			return nil, errFault
		}
		res, err := next.RoundTrip(r)
		if fail && err == nil {
			res.Body.Close()
			return nil, errFault
		}
		return res, err
	})
}

func (f *faults) judge(r *http.Request) (fail, after bool) {
	if r.Method == http.MethodGet || strings.Contains(r.URL.Path, "/events") || strings.Contains(r.URL.RawQuery, "dryRun") {
		return false, false
	}
	text := r.URL.Path + " " + body(r)
	f.mu.Lock()
	defer f.mu.Unlock()
	for name, p := range f.plans {
		if !mentions(text, name) {
			continue
		}
		if p.hold != nil {
			return p.hold(r), false
		}
		p.seen++
		return p.seen == p.nth, p.after
	}
	return false, false
}

// mentions reports whether a text holds a name, or one that begins with it. The
// end of another name does not count.
func mentions(text, name string) bool {
	for at := 0; ; at++ {
		n := strings.Index(text[at:], name)
		if n < 0 {
			return false
		}
		at += n
		if before := text[:at]; strings.TrimRight(before, "abcdefghijklmnopqrstuvwxyz0123456789-") == before {
			return true
		}
	}
}

// body reads a request's body and puts it back.
func body(r *http.Request) string {
	if r.Body == nil {
		return ""
	}
	b, err := io.ReadAll(r.Body)
	if err != nil {
		return ""
	}
	r.Body = io.NopCloser(bytes.NewReader(b))
	return string(b)
}

func (f *faults) set(name string, p *plan) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.plans[name] = p
}

func (f *faults) writes(name string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.plans[name].seen
}

// world is everything that runs beside the API server, started once.
var world struct {
	once   sync.Once
	err    error
	faults *faults
	nodes  *nodes
}

// start runs the provider, a provisioner and a kubelet for all tests.
func start(t *testing.T) {
	t.Helper()
	world.once.Do(func() { world.err = startWorld() })
	must(t, world.err)
}

func startWorld() error {
	ctx := context.Background() // It lives as long as the process.
	for _, o := range []client.Object{
		&storagev1.StorageClass{
			ObjectMeta:  metav1.ObjectMeta{Name: class, Annotations: map[string]string{"storageclass.kubernetes.io/is-default-class": "true"}},
			Provisioner: "integration.test/provisioner", AllowVolumeExpansion: new(true),
		},
		&v1alpha1.ClusterProviderConfig{ObjectMeta: metav1.ObjectMeta{Name: "default"}},
		snapshotClass(),
	} {
		if err := kube.client.Create(ctx, o); err != nil {
			return err
		}
	}
	world.nodes = newNodes()
	go world.nodes.run(ctx)
	return startProvider(ctx)
}

// labelOwn marks ImageBuckets that a provider of one test's own reconciles.
const labelOwn = "integration.test/own-provider"

func startProvider(ctx context.Context) error {
	ctrl.SetLogger(logr.Discard())
	cfg := rest.CopyConfig(kube.cfg)
	world.faults = &faults{plans: map[string]*plan{}}
	cfg.Wrap(world.faults.wrap)
	mgr, clusters, err := newManager(cfg, "!"+labelOwn)
	if err != nil {
		return err
	}
	if err := controller.Setup(mgr, controller.Options{Options: controllerOptions(), Clusters: clusters, MoverImage: moverImage}); err != nil {
		return err
	}
	go func() { _ = mgr.Start(ctx) }()
	return nil
}

// newManager makes a manager that sees the ImageBuckets with some labels.
func newManager(cfg *rest.Config, buckets string) (ctrl.Manager, *cluster.Connector, error) {
	seen, err := labels.Parse(buckets)
	if err != nil {
		return nil, nil, err
	}
	mgr, err := ctrl.NewManager(cfg, ctrl.Options{
		Scheme:  scheme(),
		Metrics: metricsserver.Options{BindAddress: "0"},
		Client:  client.Options{Cache: &client.CacheOptions{DisableFor: []client.Object{&corev1.Secret{}, &corev1.ConfigMap{}}}},
		Cache:   cache.Options{ByObject: map[client.Object]cache.ByObject{&diskv1alpha1.ImageBucket{}: {Label: seen}}},
		// One process has several.
		Controller: config.Controller{SkipNameValidation: new(true)},
	})
	if err != nil {
		return nil, nil, err
	}
	clusters, err := cluster.NewConnector(mgr.GetClient(), mgr.GetAPIReader(), mgr.GetConfig(), func(c *rest.Config) *rest.Config { return c })
	return mgr, clusters, err
}

func controllerOptions() xpcontroller.Options {
	o := xpcontroller.Options{
		Logger:                  logging.NewNopLogger(),
		MaxConcurrentReconciles: 20,
		PollInterval:            time.Minute,
		GlobalRateLimiter:       ratelimiter.NewGlobal(1000),
		Features:                &feature.Flags{},
	}
	o.Features.Enable(feature.EnableBetaManagementPolicies)
	return o
}

type roundTripper func(*http.Request) (*http.Response, error)

// RoundTrip implements http.RoundTripper.
func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }
