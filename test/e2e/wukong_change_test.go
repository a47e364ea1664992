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

// TestWukongChanges changes the disks of machines that are there: some are added,
// some get another name, and some another source.
func TestWukongChanges(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i, other := s.qcow2(t, newDisk(t), "disk.qcow2", "-c"), s.qcow2(t, smallDisk(t), "other.qcow2", "-c")
	t.Run("add", func(t *testing.T) {
		t.Parallel()
		n.addsDisks(t, i, other)
	})
	t.Run("rename", func(t *testing.T) {
		t.Parallel()
		n.renamesDisks(t, i, other)
	})
	t.Run("source", func(t *testing.T) {
		t.Parallel()
		n.refusesSources(t, i, other)
	})
}

// addsDisks adds disks to a machine that is to run: KubeVirt's admission looks at
// the change of one that has an instance.
func (n namespace) addsDisks(t *testing.T, i, other image) {
	t.Helper()
	w := n.wukong(t, "running", n.disk("system", i.url()))
	n.prepared(t, w)
	n.takenUp(t, w.Name)
	n.change(t, w, func() {
		w.Spec.Disks = append(w.Spec.Disks, n.disk("data", ""), n.disk("more", other.url()))
	})
	n.attached(t, w, "system", "data", "more")
	n.prepared(t, w)
	n.equals(t, "running-more", other, 64<<20)
}

// renamesDisks gives other names to disks: under those come disks of their own,
// and of the old ones goes what is not to be kept.
func (n namespace) renamesDisks(t *testing.T, i, other image) {
	t.Helper()
	w := n.halted(t, "renamed", n.disk("system", i.url()), n.disk("old", other.url()), kept(n.disk("safe", other.url())))
	n.isWhole(t, w)
	n.change(t, w, func() {
		w.Spec.Disks[1].Name, w.Spec.Disks[2].Name = "new", "safer"
	})
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
}

// refusesSources changes the sources of disks that are there, which stay as they
// are, and changes them back.
func (n namespace) refusesSources(t *testing.T, i, other image) {
	t.Helper()
	n.done(t, n.diskImport(t, "golden", i.url(), ofSize(64<<20)))
	n.exported(t, n.diskExport(t, "pushed", "golden", toRegistry(n.image(t, "golden:v1"))))
	for _, name := range []string{"ubuntu", "debian"} {
		n.dataSource(t, name, n.name, "golden")
	}
	short, pointed := n.disk("short", ""), n.disk("pointed", "")
	short.Image = "docker://" + n.image(t, "golden:v1")
	pointed.DataSource = &vmv1alpha1.DataSource{Name: "ubuntu"}
	w := n.halted(t, "refused", n.disk("web", i.url()), pointed, short)
	n.isWhole(t, w)
	from := func(url, dataSource, image string) {
		n.change(t, w, func() {
			w.Spec.Disks[0].ImportSource.URL, w.Spec.Disks[1].DataSource.Name, w.Spec.Disks[2].Image = url, vmv1alpha1.ObjectName(dataSource), image
		})
	}
	from(other.url(), "debian", "docker://"+n.image(t, "golden:v2"))
	holds(t.Context(), t, n, w, isRefused(
		`disk "web": importSource cannot change`, `disk "pointed": dataSource cannot change`, `disk "short": image cannot change`,
		"add a disk with another name",
	))
	for _, disk := range []string{"web", "pointed", "short"} {
		n.holdsDisk(t, "refused-"+disk, i, w.Spec.Disks[0], true)
	}
	from(i.url(), "ubuntu", short.Image)
	n.isWhole(t, w)
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
