// SPDX-License-Identifier: Apache-2.0

// Package origin finds the disk that is exported, and decides how it is read so
// that what is read is of one moment. A disk that cannot be read now, and the way
// out, is a finding.
package origin

import (
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// A Disk is the disk that is exported, as far as it is found.
type Disk struct {
	// Problem is why it cannot be read now, or nil.
	Problem *diagnosis.Finding

	// Usage of the claim whose disk is exported; of a snapshot source, of the
	// claim that the snapshot was taken of, where that still exists.
	Usage volume.Usage

	// Snapshot that is the source itself, or nil.
	Snapshot *snapshot.Snapshot

	// SnapshotClass is one for the volume's driver, or "".
	SnapshotClass string

	// StorageClass, Mode and Size are those of a claim restored from a
	// snapshot.
	StorageClass string
	Mode         corev1.PersistentVolumeMode
	Size         resource.Quantity
}

// ClaimName is the claim whose disk is exported, or "".
func (o Disk) ClaimName() string {
	if o.Usage.Claim == nil {
		return ""
	}
	return o.Usage.Claim.GetName()
}

// Busy reports whether the volume cannot be read as it is.
func (o Disk) Busy() bool {
	return len(o.Usage.Writers) > 0 || o.Usage.Exclusive() && len(o.Usage.Nodes) > 0
}

// Torn reports whether a pod that can write to the volume was there before the
// given time; zero: at any time.
func (o Disk) Torn(before time.Time) bool {
	for _, w := range o.Usage.Writers {
		if before.IsZero() || w.Since.Before(before) {
			return true
		}
	}
	return false
}

// Node is where a mover must run that reads the volume itself, or "".
func (o Disk) Node() string {
	if o.Usage.Shared() || len(o.Usage.Nodes) == 0 {
		return ""
	}
	return o.Usage.Nodes[0]
}
