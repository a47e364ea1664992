// SPDX-License-Identifier: Apache-2.0

package cluster

import (
	"context"
	"sync"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/v1alpha1"
)

// A ConfigError is a configuration that cannot be used until somebody changes
// it, or something that it names.
type ConfigError struct {
	// Missing reports that the configuration or its Secret does not exist.
	Missing bool
	Err     error
}

// Error implements error.
func (e *ConfigError) Error() string { return e.Err.Error() }

// Unwrap gives errors.Is and errors.As the cause.
func (e *ConfigError) Unwrap() error { return e.Err }

func missing(format string, args ...any) error {
	return &ConfigError{Missing: true, Err: errors.Errorf(format, args...)}
}

func invalid(err error, message string) error {
	return &ConfigError{Err: errors.Wrap(err, message)}
}

// A Connector connects resources with the clusters that their configurations
// name. Connections are kept and shared; it may be used concurrently.
type Connector struct {
	local client.Client
	live  client.Reader
	own   *access
	limit func(*rest.Config) *rest.Config

	mu     sync.Mutex
	remote map[types.NamespacedName]remote
}

// remote is a connection that was made from one version of a kubeconfig.
type remote struct {
	version string
	access  *access
}

// NewConnector returns a Connector. It reads configurations with local, and
// Secrets with live; cfg is the provider's own cluster. limit sets the rates
// of a connection to another cluster.
func NewConnector(local client.Client, live client.Reader, cfg *rest.Config, limit func(*rest.Config) *rest.Config) (*Connector, error) {
	own, err := newAccess(cfg, local.Scheme())
	if err != nil {
		return nil, err
	}
	return &Connector{local: local, live: live, own: own, limit: limit, remote: map[types.NamespacedName]remote{}}, nil
}

// Connect returns the cluster that the configuration ref stands for, for a
// resource in the given namespace. A configuration that cannot be used gives
// a ConfigError.
func (c *Connector) Connect(ctx context.Context, namespace string, ref *xpv2.ProviderConfigReference) (*Cluster, error) {
	if ref == nil {
		return nil, missing("no configuration: set spec.providerConfigRef")
	}
	switch ref.Kind {
	case v1alpha1.ProviderConfigKind:
		pc := &v1alpha1.ProviderConfig{}
		if err := c.config(ctx, types.NamespacedName{Namespace: namespace, Name: ref.Name}, pc, ref); err != nil {
			return nil, err
		}
		return c.OfProviderConfig(ctx, pc)
	case v1alpha1.ClusterProviderConfigKind:
		pc := &v1alpha1.ClusterProviderConfig{}
		if err := c.config(ctx, types.NamespacedName{Name: ref.Name}, pc, ref); err != nil {
			return nil, err
		}
		return c.OfClusterProviderConfig(ctx, pc)
	}
	return nil, missing("spec.providerConfigRef.kind %q is neither ProviderConfig nor ClusterProviderConfig", ref.Kind)
}

func (c *Connector) config(ctx context.Context, key types.NamespacedName, into client.Object, ref *xpv2.ProviderConfigReference) error {
	err := c.local.Get(ctx, key, into)
	if kerrors.IsNotFound(err) {
		return missing("%s %q does not exist: create it, or name another in spec.providerConfigRef", ref.Kind, ref.Name)
	}
	return errors.Wrapf(err, "cannot get %s", ref.Kind)
}

// OfProviderConfig returns the cluster that a ProviderConfig stands for.
func (c *Connector) OfProviderConfig(ctx context.Context, pc *v1alpha1.ProviderConfig) (*Cluster, error) {
	var key *xpv2.SecretKeySelector
	if pc.Spec.Target.Source == v1alpha1.TargetSecret {
		key = pc.Spec.Target.SecretRef.ToSecretKeySelector(pc.GetNamespace())
	}
	return c.of(ctx, key, pc.Spec.Settings)
}

// OfClusterProviderConfig returns the cluster that a ClusterProviderConfig
// stands for.
func (c *Connector) OfClusterProviderConfig(ctx context.Context, pc *v1alpha1.ClusterProviderConfig) (*Cluster, error) {
	var key *xpv2.SecretKeySelector
	if pc.Spec.Target.Source == v1alpha1.TargetSecret {
		key = pc.Spec.Target.SecretRef
	}
	return c.of(ctx, key, pc.Spec.Settings)
}

// OwnCluster returns the provider's own cluster, with default settings.
func (c *Connector) OwnCluster() *Cluster {
	return &Cluster{Client: c.own.client, typed: c.own.typed, Own: true}
}

func (c *Connector) of(ctx context.Context, key *xpv2.SecretKeySelector, s v1alpha1.Settings) (*Cluster, error) {
	if key == nil {
		own := c.OwnCluster()
		own.Settings = s
		return own, nil
	}
	a, err := c.remoteAccess(ctx, key)
	if err != nil {
		return nil, err
	}
	return &Cluster{Client: a.client, typed: a.typed, Settings: s}, nil
}

// remoteAccess returns the connection that was made from the Secret's present
// version, and makes one when there is none.
func (c *Connector) remoteAccess(ctx context.Context, key *xpv2.SecretKeySelector) (*access, error) {
	name := types.NamespacedName{Namespace: key.Namespace, Name: key.Name}
	s := &corev1.Secret{}
	if err := c.live.Get(ctx, name, s); err != nil {
		if kerrors.IsNotFound(err) {
			return nil, missing("Secret %q with the kubeconfig of the target cluster does not exist", key.Name)
		}
		return nil, errors.Wrapf(err, "cannot get Secret %q with the kubeconfig of the target cluster", key.Name)
	}
	version := string(s.GetUID()) + "/" + s.GetResourceVersion() + "/" + key.Key

	c.mu.Lock()
	defer c.mu.Unlock()
	if r, ok := c.remote[name]; ok && r.version == version {
		return r.access, nil
	}
	cfg, err := restConfig(s.Data[key.Key])
	if err != nil {
		return nil, invalid(err, "cannot use key "+key.Key+" of Secret "+key.Name+" as a kubeconfig")
	}
	a, err := newAccess(c.limit(cfg), c.local.Scheme())
	if err != nil {
		return nil, invalid(err, "cannot use kubeconfig of Secret "+key.Name)
	}
	c.remote[name] = remote{version: version, access: a}
	return a, nil
}

// restConfig parses a kubeconfig. One that names files or commands of the
// provider's own pod is refused: whoever may write a Secret must not read the
// one, or run the other.
func restConfig(b []byte) (*rest.Config, error) {
	if len(b) == 0 {
		return nil, errors.New("it is empty")
	}
	k, err := clientcmd.Load(b)
	if err != nil {
		// The parser repeats what it read, which may hold a password.
		return nil, errors.New("it is not a kubeconfig")
	}
	for _, u := range k.AuthInfos {
		if namesFilesOrCommands(u) {
			return nil, errors.New("it names files or commands for authentication: put certificates and tokens into it")
		}
	}
	for _, cl := range k.Clusters {
		if cl.CertificateAuthority != "" {
			return nil, errors.New("it names a file for the certificate authority: put it into certificate-authority-data")
		}
	}
	cfg, err := clientcmd.NewDefaultClientConfig(*k, &clientcmd.ConfigOverrides{}).ClientConfig()
	return cfg, errors.Wrap(err, "it is not complete")
}

func namesFilesOrCommands(u *clientcmdapi.AuthInfo) bool {
	return u.ClientCertificate != "" || u.ClientKey != "" || u.TokenFile != "" || u.Exec != nil || u.AuthProvider != nil
}
