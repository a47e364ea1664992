// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestExportToRegistryMoverKilled kills the mover in the middle of an export to a
// registry: the next one is handed where the upload is, and goes on with it.
func TestExportToRegistryMoverKilled(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	raw := newSlowDisk(t)
	i := s.convert(t, raw, "disk.raw", "cp", raw)
	n.done(t, n.diskImport(t, "disk", i.url(), ofSize(64<<20)))

	// 48 s: what has been sent is told every few seconds, and a busy machine is
	// late to look.
	d := n.diskExport(t, "goes-on", "disk", toRegistry(n.image(t, "killed:v1")), asFormat("OCI", "None"), func(d *diskv1alpha1.DiskExport) {
		limit := resource.MustParse("1Mi")
		d.Spec.ForProvider.Transfer.BandwidthLimit = &limit
	})
	holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskExport) error {
		if p := d.Status.AtProvider.Progress; p == nil || p.WrittenBytes == 0 {
			return fmt.Errorf("it is %s: %s", d.Status.AtProvider.Phase, d.Status.AtProvider.Message)
		}
		return nil
	})
	secret := &corev1.Secret{ObjectMeta: n.meta(n.onlyJob(t).Name)}
	eventually(t.Context(), t, "what the mover has told is kept", func() error {
		if err := n.Get(t.Context(), client.ObjectKeyFromObject(secret), secret); err != nil {
			return err
		}
		if len(secret.Data[transfer.FileResumeState]) == 0 {
			return errors.New("there is nothing")
		}
		return nil
	})
	kill9(t, n.onlyMover(t))
	n.exported(t, d)
	p := d.Status.AtProvider.Progress
	t.Logf("%d bytes were not sent again, %d were", p.ReusedBytes, p.WrittenBytes)
	if p.Attempt < 2 || p.ReusedBytes == 0 || p.ReusedBytes+p.WrittenBytes != d.Status.AtProvider.Artifact.Size {
		t.Errorf("attempt %d did not send %d bytes again and %d were sent, want some of each, and %d of both",
			p.Attempt, p.ReusedBytes, p.WrittenBytes, d.Status.AtProvider.Artifact.Size)
	}
	n.done(t, n.diskImport(t, "back", "", fromRegistry(n.image(t, "killed:v1")), ofSize(64<<20)))
	n.equals(t, "back", i, 64<<20)
	n.nothingLeft(t, d)
}
