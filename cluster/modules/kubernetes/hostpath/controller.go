// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"io/fs"
	"time"

	"github.com/container-storage-interface/spec/lib/go/csi"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"
)

const (
	// sector is what sizes are rounded up to.
	sector = 4096
	// smallest is the smallest volume on which ext4 keeps a journal.
	smallest = 8 << 20
)

// controller makes and removes volumes and snapshots.
type controller struct {
	csi.UnimplementedControllerServer

	store *store
}

// ControllerGetCapabilities lists what the controller can do.
func (c *controller) ControllerGetCapabilities(context.Context, *csi.ControllerGetCapabilitiesRequest) (*csi.ControllerGetCapabilitiesResponse, error) {
	response := &csi.ControllerGetCapabilitiesResponse{}
	for _, t := range []csi.ControllerServiceCapability_RPC_Type{
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_VOLUME,
		csi.ControllerServiceCapability_RPC_CREATE_DELETE_SNAPSHOT,
		csi.ControllerServiceCapability_RPC_CLONE_VOLUME,
		csi.ControllerServiceCapability_RPC_EXPAND_VOLUME,
	} {
		response.Capabilities = append(response.Capabilities, &csi.ControllerServiceCapability{
			Type: &csi.ControllerServiceCapability_Rpc{Rpc: &csi.ControllerServiceCapability_RPC{Type: t}},
		})
	}
	return response, nil
}

// CreateVolume makes a volume, empty or with a source's content.
func (c *controller) CreateVolume(ctx context.Context, q *csi.CreateVolumeRequest) (*csi.CreateVolumeResponse, error) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	id := idOf("vol", q.GetName())
	v, err := c.store.get(id)
	if errors.Is(err, fs.ErrNotExist) {
		v = &volume{ID: id, Size: size(q.GetCapacityRange()), Created: time.Now(), Block: isBlock(q.GetVolumeCapabilities())}
		err = c.fill(ctx, v, q.GetVolumeContentSource())
	}
	if err != nil {
		return nil, answer(err)
	}
	return &csi.CreateVolumeResponse{Volume: &csi.Volume{
		VolumeId: v.ID, CapacityBytes: v.Size, ContentSource: q.GetVolumeContentSource(),
	}}, nil
}

// fill makes the volume's content.
func (c *controller) fill(ctx context.Context, v *volume, source *csi.VolumeContentSource) error {
	id := source.GetSnapshot().GetSnapshotId() + source.GetVolume().GetVolumeId()
	if id == "" {
		return c.store.create(ctx, v)
	}
	from, err := c.store.get(id)
	switch {
	case err != nil:
		return err
	case from.Block != v.Block:
		return status.Error(codes.InvalidArgument, "the source has another volume mode")
	case from.Size > v.Size:
		return status.Errorf(codes.OutOfRange, "the source has %d bytes, the volume %d", from.Size, v.Size)
	}
	return c.frozen(ctx, from, func() error { return c.store.copy(ctx, v, from) })
}

// DeleteVolume removes a volume.
func (c *controller) DeleteVolume(_ context.Context, q *csi.DeleteVolumeRequest) (*csi.DeleteVolumeResponse, error) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	return &csi.DeleteVolumeResponse{}, answer(c.store.remove(q.GetVolumeId()))
}

// CreateSnapshot copies a volume.
func (c *controller) CreateSnapshot(ctx context.Context, q *csi.CreateSnapshotRequest) (*csi.CreateSnapshotResponse, error) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	from, err := c.store.get(q.GetSourceVolumeId())
	if err != nil {
		return nil, answer(err)
	}
	id := idOf("snap", q.GetName())
	s, err := c.store.get(id)
	if errors.Is(err, fs.ErrNotExist) {
		s = &volume{ID: id, Source: from.ID, Block: from.Block, Size: from.Size, Created: time.Now()}
		err = c.frozen(ctx, from, func() error { return c.store.copy(ctx, s, from) })
	}
	if err != nil {
		return nil, answer(err)
	}
	if s.Source != from.ID {
		return nil, status.Error(codes.AlreadyExists, "a snapshot of another volume has this name")
	}
	return &csi.CreateSnapshotResponse{Snapshot: &csi.Snapshot{
		SnapshotId: s.ID, SourceVolumeId: s.Source, SizeBytes: s.Size, CreationTime: timestamppb.New(s.Created), ReadyToUse: true,
	}}, nil
}

// frozen calls f while the volume's content, as far as it is in use, is
// written out and, for a file system, held still.
func (c *controller) frozen(ctx context.Context, v *volume, f func() error) (err error) {
	device, err := loopOf(c.store.image(v.ID))
	if err != nil {
		return err
	}
	if device == "" {
		return f()
	}
	if v.Block {
		if err := command(ctx, "blockdev", "--flushbufs", device); err != nil {
			return err
		}
		return f()
	}
	at, err := mountOf(device)
	if err != nil {
		return err
	}
	if at == "" {
		return f()
	}
	if err := command(ctx, "fsfreeze", "--freeze", at); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, command(ctx, "fsfreeze", "--unfreeze", at)) }()
	return f()
}

// DeleteSnapshot removes a snapshot.
func (c *controller) DeleteSnapshot(_ context.Context, q *csi.DeleteSnapshotRequest) (*csi.DeleteSnapshotResponse, error) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	return &csi.DeleteSnapshotResponse{}, answer(c.store.remove(q.GetSnapshotId()))
}

// ControllerExpandVolume lengthens the file; the node does the rest.
func (c *controller) ControllerExpandVolume(_ context.Context, q *csi.ControllerExpandVolumeRequest) (*csi.ControllerExpandVolumeResponse, error) {
	c.store.mu.Lock()
	defer c.store.mu.Unlock()
	v, err := c.store.get(q.GetVolumeId())
	if err != nil {
		return nil, answer(err)
	}
	v.Size = max(v.Size, size(q.GetCapacityRange()))
	if err := errors.Join(c.store.resize(v), c.store.put(v)); err != nil {
		return nil, answer(err)
	}
	device, err := loopOf(c.store.image(v.ID))
	if err != nil {
		return nil, answer(err)
	}
	return &csi.ControllerExpandVolumeResponse{CapacityBytes: v.Size, NodeExpansionRequired: !v.Block || device != ""}, nil
}

// ValidateVolumeCapabilities confirms what the volume was made for.
func (c *controller) ValidateVolumeCapabilities(_ context.Context, q *csi.ValidateVolumeCapabilitiesRequest) (*csi.ValidateVolumeCapabilitiesResponse, error) {
	v, err := c.store.get(q.GetVolumeId())
	if err != nil {
		return nil, answer(err)
	}
	response := &csi.ValidateVolumeCapabilitiesResponse{}
	if v.Block == isBlock(q.GetVolumeCapabilities()) {
		response.Confirmed = &csi.ValidateVolumeCapabilitiesResponse_Confirmed{VolumeCapabilities: q.GetVolumeCapabilities()}
	}
	return response, nil
}

func isBlock(capabilities []*csi.VolumeCapability) bool {
	return len(capabilities) > 0 && capabilities[0].GetBlock() != nil
}

// size returns the requested bytes, rounded up to whole sectors.
func size(r *csi.CapacityRange) int64 {
	return (max(r.GetRequiredBytes(), smallest) + sector - 1) / sector * sector
}

// answer turns an error into one that CSI's callers understand.
func answer(err error) error {
	if _, ok := status.FromError(err); ok {
		return err
	}
	if errors.Is(err, fs.ErrNotExist) {
		return status.Error(codes.NotFound, err.Error())
	}
	return status.Error(codes.Internal, err.Error())
}
