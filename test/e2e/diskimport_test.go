// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// diskSize is what the tests ask for: more than their images hold, so that
// padding shows.
const diskSize = 32 << 20

// An edit changes what is asked of an import.
type edit func(*diskv1alpha1.DiskImport)

// wanted is a DiskImport of a URL.
func (n namespace) wanted(name, url string, edits ...edit) *diskv1alpha1.DiskImport {
	d := &diskv1alpha1.DiskImport{ObjectMeta: n.meta(name)}
	d.Spec.ForProvider.Source.HTTP = &diskv1alpha1.HTTPSource{URL: url}
	d.Spec.ForProvider.Target.Size = *resource.NewQuantity(diskSize, resource.BinarySI)
	for _, e := range edits {
		e(d)
	}
	return d
}

// diskImport makes a DiskImport of a URL.
func (n namespace) diskImport(t *testing.T, name, url string, edits ...edit) *diskv1alpha1.DiskImport {
	t.Helper()
	d := n.wanted(name, url, edits...)
	n.make(t, d)
	return d
}

func ofSize(bytes int64) edit {
	return func(d *diskv1alpha1.DiskImport) {
		d.Spec.ForProvider.Target.Size = *resource.NewQuantity(bytes, resource.BinarySI)
	}
}

func onClass(name string) edit {
	return func(d *diskv1alpha1.DiskImport) { d.Spec.ForProvider.Target.StorageClassName = &name }
}

func inMode(m corev1.PersistentVolumeMode) edit {
	return func(d *diskv1alpha1.DiskImport) { d.Spec.ForProvider.Target.VolumeMode = &m }
}

func withChecksum(sum string) edit {
	return func(d *diskv1alpha1.DiskImport) { d.Spec.ForProvider.Verification.Checksum = sum }
}

func withSecret(name string) edit {
	return func(d *diskv1alpha1.DiskImport) {
		d.Spec.ForProvider.Source.HTTP.SecretRef = &diskv1alpha1.SecretReference{Name: name}
	}
}

func withAuthority(configMap string) edit {
	return func(d *diskv1alpha1.DiskImport) {
		d.Spec.ForProvider.Source.HTTP.CABundleRef = &diskv1alpha1.CABundleReference{Name: configMap}
	}
}

// withConfig uses another provider configuration of the namespace.
func withConfig(name string) edit {
	return func(d *diskv1alpha1.DiskImport) {
		d.Spec.ProviderConfigReference = &xpv2.ProviderConfigReference{Kind: "ProviderConfig", Name: name}
	}
}

// slowly limits the bandwidth, so that a test can do something in the middle:
// a disk of newSlowDisk then takes about 24 seconds.
func slowly(d *diskv1alpha1.DiskImport) {
	limit := resource.MustParse("2Mi")
	d.Spec.ForProvider.Transfer.BandwidthLimit = &limit
	d.Spec.ForProvider.Target.Size = resource.MustParse("64Mi")
}

// inTheMiddle is the property of an import that moves data.
func inTheMiddle(d *diskv1alpha1.DiskImport) error {
	at := d.Status.AtProvider
	if at.Phase == diskv1alpha1.PhaseImporting && at.Progress != nil && at.Progress.TransferredBytes > 0 {
		return nil
	}
	return fmt.Errorf("it is %q, its progress %+v: %s", at.Phase, at.Progress, at.Message)
}

// isDone is the property of an import whose disk is there. An import that
// failed will never be.
func isDone(t *testing.T) func(*diskv1alpha1.DiskImport) error {
	return func(d *diskv1alpha1.DiskImport) error {
		t.Helper()
		at := d.Status.AtProvider
		if at.Phase == diskv1alpha1.PhaseFailed {
			t.Fatalf("import %s failed: %s", d.Name, at.Message)
		}
		ready := d.Status.GetCondition(xpv2.TypeReady)
		if at.Phase == diskv1alpha1.PhaseSucceeded && ready.Status == corev1.ConditionTrue {
			return nil
		}
		return fmt.Errorf("it is %q, ready %s (%s): %s", at.Phase, ready.Status, ready.Reason, at.Message)
	}
}

// done waits until an import's disk is there.
func (n namespace) done(t *testing.T, d *diskv1alpha1.DiskImport) {
	t.Helper()
	holds(t.Context(), t, n, d, isDone(t))
}
