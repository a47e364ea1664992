// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// TestWukongChanges changes the disks of machines that are there: one is added,
// one gets another name, and one another source.
func TestWukongChanges(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i, other := s.qcow2(t, newDisk(t), "disk.qcow2", "-c"), s.qcow2(t, smallDisk(t), "other.qcow2", "-c")
	n.done(t, n.diskImport(t, "golden", i.url(), ofSize(64<<20)))
	n.exported(t, n.diskExport(t, "pushed", "golden", toRegistry(n.image(t, "golden:v1"))))
	n.dataSource(t, "ubuntu", n.name, "golden")
	n.dataSource(t, "debian", n.name, "golden")

	t.Run("add", func(t *testing.T) {
		t.Parallel()
		// One that is to run: KubeVirt's admission looks at the change of a
		// machine that has an instance.
		w := n.wukong(t, "running", n.disk("system", i.url()))
		n.prepared(t, w)
		n.takenUp(t, w.Name)
		n.change(t, w, func() {
			w.Spec.Disks = append(w.Spec.Disks, n.disk("data", ""), n.disk("more", other.url()))
		})
		n.attached(t, w, "system", "data", "more")
		n.prepared(t, w)
		n.equals(t, "running-more", other, 64<<20)
	})
	t.Run("rename", func(t *testing.T) {
		t.Parallel()
		w := n.halted(t, "renamed", n.disk("system", i.url()), n.disk("old", other.url()), kept(n.disk("safe", other.url())))
		n.isWhole(t, w)
		n.change(t, w, func() {
			w.Spec.Disks[1].Name, w.Spec.Disks[2].Name = "new", "safer"
		})
		// Under the new names come disks of their own; of the old ones goes what
		// is not to be kept.
		n.attached(t, w, "system", "new", "safer")
		n.isWhole(t, w)
		for _, disk := range []string{"new", "safer"} {
			n.equals(t, "renamed-"+disk, other, 64<<20)
		}
		for _, disk := range []string{"old", "safe"} {
			gone(t.Context(), t, n, &diskv1alpha1.DiskImport{ObjectMeta: n.meta("renamed-" + disk)})
		}
		gone(t.Context(), t, n, n.claim("renamed-old"))
		n.stays(t, "renamed-safe")
	})
	t.Run("source", func(t *testing.T) {
		t.Parallel()
		short, pointed := n.disk("short", ""), n.disk("pointed", "")
		short.Image = "docker://" + n.image(t, "golden:v1")
		pointed.DataSource = &vmv1alpha1.DataSource{Name: "ubuntu"}
		w := n.halted(t, "refused", n.disk("web", i.url()), pointed, short)
		n.isWhole(t, w)
		n.change(t, w, func() {
			w.Spec.Disks[0].ImportSource.URL = other.url()
			w.Spec.Disks[1].DataSource.Name = "debian"
			w.Spec.Disks[2].Image = "docker://" + n.image(t, "golden:v2")
		})
		holds(t.Context(), t, n, w, isRefused(
			`disk "web": importSource cannot change`, `disk "pointed": dataSource cannot change`, `disk "short": image cannot change`,
			"add a disk with another name",
		))
		n.equals(t, "refused-web", i, 64<<20)
		// What was changed is changed back.
		n.change(t, w, func() {
			w.Spec.Disks[0].ImportSource.URL = i.url()
			w.Spec.Disks[1].DataSource.Name = "ubuntu"
			w.Spec.Disks[2].Image = "docker://" + n.image(t, "golden:v1")
		})
		n.isWhole(t, w)
	})
}

// attached waits until a machine has these disks, and no others, each on the
// claim of its name.
func (n namespace) attached(t *testing.T, w *vmv1alpha1.Wukong, disks ...string) {
	t.Helper()
	vm := n.kubevirtObject("VirtualMachine", w.Name)
	holds(t.Context(), t, n, vm, func(o *unstructured.Unstructured) error {
		volumes, _, err := unstructured.NestedSlice(o.Object, "spec", "template", "spec", "volumes")
		if err != nil {
			return err
		}
		var got []string
		for _, v := range volumes {
			volume, _ := v.(map[string]any)
			claim, _, _ := unstructured.NestedString(volume, "persistentVolumeClaim", "claimName")
			got = append(got, strings.TrimPrefix(claim, w.Name+"-"))
		}
		if !slices.Equal(got, disks) {
			return fmt.Errorf("it has the disks %v, want %v", got, disks)
		}
		return nil
	})
}

// isRefused is the property of a Wukong that does not take a change, and says so
// in these words.
func isRefused(words ...string) func(*vmv1alpha1.Wukong) error {
	return func(w *vmv1alpha1.Wukong) error {
		if w.Status.Phase != vmv1alpha1.PhaseError || says(w, vmv1alpha1.ConditionDisksAccepted) == nil {
			return fmt.Errorf("it is %q: %s", w.Status.Phase, w.Status.Message)
		}
		for _, word := range words {
			if !strings.Contains(w.Status.Message, word) {
				return fmt.Errorf("it does not say %q: %s", word, w.Status.Message)
			}
		}
		return nil
	}
}
