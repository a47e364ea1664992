// SPDX-License-Identifier: Apache-2.0

// Package layout says where the cluster keeps its files and which addresses
// and names it has. Every other package asks here.
package layout

import (
	"path/filepath"
	"strings"
)

// Addresses of the cluster's own network namespace.
const (
	NodeName    = "node1"
	NodeIP      = "10.250.0.1"
	PodCIDR     = "10.244.0.0/24"
	ServiceCIDR = "10.96.0.0/16"
	ServiceIP   = "10.96.0.1" // of the API server, the first of ServiceCIDR
	APIServer   = "https://" + NodeIP + ":6443"
	Etcd        = "http://127.0.0.1:2379"
	Registry    = NodeIP + ":5000"
	S3          = NodeIP + ":7070"

	// RegistryName is the registry in image references; the node's container
	// runtime fetches all images from Registry, whatever they name.
	RegistryName = "registry.local:5000"
	PauseImage   = RegistryName + "/pause:1"

	// S3AccessKey and S3SecretKey are the S3 server's root account, and
	// ImagesUser and ImagesPassword open /auth/ of the image server. They are
	// public: the cluster can be reached from this machine only.
	S3AccessKey    = "wukong"
	S3SecretKey    = "wukong-secret"
	ImagesUser     = "wukong"
	ImagesPassword = "secret"
)

// The names in manifests that stand for servers of the users' own: two of them
// are the registry and the S3 server, by https, and the others serve images.
const (
	UserRegistry = "registry.example.com"
	UserS3       = "s3.example.com"
)

// UserImages returns the others of those names.
func UserImages() []string { return []string{"example.com", "cloud-images.ubuntu.com"} }

// UserHosts returns all of those names.
func UserHosts() []string { return append(UserImages(), UserRegistry, UserS3) }

// Hosts returns the names that resolve to the node inside the cluster.
func Hosts() []string {
	return append([]string{NodeName, "registry.local"}, append(UserHosts(), "images.example.com")...)
}

// State is the folder that holds everything of a running cluster. Its path
// must be short: sockets below it have to fit into 108 bytes.
type State string

// CgroupRoot returns the cgroup that holds every pod. It is the machine's, so
// each state folder has one of its own.
func (s State) CgroupRoot() string {
	return "/" + strings.ReplaceAll(strings.Trim(string(s), "/"), "/", "-")
}

func (s State) path(elem ...string) string {
	return filepath.Join(append([]string{string(s)}, elem...)...)
}

// Etc returns the path of a configuration file.
func (s State) Etc(elem ...string) string { return s.path(append([]string{"etc"}, elem...)...) }

// Data returns the path of a component's data.
func (s State) Data(elem ...string) string { return s.path(append([]string{"data"}, elem...)...) }

// Kubelet returns the kubelet's root folder.
func (s State) Kubelet() string { return s.path("kubelet") }

// Logs returns the path of a component's log.
func (s State) Logs(elem ...string) string { return s.path(append([]string{"logs"}, elem...)...) }

// WWW returns the folder that the image server serves.
func (s State) WWW() string { return s.path("www") }

// ImagesCA returns the certificate that the image server's is signed with.
func (s State) ImagesCA() string { return s.path("images-ca.crt") }

// UsersCA returns the certificate that those of the users' hosts are signed with.
func (s State) UsersCA() string { return s.path("users-ca.crt") }

// Kubeconfig returns a user's kubeconfig; "admin" may do everything.
func (s State) Kubeconfig(user string) string { return s.Etc(user + ".kubeconfig") }

// Key and Certificate return the files of a key pair.
func (s State) Key(name string) string { return s.Etc("pki", name+".key") }

// Certificate is described at Key.
func (s State) Certificate(name string) string { return s.Etc("pki", name+".crt") }

// Ready returns the file that exists while a complete cluster runs.
func (s State) Ready() string { return s.path("ready") }

// Programs returns the file that says where the running cluster's programs are.
func (s State) Programs() string { return s.path("programs.json") }

// Addon returns the file that says how far an addon's installation is.
func (s State) Addon(name string) string { return s.path(name + ".addon") }

// UpLock returns the file that is locked while the cluster is brought up or
// down.
func (s State) UpLock() string { return s.path("up.lock") }

// InitLock returns the file that the cluster's first process keeps locked, and
// that holds its process number.
func (s State) InitLock() string { return s.path("init.pid") }
