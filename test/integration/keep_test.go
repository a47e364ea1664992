// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

func retained(cr *diskv1alpha1.DiskImport) {
	cr.Spec.ForProvider.Retention = diskv1alpha1.RetentionRetain
}

// retain asks for a disk to be kept, of a DiskImport that is there.
func retain(t *testing.T, cr *diskv1alpha1.DiskImport) {
	t.Helper()
	within(t, cr.Name+" should take another retention", func() error {
		must(t, get(t, cr))
		retained(cr)
		return kube.client.Update(t.Context(), cr)
	})
}

// keptFrom returns the claim that has outlived a DiskImport, and checks that it
// is as it was, and tied to nothing.
func keptFrom(t *testing.T, cr *diskv1alpha1.DiskImport) *corev1.PersistentVolumeClaim {
	t.Helper()
	c := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: cr.Namespace, Name: cr.Name}}
	must(t, get(t, c))
	if c.DeletionTimestamp != nil {
		t.Errorf("claim %s is being deleted", c.Name)
	}
	for k := range c.Labels {
		if strings.HasPrefix(k, "wukong.m.novasphere.dev/") || strings.HasPrefix(k, "app.kubernetes.io/") {
			t.Errorf("claim %s has still the label %s", c.Name, k)
		}
	}
	a := c.Annotations
	if a["wukong.m.novasphere.dev/disk-import"] != "" || a["wukong.m.novasphere.dev/kept-from"] != cr.Name || a["wukong.m.novasphere.dev/disk-size"] == "" {
		t.Errorf("claim %s has the annotations %v", c.Name, a)
	}
	return c
}

// TestKeep deletes imports whose disk is to be kept, in each of their states.
func TestKeep(t *testing.T) {
	start(t)
	// The first claim that is made is the staging claim, the second the final.
	// Nothing is written from the second on, or from what follows it.
	from := func(second string, method string) func(*http.Request) bool {
		claims := 0
		return func(r *http.Request) bool {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/persistentvolumeclaims") {
				claims++
			}
			return claims > 1 && r.Method == method && strings.Contains(r.URL.Path, second)
		}
	}
	whole := func(name, volume string) func(map[string][]string) bool {
		return func(i map[string][]string) bool {
			return slices.Equal(i["claim"], []string{name + " Bound"}) && len(i["volume"]) == 1 && strings.HasPrefix(i["volume"][0], volume)
		}
	}
	cases := map[string]struct {
		reason string
		hold   bool
		fault  *plan
		until  func(map[string][]string) bool
		kept   bool
	}{
		"stays-whole":   {"A whole disk stays.", false, nil, whole("stays-whole", "Bound Delete"), true},
		"stays-running": {"Nothing half-written stays.", true, nil, func(i map[string][]string) bool { return len(i["pod"]) == 1 }, false},
		"stays-handover": {"A disk without its name goes.", false, &plan{hold: from("/persistentvolumeclaims", http.MethodPost)}, func(i map[string][]string) bool {
			return len(i["pod"]) == 0 && len(i["claim"]) == 0 && len(i["volume"]) == 1 && strings.Contains(i["volume"][0], "Retain")
		}, false},
		"stays-named": {"A disk that has its name stays, with its own reclaim policy.", false, &plan{hold: from("/persistentvolumes/", http.MethodPatch)}, whole("stays-named", "Bound Retain"), true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world.nodes.keep(name, tc.hold)
			if tc.fault != nil {
				world.faults.set(name, tc.fault)
			}
			cr := newImport(t, "", name, retained)
			within(t, "the import should get there", func() error {
				if i := inventory(t, cr.Namespace); !tc.until(i) {
					return fmt.Errorf("there are %v", i)
				}
				return nil
			})
			must(t, kube.client.Delete(t.Context(), cr))
			if !tc.kept {
				gone(t, cr)
				settle(t, cr.Namespace, map[string][]string{})
				return
			}
			world.faults.set(name, &plan{nth: -1})
			gone(t, cr)
			settle(t, cr.Namespace, published(name))
			keptFrom(t, cr)
		})
	}
}

