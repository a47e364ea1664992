// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"os"
	"testing"

	"github.com/go-logr/logr"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/log"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/apis/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// A cluster is the one under test. Its client asks for strict validation: a
// field that the API does not know is an error.
type cluster struct {
	client.Client

	// core has what a generic client lacks: logs and the proxy to a pod.
	core kubernetes.Interface
}

func connect(t *testing.T) cluster {
	t.Helper()
	log.SetLogger(logr.Discard())
	config, err := clientcmd.BuildConfigFromFlags("", setting(t, "KUBECONFIG"))
	if err != nil {
		t.Fatalf("cannot read KUBECONFIG: %v", err)
	}
	// The tests run side by side and poll: the client's own limit would only
	// make them wait for each other.
	config.QPS, config.Burst = 200, 400

	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatalf("cannot make client: %v", err)
	}
	c, err := client.New(config, client.Options{Scheme: scheme(t)})
	if err != nil {
		t.Fatalf("cannot make client: %v", err)
	}
	return cluster{Client: client.WithFieldValidation(c, metav1.FieldValidationStrict), core: core}
}

func scheme(t *testing.T) *runtime.Scheme {
	t.Helper()
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme,
		v1alpha1.AddToScheme,
		diskv1alpha1.AddToScheme,
		vmv1alpha1.AddToScheme,
	} {
		if err := add(s); err != nil {
			t.Fatalf("cannot make scheme: %v", err)
		}
	}
	return s
}

// setting returns an environment variable that doc.go lists.
func setting(t *testing.T, name string) string {
	t.Helper()
	v := os.Getenv(name)
	if v == "" {
		t.Fatalf("%s is not set: run the tests with hack/e2e.sh", name)
	}
	return v
}
