// SPDX-License-Identifier: Apache-2.0

//go:build linux

package node

import (
	"context"
	"fmt"
	"os/exec"

	"github.com/novasphere/provider-wukong/cluster/internal/build"
	"github.com/novasphere/provider-wukong/cluster/internal/host"
	"github.com/novasphere/provider-wukong/cluster/internal/layout"
)

// driverSocket is the CSI driver's, below the kubelet's root.
const driverSocket = "/plugins/hostpath.csi.local/csi.sock"

// A stage is what can start at once, and what must be true before the next.
type stage struct {
	components []Component
	wait       func(context.Context) error
}

// stages returns the node's components in their order.
func (n *Node) stages() []stage {
	return []stage{
		{
			components: []Component{n.etcd(), n.containerd(), n.registry(), n.images(), n.s3()},
			wait:       n.answers(layout.Etcd + "/health"),
		},
		{components: []Component{n.apiServer()}, wait: n.answers(layout.APIServer + "/readyz")},
		{components: append(n.control(), n.dns()), wait: n.pushPause},
		{components: append([]Component{n.kubelet(), n.proxy(), n.driver()}, n.storage()...), wait: ready},
	}
}

func ready(context.Context) error { return nil }

// pushPause puts the image of every pod's sandbox into the registry.
func (n *Node) pushPause(ctx context.Context) error {
	if err := n.answers("http://" + layout.Registry + "/v2/")(ctx); err != nil {
		return err
	}
	output, err := exec.CommandContext(ctx, n.Bin.Path(build.Images, "mkimg"), "-ref", layout.PauseImage,
		"-push", layout.Registry, "-add", n.Bin.Path(build.Node, "pause")+":/pause", "-entrypoint", "/pause").CombinedOutput()
	if err != nil {
		return fmt.Errorf("cannot push pause image: %w: %s", err, output)
	}
	return nil
}

func (n *Node) etcd() Component {
	return Component{Name: "etcd", Argv: []string{
		n.Bin.Path(build.Etcd, "etcd"), "--name=node1", "--data-dir=" + n.State.Data("etcd"),
		"--listen-client-urls=" + layout.Etcd, "--advertise-client-urls=" + layout.Etcd,
		"--listen-peer-urls=http://127.0.0.1:2380",
		"--unsafe-no-fsync", // the data need not survive the machine
	}}
}

func (n *Node) containerd() Component {
	return Component{Name: "containerd", Argv: []string{host.Find("containerd"), "--config", n.State.Etc("containerd.toml")}}
}

func (n *Node) registry() Component {
	return Component{Name: "registry", Argv: []string{
		n.Bin.Path(build.Registry, "registry"), "-addr", layout.Registry, "-dir", n.State.Data("registry"),
	}}
}

func (n *Node) images() Component {
	return Component{Name: "nginx", Argv: []string{host.Find("nginx"), "-e", n.State.Logs("nginx.log"), "-c", n.State.Etc("nginx.conf")}}
}

func (n *Node) s3() Component {
	return Component{
		Name: "s3",
		Argv: []string{
			n.Bin.Path(build.S3, "versitygw"), "--port", layout.S3, "--quiet",
			"posix", "--versioning-dir", n.State.Data("s3-versions"), n.State.Data("s3"),
		},
		Env: []string{"ROOT_ACCESS_KEY=" + layout.S3AccessKey, "ROOT_SECRET_KEY=" + layout.S3SecretKey},
	}
}

func (n *Node) apiServer() Component {
	s := n.State
	return Component{Name: "kube-apiserver", Argv: []string{
		n.Bin.Path(build.Kubernetes, "kube-apiserver"),
		"--etcd-servers=" + layout.Etcd,
		"--advertise-address=" + layout.NodeIP, "--bind-address=0.0.0.0", "--secure-port=6443",
		"--service-cluster-ip-range=" + layout.ServiceCIDR,
		"--allow-privileged=true", "--profiling=false",
		"--authorization-mode=Node,RBAC", "--enable-admission-plugins=NodeRestriction",
		"--client-ca-file=" + s.Certificate("ca"),
		"--tls-cert-file=" + s.Certificate("apiserver"), "--tls-private-key-file=" + s.Key("apiserver"),
		"--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + s.Etc("pki", "service-accounts.pub"),
		"--service-account-signing-key-file=" + s.Key("service-accounts"),
		"--kubelet-client-certificate=" + s.Certificate("apiserver-kubelet"),
		"--kubelet-client-key=" + s.Key("apiserver-kubelet"),
		"--kubelet-certificate-authority=" + s.Certificate("ca"),
		"--kubelet-preferred-address-types=InternalIP",
		// What aggregated API servers, CDI's for one, know the API server by.
		"--requestheader-client-ca-file=" + s.Certificate("front-proxy-ca"),
		"--requestheader-allowed-names=front-proxy-client",
		"--requestheader-extra-headers-prefix=X-Remote-Extra-",
		"--requestheader-group-headers=X-Remote-Group",
		"--requestheader-username-headers=X-Remote-User",
		"--proxy-client-cert-file=" + s.Certificate("front-proxy"),
		"--proxy-client-key-file=" + s.Key("front-proxy"),
	}}
}