// TestKeepFaults fails each write of a deletion that keeps the disk.
func TestKeepFaults(t *testing.T) {
	start(t)
	for n := 1; n <= 4; n++ {
		for _, after := range []bool{false, true} {
			name := fmt.Sprintf("kept-fault-%d-%t", n, after)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				cr := newImport(t, "", name, retained)
				reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
				settle(t, cr.Namespace, published(name))
				world.faults.set(name, &plan{nth: n, after: after})
				must(t, kube.client.Delete(t.Context(), cr))
				gone(t, cr)
				settle(t, cr.Namespace, published(name))
				keptFrom(t, cr)
			})
		}
	}
}

// TestKeptIsNotAdopted makes a DiskImport of the name of one whose disk was
// kept: it leaves the disk alone, and says what can be done.
func TestKeptIsNotAdopted(t *testing.T) {
	start(t)
	for name, source := range map[string]diskv1alpha1.ImportSource{
		"again-image": {HTTP: &diskv1alpha1.HTTPSource{URL: "https://images.example.com/a.qcow2"}},
		"again-blank": {Blank: &diskv1alpha1.BlankSource{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			first := newImport(t, "", name, retained)
			reach(t, first, diskv1alpha1.PhaseSucceeded, "")
			must(t, kube.client.Delete(t.Context(), first))
			gone(t, first)
			claim := keptFrom(t, first)

			second := newImport(t, first.Namespace, name, func(cr *diskv1alpha1.DiskImport) { cr.Spec.ForProvider.Source = source })
			reach(t, second, diskv1alpha1.PhaseFailed, diskv1alpha1.ReasonClaimConflict)
			if m := second.Status.AtProvider.Message; !strings.Contains(m, "was kept when DiskImport \""+name+"\" was deleted") {
				t.Errorf("it says %q", m)
			}
			must(t, kube.client.Delete(t.Context(), second))
			gone(t, second)
			settle(t, first.Namespace, published(name))
			if again := keptFrom(t, first); again.UID != claim.UID {
				t.Errorf("another claim has its name")
			}

			third := newImport(t, first.Namespace, name, func(cr *diskv1alpha1.DiskImport) { cr.Spec.ForProvider.Source = source })
			reach(t, third, diskv1alpha1.PhaseFailed, diskv1alpha1.ReasonClaimConflict)
			must(t, kube.client.Delete(t.Context(), claim))
			reach(t, third, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
		})
	}
}

// TestRetentionChanges changes the retention while the mover runs, which does
// not disturb it, and once more when the disk is there.
func TestRetentionChanges(t *testing.T) {
	start(t)
	world.nodes.keep("retention", true)
	cr := newImport(t, "", "retention")
	reach(t, cr, diskv1alpha1.PhaseImporting, "")
	job := onlyJob(t, cr.Namespace)
	retain(t, cr)
	world.nodes.keep("retention", false)
	reach(t, cr, diskv1alpha1.PhaseSucceeded, "")
	if start := cr.Status.AtProvider.StartTime; !start.Equal(&job.CreationTimestamp) {
		t.Errorf("the mover was started again, at %s", start)
	}
	cr.Spec.ForProvider.Retention = diskv1alpha1.RetentionDelete
	must(t, kube.client.Update(t.Context(), cr))
	must(t, kube.client.Delete(t.Context(), cr))
	gone(t, cr)
	settle(t, cr.Namespace, map[string][]string{})
}

// TestKeepInNamespace deletes the namespace of a disk that is kept: it goes, as
// everything in it.
func TestKeepInNamespace(t *testing.T) {
	start(t)
	cr := newImport(t, "", "kept-namespace", retained)
	reach(t, cr, diskv1alpha1.PhaseSucceeded, "")
	n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: cr.Namespace}}
	must(t, kube.client.Delete(t.Context(), n))
	gone(t, n)
	settle(t, cr.Namespace, map[string][]string{})
}
