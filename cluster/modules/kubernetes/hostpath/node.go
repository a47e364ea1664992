// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"golang.org/x/sys/unix"
)

// nodeServer brings volumes to pods.
type nodeServer struct {
	csi.UnimplementedNodeServer

	store *store
	node  string
	// devices are the loop devices of the staged volumes, by volume. Holding
	// them open keeps autoclear from detaching them. Guarded by store.mu.
	devices map[string]*os.File
}

// NodeGetInfo returns the node's name.
func (n *nodeServer) NodeGetInfo(context.Context, *csi.NodeGetInfoRequest) (*csi.NodeGetInfoResponse, error) {
	return &csi.NodeGetInfoResponse{NodeId: n.node}, nil
}

// NodeGetCapabilities offers staging and expansion.
func (n *nodeServer) NodeGetCapabilities(context.Context, *csi.NodeGetCapabilitiesRequest) (*csi.NodeGetCapabilitiesResponse, error) {
	response := &csi.NodeGetCapabilitiesResponse{}
	for _, t := range []csi.NodeServiceCapability_RPC_Type{
		csi.NodeServiceCapability_RPC_STAGE_UNSTAGE_VOLUME,
		csi.NodeServiceCapability_RPC_EXPAND_VOLUME,
	} {
		response.Capabilities = append(response.Capabilities, &csi.NodeServiceCapability{
			Type: &csi.NodeServiceCapability_Rpc{Rpc: &csi.NodeServiceCapability_RPC{Type: t}},
		})
	}
	return response, nil
}

// NodeStageVolume attaches the volume to a loop device and mounts its file
// system, grown to the size that the volume has by now.
func (n *nodeServer) NodeStageVolume(ctx context.Context, q *csi.NodeStageVolumeRequest) (*csi.NodeStageVolumeResponse, error) {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	v, err := n.store.get(q.GetVolumeId())
	if err != nil {
		return nil, answer(err)
	}
	device, err := n.attach(v.ID)
	if err != nil {
		return nil, answer(err)
	}
	if v.Block {
		return &csi.NodeStageVolumeResponse{}, nil
	}
	at, err := mountOf(device)
	if err != nil || at != "" {
		return &csi.NodeStageVolumeResponse{}, answer(err)
	}
	if err := n.store.grow(ctx, v, device); err != nil {
		return nil, answer(err)
	}
	if err := unix.Mount(device, q.GetStagingTargetPath(), "ext4", unix.MS_NOATIME, ""); err != nil {
		return nil, answer(fmt.Errorf("cannot mount %s: %w", device, err))
	}
	return &csi.NodeStageVolumeResponse{}, nil
}

func (n *nodeServer) attach(id string) (string, error) {
	if f := n.devices[id]; f != nil {
		return f.Name(), nil
	}
	image := n.store.image(id)
	// A driver that was started again finds what the one before attached.
	device, err := loopOf(image)
	if err != nil {
		return "", err
	}
	var f *os.File
	if device != "" {
		f, err = os.OpenFile(device, os.O_RDWR, 0)
	} else {
		f, err = attachLoop(image)
	}
	if err != nil {
		return "", err
	}
	n.devices[id] = f
	return f.Name(), nil
}

// NodeUnstageVolume unmounts and detaches the volume.
func (n *nodeServer) NodeUnstageVolume(_ context.Context, q *csi.NodeUnstageVolumeRequest) (*csi.NodeUnstageVolumeResponse, error) {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	if err := unmount(q.GetStagingTargetPath()); err != nil {
		return nil, answer(err)
	}
	if f := n.devices[q.GetVolumeId()]; f != nil {
		delete(n.devices, q.GetVolumeId())
		if err := f.Close(); err != nil {
			return nil, answer(err)
		}
	}
	return &csi.NodeUnstageVolumeResponse{}, nil
}

// NodePublishVolume binds the staged volume to where a pod finds it.
func (n *nodeServer) NodePublishVolume(_ context.Context, q *csi.NodePublishVolumeRequest) (*csi.NodePublishVolumeResponse, error) {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	v, err := n.store.get(q.GetVolumeId())
	if err != nil {
		return nil, answer(err)
	}
	source, target := q.GetStagingTargetPath(), q.GetTargetPath()
	if v.Block {
		if source, err = n.attach(v.ID); err != nil {
			return nil, answer(err)
		}
	}
	if err := makeTarget(target, v.Block); err != nil {
		return nil, answer(err)
	}
	return &csi.NodePublishVolumeResponse{}, answer(bind(source, target, q.GetReadonly() && !v.Block))
}

// makeTarget makes the file that a device, or the folder that a file system is
// bound to.
func makeTarget(target string, block bool) error {
	if !block {
		return os.MkdirAll(target, 0o750)
	}
	if err := os.MkdirAll(filepath.Dir(target), 0o750); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// NodeUnpublishVolume undoes NodePublishVolume.
func (n *nodeServer) NodeUnpublishVolume(_ context.Context, q *csi.NodeUnpublishVolumeRequest) (*csi.NodeUnpublishVolumeResponse, error) {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	if err := unmount(q.GetTargetPath()); err != nil {
		return nil, answer(err)
	}
	if err := os.Remove(q.GetTargetPath()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, answer(err)
	}
	return &csi.NodeUnpublishVolumeResponse{}, nil
}

// NodeExpandVolume makes the loop device and the file system as large as the
// volume. Where the machine does not let a mounted file system grow, it does
// when it is staged the next time.
func (n *nodeServer) NodeExpandVolume(ctx context.Context, q *csi.NodeExpandVolumeRequest) (*csi.NodeExpandVolumeResponse, error) {
	n.store.mu.Lock()
	defer n.store.mu.Unlock()
	v, err := n.store.get(q.GetVolumeId())
	if err != nil {
		return nil, answer(err)
	}
	f := n.devices[v.ID]
	if f == nil {
		return &csi.NodeExpandVolumeResponse{CapacityBytes: v.Size}, nil
	}
	if err := unix.IoctlSetInt(int(f.Fd()), unix.LOOP_SET_CAPACITY, 0); err != nil {
		return nil, answer(fmt.Errorf("cannot grow %s: %w", f.Name(), err))
	}
	if v.Block || v.Inside == v.Size {
		return &csi.NodeExpandVolumeResponse{CapacityBytes: v.Size}, nil
	}
	if err := command(ctx, "resize2fs", f.Name()); err != nil {
		return nil, answer(err)
	}
	v.Inside = v.Size
	return &csi.NodeExpandVolumeResponse{CapacityBytes: v.Size}, answer(n.store.put(v))
}
