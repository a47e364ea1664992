// SPDX-License-Identifier: Apache-2.0

package config

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"os"

	"github.com/novasphere/provider-wukong/cluster/internal/layout"
	"github.com/novasphere/provider-wukong/cluster/internal/pki"
)

// users are the clients of the API server, by the name of their kubeconfig.
func users() map[string]pki.Request {
	return map[string]pki.Request{
		"admin":              {CommonName: "admin", Organization: "system:masters"},
		"controller-manager": {CommonName: "system:kube-controller-manager"},
		"scheduler":          {CommonName: "system:kube-scheduler"},
		"node":               {CommonName: "system:node:" + layout.NodeName, Organization: "system:nodes"},
		"proxy":              {CommonName: "system:kube-proxy"},
	}
}

// servers are the other key pairs that the cluster's authority signs.
func servers() map[string]pki.Request {
	return map[string]pki.Request{
		"apiserver": {CommonName: "kube-apiserver", Names: []string{
			"127.0.0.1", layout.NodeIP, layout.ServiceIP, "localhost", layout.NodeName,
			"kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
		}},
		"kubelet":           {CommonName: layout.NodeName, Names: []string{layout.NodeIP, layout.NodeName}},
		"apiserver-kubelet": {CommonName: "kube-apiserver-kubelet-client", Organization: "system:masters"},
	}
}

// writeKeys makes four authorities: the cluster's, the one that aggregated
// API servers trust the API server by, the image server's, which no client
// trusts unless it is told to, and the one of the users' hosts. It stands for
// the public ones.
func writeKeys(s layout.State) error {
	cluster, err := authority(s, "ca", "cluster-ca")
	if err != nil {
		return err
	}
	front, err := authority(s, "front-proxy-ca", "front-proxy-ca")
	if err != nil {
		return err
	}
	for name, request := range servers() {
		if err := pair(s, cluster, name, request); err != nil {
			return err
		}
	}
	if err := pair(s, front, "front-proxy", pki.Request{CommonName: "front-proxy-client"}); err != nil {
		return err
	}
	for name, hosts := range map[string][]string{"images": append(layout.Hosts(), layout.NodeIP), "users": layout.UserHosts()} {
		if err := server(s, name, hosts); err != nil {
			return err
		}
	}
	for name, request := range users() {
		if err := kubeconfig(s, cluster, name, request); err != nil {
			return err
		}
	}
	return serviceAccountKey(s)
}

// server makes a key pair of nginx's, and an authority of its own that signs it.
func server(s layout.State, name string, hosts []string) error {
	a, err := authority(s, name+"-ca", name+"-ca")
	if err != nil {
		return err
	}
	at := map[string]string{"images": s.ImagesCA(), "users": s.UsersCA()}[name]
	if err := os.WriteFile(at, a.CertificatePEM(), 0o644); err != nil {
		return fmt.Errorf("cannot write authority of %s: %w", name, err)
	}
	return pair(s, a, name, pki.Request{CommonName: name, Names: hosts})
}

func authority(s layout.State, name, commonName string) (*pki.Pair, error) {
	a, err := pki.NewAuthority(commonName)
	if err != nil {
		return nil, err
	}
	err = a.Write(s.Etc("pki"), name)
	return a, err
}

func pair(s layout.State, by *pki.Pair, name string, r pki.Request) error {
	p, err := by.Sign(r)
	if err != nil {
		return err
	}
	return p.Write(s.Etc("pki"), name)
}

func kubeconfig(s layout.State, cluster *pki.Pair, user string, r pki.Request) error {
	p, err := cluster.Sign(r)
	if err != nil {
		return err
	}
	key, err := p.KeyPEM()
	if err != nil {
		return err
	}
	encode := base64.StdEncoding.EncodeToString
	content, err := render("kubeconfig", struct{ Server, User, CA, Certificate, Key string }{
		layout.APIServer, user, encode(cluster.CertificatePEM()), encode(p.CertificatePEM()), encode(key),
	})
	if err != nil {
		return err
	}
	return write(s.Kubeconfig(user), content)
}

// serviceAccountKey makes the key that service-account tokens are signed with.
func serviceAccountKey(s layout.State) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return fmt.Errorf("cannot make key of service accounts: %w", err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		return fmt.Errorf("cannot encode key of service accounts: %w", err)
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return fmt.Errorf("cannot encode key of service accounts: %w", err)
	}
	if err := write(s.Key("service-accounts"), string(pem.EncodeToMemory(&pem.Block{Type: "EC PRIVATE KEY", Bytes: private}))); err != nil {
		return err
	}
	return write(s.Etc("pki", "service-accounts.pub"), string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})))
}
