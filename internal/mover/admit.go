// SPDX-License-Identifier: Apache-2.0

package mover

import (
	"errors"
	"fmt"
	"strings"

	"github.com/novasphere/provider-wukong/internal/mover/bytesize"
	"github.com/novasphere/provider-wukong/internal/mover/disk"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// unmappedBytes is how many bytes an image in a stream may have beyond twice
// its virtual size: tables, and old clusters that nothing names any more.
const unmappedBytes = 1 << 30

// permitted refuses a job that breaks the contract or the operator's policy,
// before anything is opened.
func permitted(job *transfer.Job) error {
	if err := job.Validate(); err != nil {
		return err
	}
	if !job.Policy.RequireChecksum || named(job.Source.Registry) {
		return nil
	}
	algorithm, _, _ := strings.Cut(job.Verification.Checksum, ":")
	switch strings.ToLower(algorithm) {
	case "":
		return transfer.Terminal(transfer.ReasonPolicyDenied, errNoChecksum)
	case transfer.ChecksumCRC64NVME:
		return transfer.Terminal(transfer.ReasonPolicyDenied, errForgeable)
	}
	return nil
}

var (
	errNoChecksum = errors.New("cannot import without a checksum: the policy requires one")
	errForgeable  = errors.New("cannot import by a crc64nvme alone: the policy requires a checksum that nobody can forge, such as sha256 (an export that is read back has one)")
)

// named reports whether an image is named by its digest, which is a checksum of
// all of it.
func named(r *transfer.RegistryImage) bool { return r != nil && strings.Contains(r.Image, "@") }

// admission says which disks are too large.
type admission struct {
	policy   int64 // bytes; 0: any size
	capacity int64 // of the destination in bytes; disk.Unknown: it grows
	target   string
}

// admit refuses a disk of the virtual size n when it is larger than permitted
// or than its destination.
func (a admission) admit(n int64) error {
	if a.policy > 0 && n > a.policy {
		return transfer.Terminal(transfer.ReasonPolicyDenied,
			fmt.Errorf("cannot import a disk of %s: the policy permits %s", bytesize.Exact(n), bytesize.Exact(a.policy)))
	}
	if a.capacity != disk.Unknown && n > a.capacity {
		return transfer.Terminal(transfer.ReasonTargetTooSmall,
			fmt.Errorf("cannot write a disk of %s to %s, which has %s", bytesize.Exact(n), a.target, bytesize.Exact(a.capacity)))
	}
	return nil
}

// admitMore is engine.Task.Admit: it stops what grows without end.
func (i *image) admitMore(length, virtualSize int64) error {
	if err := i.admission.admit(virtualSize); err != nil {
		return err
	}
	if bound := 2*virtualSize + unmappedBytes; length > bound {
		return transfer.Terminal(transfer.ReasonImageCorrupt, fmt.Errorf(
			"cannot import a disk of %s: its image goes on after %s", bytesize.Exact(virtualSize), bytesize.Exact(bound)))
	}
	return nil
}
