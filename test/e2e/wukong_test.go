// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// disk is a disk of a Wukong, empty without a URL.
func (n namespace) disk(name, url string) vmv1alpha1.Disk {
	d := vmv1alpha1.Disk{Name: name, Size: "64Mi"}
	if url != "" {
		d.ImportSource = &vmv1alpha1.ImportSource{Type: vmv1alpha1.SourceHTTP, URL: url}
	}
	return d
}

// wukong makes a Wukong.
func (n namespace) wukong(t *testing.T, name string, disks ...vmv1alpha1.Disk) *vmv1alpha1.Wukong {
	t.Helper()
	w := &vmv1alpha1.Wukong{ObjectMeta: n.meta(name)}
	w.Spec.CPU, w.Spec.Memory, w.Spec.Disks = 1, "1Gi", disks
	n.make(t, w)
	return w
}

// halted makes a Wukong whose machine does not run, as none can here: all of it
// can be ready.
func (n namespace) halted(t *testing.T, name string, disks ...vmv1alpha1.Disk) *vmv1alpha1.Wukong {
	t.Helper()
	w := &vmv1alpha1.Wukong{ObjectMeta: n.meta(name)}
	w.Spec.CPU, w.Spec.Memory, w.Spec.Disks = 1, "1Gi", disks
	w.Spec.StartStrategy = &vmv1alpha1.StartStrategy{RunStrategy: "Halted"}
	n.make(t, w)
	return w
}

// TestWukong applies a machine with two disks, one imported and one empty.
func TestWukong(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	w := n.wukong(t, "machine", n.disk("system", i.url()), n.disk("data", ""))

	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		for _, v := range w.Status.Volumes {
			if !v.Bound {
				return fmt.Errorf("volume %s is not bound: %s", v.Name, w.Status.Message)
			}
		}
		if len(w.Status.Volumes) != 2 {
			return fmt.Errorf("status shows %d volumes: %s", len(w.Status.Volumes), w.Status.Message)
		}
		return nil
	})

	want := []vmv1alpha1.VolumeStatus{
		{Name: "system", PVCName: "machine-system", Bound: true, Size: "64Mi", ImportStatus: &vmv1alpha1.ImportStatus{
			Phase: vmv1alpha1.ImportSucceeded, Progress: "100%",
		}},
		{Name: "data", PVCName: "machine-data", Bound: true, Size: "64Mi"},
	}
	for i := range w.Status.Volumes {
		if s := w.Status.Volumes[i].ImportStatus; s != nil {
			s.Message, s.Speed = "", "" // Words for people: other tests compare them.
		}
	}
	if diff := cmp.Diff(want, w.Status.Volumes); diff != "" {
		t.Errorf("status.volumes, -want +got:\n%s", diff)
	}
	n.equals(t, "machine-system", i, 64<<20)
	data := n.claim("machine-data")
	holds(t.Context(), t, n, data, isBound)
	if got := data.Spec.Resources.Requests[corev1.ResourceStorage]; got.Value() < 64<<20 {
		t.Errorf("the empty claim asks for %s, want at least 64Mi", got.String())
	}
}

// TestWukongFails applies a machine whose image is not there: the machine's
// own status says so.
func TestWukongFails(t *testing.T) {
	t.Parallel()
	n := space(t)
	w := n.wukong(t, "machine", n.disk("system", "http://"+imageServer+"/there-is-no-such.qcow2"))

	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		if w.Status.Phase != vmv1alpha1.PhaseError || len(w.Status.Volumes) != 1 || w.Status.Volumes[0].ImportStatus == nil {
			return fmt.Errorf("it is %q, volumes %+v: %s", w.Status.Phase, w.Status.Volumes, w.Status.Message)
		}
		if s := w.Status.Volumes[0].ImportStatus; s.Phase != vmv1alpha1.ImportFailed || s.Message == "" {
			return fmt.Errorf("its disk is %q: %s", s.Phase, s.Message)
		}
		return nil
	})
	if err := absent(t.Context(), n, n.claim("machine-system")); err != nil {
		t.Errorf("there is a claim of a disk that failed: %v", err)
	}
}