// control returns the controllers that need the API server only.
func (n *Node) control() []Component {
	s := n.State
	manager, scheduler := s.Kubeconfig("controller-manager"), s.Kubeconfig("scheduler")
	return []Component{
		{Name: "kube-controller-manager", Argv: []string{
			n.Bin.Path(build.Kubernetes, "kube-controller-manager"), "--leader-elect=false",
			"--kubeconfig=" + manager, "--authentication-kubeconfig=" + manager, "--authorization-kubeconfig=" + manager,
			"--root-ca-file=" + s.Certificate("ca"),
			"--service-account-private-key-file=" + s.Key("service-accounts"), "--use-service-account-credentials=true",
			"--cluster-signing-cert-file=" + s.Certificate("ca"), "--cluster-signing-key-file=" + s.Key("ca"),
			"--flex-volume-plugin-dir=" + s.Data("flexvolume"),
		}},
		{Name: "kube-scheduler", Argv: []string{
			n.Bin.Path(build.Kubernetes, "kube-scheduler"), "--leader-elect=false",
			"--kubeconfig=" + scheduler, "--authentication-kubeconfig=" + scheduler, "--authorization-kubeconfig=" + scheduler,
		}},
	}
}

func (n *Node) dns() Component {
	return Component{Name: "dns", Argv: []string{n.Bin.Path(build.Node, "dns"), "-conf", n.State.Etc("Corefile")}}
}

func (n *Node) kubelet() Component {
	return Component{Name: "kubelet", Argv: []string{
		n.Bin.Path(build.Kubernetes, "kubelet"), "--config=" + n.State.Etc("kubelet.yaml"),
		"--kubeconfig=" + n.State.Kubeconfig("node"), "--root-dir=" + n.State.Kubelet(),
		"--node-ip=" + layout.NodeIP, "--hostname-override=" + layout.NodeName,
	}}
}

func (n *Node) proxy() Component {
	return Component{Name: "kube-proxy", Argv: []string{
		n.Bin.Path(build.Kubernetes, "kube-proxy"), "--kubeconfig=" + n.State.Kubeconfig("proxy"),
		"--proxy-mode=iptables", "--hostname-override=" + layout.NodeName, "--cluster-cidr=" + layout.PodCIDR,
		// These are the machine's, not the namespace's.
		"--conntrack-max-per-core=0", "--conntrack-min=0",
		"--conntrack-tcp-timeout-established=0", "--conntrack-tcp-timeout-close-wait=0",
	}}
}

func (n *Node) driver() Component {
	return Component{Name: "csi-hostpath", Argv: []string{
		n.Bin.Path(build.Node, "hostpath"), "-kubelet", n.State.Kubelet(), "-dir", n.State.Data("volumes"), "-node", layout.NodeName,
	}}
}

// storage returns the controllers of volumes and snapshots. They run on the
// node, as its administrator, instead of in pods.
func (n *Node) storage() []Component {
	kubeconfig := "--kubeconfig=" + n.State.Kubeconfig("admin")
	socket := "--csi-address=unix://" + n.State.Kubelet() + driverSocket
	return []Component{
		{Name: "csi-provisioner", Argv: []string{n.Bin.Path(build.Node, "provisioner"), kubeconfig, socket}},
		{Name: "csi-resizer", Argv: []string{n.Bin.Path(build.Node, "csi-resizer"), kubeconfig, socket}},
		{Name: "csi-snapshotter", Argv: []string{n.Bin.Path(build.Node, "csi-snapshotter"), kubeconfig, socket}},
		{Name: "snapshot-controller", Argv: []string{n.Bin.Path(build.Node, "snapshot-controller"), kubeconfig}},
		{Name: "local-path", Argv: []string{
			n.Bin.Path(build.Node, "localpath"), kubeconfig, "-dir", n.State.Data("local-path"),
		}},
	}
}
