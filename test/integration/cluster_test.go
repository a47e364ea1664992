// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/yaml"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/apis/v1alpha1"
)

const token = "integration" // The cluster listens on loopback, for minutes.

// kube is the API server of all tests, and a client with every right.
var kube struct {
	cfg    *rest.Config
	client client.WithWatch
}

func TestMain(m *testing.M) {
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func runAll(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "wukong-integration-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	stop, err := startCluster(dir)
	defer stop()
	if err != nil {
		return 1, err
	}
	return m.Run(), nil
}

// startCluster starts etcd, the API server and the controller manager, and
// installs the provider's CRDs. The function that it returns ends them.
func startCluster(dir string) (func(), error) {
	var started []*exec.Cmd
	stop := func() {
		for i := len(started) - 1; i >= 0; i-- {
			_ = started[i].Process.Kill()
			_ = started[i].Wait()
		}
	}
	start := func(name string, args ...string) error {
		cmd, err := startProgram(dir, name, args...)
		if err == nil {
			started = append(started, cmd)
		}
		return err
	}
	ports, err := freePorts(4)
	if err != nil {
		return stop, err
	}
	if err := writeFiles(dir, ports[2]); err != nil {
		return stop, err
	}
	etcd := fmt.Sprintf("http://127.0.0.1:%d", ports[0])
	if err := start("etcd", "--data-dir", filepath.Join(dir, "etcd"), "--unsafe-no-fsync",
		"--listen-client-urls", etcd, "--advertise-client-urls", etcd,
		"--listen-peer-urls", fmt.Sprintf("http://127.0.0.1:%d", ports[1])); err != nil {
		return stop, err
	}
	key := filepath.Join(dir, "sa.key")
	if err := start("kube-apiserver", "--etcd-servers", etcd, "--cert-dir", filepath.Join(dir, "certs"),
		"--bind-address", "127.0.0.1", "--secure-port", fmt.Sprint(ports[2]), "--advertise-address", "10.98.0.1",
		"--token-auth-file", filepath.Join(dir, "tokens.csv"), "--authorization-mode", "RBAC",
		"--service-account-key-file", key, "--service-account-signing-key-file", key, "--service-account-issuer", "https://integration",
		"--service-cluster-ip-range", "10.99.0.0/16", "--disable-admission-plugins", "ServiceAccount"); err != nil {
		return stop, err
	}
	kube.cfg = &rest.Config{
		Host:            fmt.Sprintf("https://127.0.0.1:%d", ports[2]),
		BearerToken:     token,
		TLSClientConfig: rest.TLSClientConfig{Insecure: true},
		QPS:             -1,
	}
	if err := connect(); err != nil {
		return stop, err
	}
	if err := start("kube-controller-manager", "--kubeconfig", filepath.Join(dir, "kubeconfig"), "--leader-elect=false",
		"--secure-port", fmt.Sprint(ports[3]), "--bind-address", "127.0.0.1", "--cert-dir", filepath.Join(dir, "certs"),
		"--controllers", "persistentvolume-binder-controller,persistentvolumeclaim-protection-controller,persistentvolume-protection-controller,job-controller,garbage-collector-controller,namespace-controller,resourcequota-controller"); err != nil {
		return stop, err
	}
	return stop, installCRDs()
}

func startProgram(dir, name string, args ...string) (*exec.Cmd, error) {
	find := exec.Command("go", "run", "../../cluster", "path", name)
	find.Env = append(os.Environ(), "CGO_ENABLED=0") // As everything else is compiled: see the Makefile.
	out, err := find.Output()
	if err != nil {
		return nil, fmt.Errorf("cannot find %s: %w", name, err)
	}
	log, err := os.Create(filepath.Join(dir, name+".log"))
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(strings.TrimSpace(string(out)), args...)
	cmd.Stdout, cmd.Stderr = log, log
	// It must not outlive a test that is killed.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	err = cmd.Start()
	return cmd, err
}

func writeFiles(dir string, port int) error {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return err
	}
	pemKey := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(k)})
	config := clientcmdapi.NewConfig()
	config.Clusters["c"] = &clientcmdapi.Cluster{Server: fmt.Sprintf("https://127.0.0.1:%d", port), InsecureSkipTLSVerify: true}
	config.AuthInfos["u"] = &clientcmdapi.AuthInfo{Token: token}
	config.Contexts["x"] = &clientcmdapi.Context{Cluster: "c", AuthInfo: "u"}
	config.CurrentContext = "x"
	return errors.Join(
		os.WriteFile(filepath.Join(dir, "sa.key"), pemKey, 0o600),
		os.WriteFile(filepath.Join(dir, "tokens.csv"), []byte(token+`,admin,admin,"system:masters"`+"\n"+tenantToken+",tenant,tenant\n"), 0o600),
		clientcmd.WriteToFile(*config, filepath.Join(dir, "kubeconfig")))
}

func freePorts(n int) ([]int, error) {
	var ports []int
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer l.Close() //nolint:gocritic // All are held until all are known: none is found twice.
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func scheme() *runtime.Scheme {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		clientgoscheme.AddToScheme, apiextensionsv1.AddToScheme, cdiv1.AddToScheme, v1alpha1.AddToScheme, diskv1alpha1.AddToScheme,
	} {
		if err := add(s); err != nil {
			panic(err)
		}
	}
	return s
}

// connect waits until the API server is ready.
func connect() error {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	return eventually(ctx, func() error {
		hc, err := rest.HTTPClientFor(kube.cfg)
		if err != nil {
			return err
		}
		res, err := hc.Get(kube.cfg.Host + "/readyz")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		if res.StatusCode != http.StatusOK {
			return errors.New("the API server is not ready: " + res.Status)
		}
		kube.client, err = client.NewWithWatch(kube.cfg, client.Options{Scheme: scheme()})
		return err
	})
}

func installCRDs() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	files, err := filepath.Glob("../../package/provider/crds/*.yaml")
	if err != nil || len(files) == 0 {
		return fmt.Errorf("cannot find CRDs: %w", err)
	}
	snapshots, err := filepath.Glob("testdata/snapshots/*.yaml")
	if err != nil || len(snapshots) == 0 {
		return fmt.Errorf("cannot find CRDs of snapshots: %w", err)
	}
	return install(ctx, append(files, snapshots...)...)
}

// install installs CRDs and waits until they are served.
func install(ctx context.Context, files ...string) error {
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err != nil {
			return err
		}
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(b, crd); err != nil {
			return err
		}
		if err := kube.client.Create(ctx, crd); err != nil {
			return fmt.Errorf("cannot install %s: %w", f, err)
		}
		if err := eventually(ctx, func() error { return established(ctx, crd) }); err != nil {
			return err
		}
	}
	return nil
}

func established(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) error {
	if err := kube.client.Get(ctx, client.ObjectKeyFromObject(crd), crd); err != nil {
		return err
	}
	for _, c := range crd.Status.Conditions {
		if c.Type == apiextensionsv1.NonStructuralSchema && c.Status == apiextensionsv1.ConditionTrue {
			return errors.New(c.Message)
		}
		if c.Type == apiextensionsv1.Established && c.Status == apiextensionsv1.ConditionTrue {
			return nil
		}
	}
	return errors.New("CRD " + crd.GetName() + " is not established")
}

// eventually tries f until it succeeds or ctx ends, and returns f's error.
func eventually(ctx context.Context, f func() error) error {
	for {
		err := f()
		if err == nil {
			return nil
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}
