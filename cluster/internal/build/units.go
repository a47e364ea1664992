// SPDX-License-Identifier: Apache-2.0

package build

import (
	"path"
	"strings"
)

// A Program is a main package and the name that its binary gets.
type Program struct{ Name, Package string }

// A Unit is what one go build makes: programs that share most of their
// packages, and are needed together.
type Unit struct {
	Name     string
	Module   string    // folder below cluster/modules
	Programs []Program // names are unique over all units
	Tags     string
	LDFlags  string
	Takes    string // with an empty build cache on two cores
}

// Names of the units.
const (
	Kubernetes = "kubernetes"
	Etcd       = "etcd"
	Node       = "node"
	Registry   = "registry"
	Images     = "images"
	S3         = "s3"
	Crossplane = "crossplane"
	CDI        = "cdi"
	KubeVirt   = "kubevirt"
)

const (
	kubernetesVersion = "-X k8s.io/component-base/version.gitVersion=v1.37.2" +
		" -X k8s.io/component-base/version.gitMajor=1 -X k8s.io/component-base/version.gitMinor=37" +
		" -X k8s.io/client-go/pkg/version.gitVersion=v1.37.2"
	crossplaneVersion = "-X github.com/crossplane/crossplane-runtime/v2/pkg/version.version=v2.4.0"
	cdiModule         = "kubevirt.io/containerized-data-importer"
	kubevirtModule    = "kubevirt.io/kubevirt"
	kubevirtVersion   = "-X kubevirt.io/client-go/version.gitVersion=v1.7.0"
)

// Units returns every unit, in the order in which the cluster needs them.
func Units() []Unit {
	return []Unit{
		{Name: Images, Module: "kubernetes", Programs: programs("", "./mkimg", "./chart"), Takes: "a minute"},
		{
			Name: Kubernetes, Module: "kubernetes", LDFlags: kubernetesVersion, Takes: "8 minutes",
			Programs: programs("k8s.io/kubernetes/cmd",
				"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy", "kubectl"),
		},
		{Name: Etcd, Module: "kubernetes", Programs: programs("", "go.etcd.io/etcd/server/v3"), Takes: "half a minute"},
		{
			Name: Node, Module: "kubernetes", Takes: "2 minutes",
			Programs: append(
				programs("github.com/kubernetes-csi",
					"external-resizer/v2/cmd/csi-resizer",
					"external-snapshotter/v8/cmd/csi-snapshotter",
					"external-snapshotter/v8/cmd/snapshot-controller"),
				programs("", "./dns", "./hostpath", "./localpath", "./pause", "./provisioner")...),
		},
		{Name: Registry, Module: "registry", Programs: []Program{{Name: "registry", Package: "."}}, Takes: "half a minute"},
		{Name: S3, Module: "s3", Programs: programs("github.com/versity/versitygw/cmd", "versitygw"), Takes: "a minute"},
		{
			Name: Crossplane, Module: "crossplane", LDFlags: crossplaneVersion, Takes: "3 minutes",
			Programs: programs("github.com/crossplane/crossplane/v2/cmd", "crossplane"),
		},
		{
			Name: CDI, Module: "cdi", Takes: "4 minutes",
			// Without the tag, containers/image wants gpgme, and so cgo.
			Tags: "containers_image_openpgp",
			Programs: append(
				programs(cdiModule+"/cmd", "cdi-apiserver", "cdi-cloner", "cdi-controller", "cdi-importer",
					"cdi-operator", "cdi-uploadproxy", "cdi-uploadserver"),
				programs(cdiModule+"/tools", "cdi-containerimage-server", "cdi-image-size-detection",
					"cdi-source-update-poller", "manifest-generator")...),
		},
		{
			Name: KubeVirt, Module: "kubevirt", LDFlags: kubevirtVersion, Takes: "4 minutes",
			// Of KubeVirt, what runs without a hypervisor.
			Programs: append(
				programs(kubevirtModule+"/cmd", "virt-api", "virt-controller", "virt-operator"),
				programs(kubevirtModule+"/tools", "manifest-templator")...),
		},
	}
}

// Find returns the unit of a name, or the one that makes a program of it.
func Find(name string) (Unit, bool) {
	for _, u := range Units() {
		if u.Name == name {
			return u, true
		}
		for _, p := range u.Programs {
			if p.Name == name {
				return u, true
			}
		}
	}
	return Unit{}, false
}

// programs returns the programs of packages below a prefix, named as go build
// would name them; etcd's server alone goes by another name.
func programs(prefix string, packages ...string) []Program {
	var all []Program
	for _, p := range packages {
		if prefix != "" {
			p = prefix + "/" + p
		}
		name := binary(p)
		if name == "server" {
			name = "etcd"
		}
		all = append(all, Program{Name: name, Package: p})
	}
	return all
}

// binary returns the name that go build gives to a package's binary: the last
// element of its path that is no major version.
func binary(pkg string) string {
	last := path.Base(pkg)
	if strings.Trim(last, "0123456789") == "v" {
		return path.Base(path.Dir(pkg))
	}
	return last
}
