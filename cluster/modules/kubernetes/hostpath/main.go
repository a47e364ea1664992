// SPDX-License-Identifier: Apache-2.0

// Command hostpath is a CSI driver for the one node of a throwaway cluster.
//
// Every volume is a sparse file behind a loop device: a block volume is that
// device, a file system volume a real ext4 on it, so sizes, statfs and ENOSPC
// are what they would be on a disk. Snapshots, restores and clones are sparse
// copies. Loop devices are attached with autoclear and held open by this
// process or a mount, so none is left when the cluster is killed.
package main

import (
	"context"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc"
	registration "k8s.io/kubelet/pkg/apis/pluginregistration/v1"
)

// driverName is what StorageClasses name as their provisioner.
const driverName = "hostpath.csi.local"

func main() {
	kubelet := flag.String("kubelet", "/var/lib/kubelet", "kubelet's root folder")
	dir := flag.String("dir", "", "folder that holds the volumes")
	node := flag.String("node", "", "name of the node")
	flag.Parse()
	if *dir == "" || *node == "" {
		flag.Usage()
		os.Exit(2)
	}
	if err := run(*kubelet, *dir, *node); err != nil {
		fmt.Fprintln(os.Stderr, "hostpath:", err)
		os.Exit(1)
	}
}

func run(kubelet, dir, node string) error {
	store, err := openStore(dir)
	if err != nil {
		return err
	}
	endpoint := filepath.Join(kubelet, "plugins", driverName, "csi.sock")
	failed := make(chan error, 2)
	go func() {
		failed <- serve(endpoint, func(s *grpc.Server) {
			csi.RegisterIdentityServer(s, identity{})
			csi.RegisterControllerServer(s, &controller{store: store})
			csi.RegisterNodeServer(s, &nodeServer{store: store, node: node, devices: map[string]*os.File{}})
		})
	}()
	go func() {
		socket := filepath.Join(kubelet, "plugins_registry", driverName+"-reg.sock")
		failed <- serve(socket, func(s *grpc.Server) {
			registration.RegisterRegistrationServer(s, registrar{endpoint: endpoint})
		})
	}()
	return <-failed
}

// serve answers on a socket until it fails, and logs each call that failed.
func serve(socket string, register func(*grpc.Server)) error {
	if err := os.MkdirAll(filepath.Dir(socket), 0o755); err != nil {
		return fmt.Errorf("cannot make folder of socket: %w", err)
	}
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("cannot remove old socket: %w", err)
	}
	listener, err := net.Listen("unix", socket)
	if err != nil {
		return fmt.Errorf("cannot listen: %w", err)
	}
	server := grpc.NewServer(grpc.UnaryInterceptor(logFailures))
	register(server)
	return server.Serve(listener)
}

func logFailures(ctx context.Context, request any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	response, err := next(ctx, request)
	if err != nil {
		log.Printf("%s: %v", info.FullMethod, err)
	}
	return response, err
}
