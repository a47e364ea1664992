// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

// Classes that nobody makes volumes of, and that do not let claims grow.
const (
	classWaiting = "waiting" // Binds to the first consumer.
	classSilent  = "silent"  // Binds at once, when it binds.
)

func classes(t *testing.T) {
	t.Helper()
	start(t)
	for name, mode := range map[string]storagev1.VolumeBindingMode{classWaiting: storagev1.VolumeBindingWaitForFirstConsumer, classSilent: storagev1.VolumeBindingImmediate} {
		c := &storagev1.StorageClass{ObjectMeta: metav1.ObjectMeta{Name: name}, Provisioner: "integration.test/nobody", VolumeBindingMode: &mode}
		must(t, client.IgnoreAlreadyExists(kube.client.Create(t.Context(), c)))
	}
}

func blankOf(class string) edit {
	return func(cr *diskv1alpha1.DiskImport) {
		cr.Spec.ForProvider.Source = diskv1alpha1.ImportSource{Blank: &diskv1alpha1.BlankSource{}}
		if class != "" {
			cr.Spec.ForProvider.Target.StorageClassName = &class
		}
	}
}

func claimOf(cr *diskv1alpha1.DiskImport) *corev1.PersistentVolumeClaim {
	return &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: cr.Namespace, Name: cr.Name}}
}

// TestBlank makes an empty disk, lets it grow, and deletes it.
func TestBlank(t *testing.T) {
	classes(t)
	cr := newImport(t, "", "blank", blankOf(""))
	reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	settle(t, cr.Namespace, published("blank"))
	at := cr.Status.AtProvider
	if at.ClaimName != "blank" || at.Source != nil || at.Engine != "" || at.CompletionTime == nil || cr.GetCondition(diskv1alpha1.TypeTransferring).Reason != diskv1alpha1.ReasonComplete {
		t.Errorf("the status says of an empty disk: %+v", at)
	}
	request := func(want string) {
		t.Helper()
		within(t, "the claim should ask for "+want, func() error {
			claim := claimOf(cr)
			must(t, get(t, claim))
			if got := claim.Spec.Resources.Requests[corev1.ResourceStorage]; got.String() != want {
				return fmt.Errorf("it asks for %s", got.String())
			}
			return nil
		})
	}
	request("1152Mi")
	change(t, cr, func() { cr.Spec.ForProvider.Target.Size = resource.MustParse("2Gi") })
	request("2304Mi")

	// Whoever deletes the claim gets an empty one.
	claim := claimOf(cr)
	must(t, get(t, claim))
	must(t, kube.client.Delete(t.Context(), claim))
	within(t, "another claim should be made", func() error {
		again := claimOf(cr)
		if err := get(t, again); err != nil {
			return err
		}
		if again.UID == claim.UID {
			return fmt.Errorf("it is the same")
		}
		return nil
	})
	reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	must(t, kube.client.Delete(t.Context(), cr))
	gone(t, cr)
	settle(t, cr.Namespace, map[string][]string{})
}

// TestBlankFaults fails each write once, before or after the API server has
// done it.
func TestBlankFaults(t *testing.T) {
	start(t)
	for n := 1; n <= 5; n++ {
		for _, after := range []bool{false, true} {
			name := fmt.Sprintf("blank-fault-%d-%t", n, after)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				world.faults.set(name, &plan{nth: n, after: after})
				cr := newImport(t, "", name, blankOf(""), retained)
				reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
				settle(t, cr.Namespace, published(name))
				must(t, kube.client.Delete(t.Context(), cr))
				gone(t, cr)
				settle(t, cr.Namespace, published(name))
				keptFrom(t, cr)
			})
		}
	}
}

// TestBlankWaits makes an empty disk whose class waits for its first consumer:
// it is ready before it is bound, and kept so.
func TestBlankWaits(t *testing.T) {
	classes(t)
	waits := func(name string, edits ...edit) *diskv1alpha1.DiskImport {
		cr := newImport(t, "", name, append(edits, blankOf(classWaiting))...)
		reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
		if r := cr.GetCondition(diskv1alpha1.TypeTransferring).Reason; r != diskv1alpha1.ReasonWaitingForFirstConsumer {
			t.Errorf("%s is %s", name, r)
		}
		settle(t, cr.Namespace, map[string][]string{"claim": {name + " Pending"}})
		return cr
	}
	goes := waits("waits-goes")
	must(t, kube.client.Delete(t.Context(), goes))
	gone(t, goes)
	settle(t, goes.Namespace, map[string][]string{})

	kept := waits("waits-kept", retained)
	must(t, kube.client.Delete(t.Context(), kept))
	gone(t, kept)
	settle(t, kept.Namespace, map[string][]string{"claim": {"waits-kept Pending"}})
	keptFrom(t, kept)

	// What should grow waits until it is bound; then its class does not let it.
	cr := waits("waits-grows")
	change(t, cr, func() { cr.Spec.ForProvider.Target.Size = resource.MustParse("2Gi") })
	provide(t, cr)
	within(t, "it should say that the claim cannot grow", func() error {
		must(t, get(t, cr))
		s := cr.GetCondition(diskv1alpha1.TypeStalled)
		if s.Reason != diskv1alpha1.ReasonExpansionRefused || cr.GetCondition(xpv2.TypeReady).Status != corev1.ConditionTrue {
			return fmt.Errorf("it is %s %s: %s", s.Status, s.Reason, cr.Status.AtProvider.Message)
		}
		return nil
	})
}

// provide makes the volume that a claim waits for, as its first consumer would
// have it made.
func provide(t *testing.T, cr *diskv1alpha1.DiskImport) {
	t.Helper()
	p := claimOf(cr)
	must(t, get(t, p))
	must(t, kube.client.Create(t.Context(), &corev1.PersistentVolume{
		ObjectMeta: metav1.ObjectMeta{Name: p.Name + "." + p.Namespace},
		Spec: corev1.PersistentVolumeSpec{
			AccessModes: p.Spec.AccessModes, Capacity: p.Spec.Resources.Requests, StorageClassName: *p.Spec.StorageClassName, VolumeMode: p.Spec.VolumeMode,
			PersistentVolumeReclaimPolicy: corev1.PersistentVolumeReclaimDelete,
			ClaimRef:                      &corev1.ObjectReference{Kind: "PersistentVolumeClaim", APIVersion: "v1", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
			PersistentVolumeSource:        corev1.PersistentVolumeSource{CSI: &corev1.CSIPersistentVolumeSource{Driver: "integration.test", VolumeHandle: string(p.UID)}},
		},
	}))
}

// TestBlankUnbound makes an empty disk of a class that makes no volumes: another
// class can be named, and nothing stays of what was never bound.
func TestBlankUnbound(t *testing.T) {
	classes(t)
	cr := newImport(t, "", "unbound", blankOf(classSilent), retained)
	settle(t, cr.Namespace, map[string][]string{"claim": {"unbound Pending"}})
	reach(t, cr, diskv1alpha1.PhasePending, xpv2.ReasonCreating)
	within(t, "another class should be accepted", func() error {
		must(t, get(t, cr))
		cr.Spec.ForProvider.Target.StorageClassName = new(class)
		return kube.client.Update(t.Context(), cr)
	})
	reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	settle(t, cr.Namespace, published("unbound"))

	goes := newImport(t, "", "unbound-goes", blankOf(classSilent), retained)
	settle(t, goes.Namespace, map[string][]string{"claim": {"unbound-goes Pending"}})
	must(t, kube.client.Delete(t.Context(), goes))
	gone(t, goes)
	settle(t, goes.Namespace, map[string][]string{})

	lacks := newImport(t, "", "classless", blankOf("nowhere"))
	reach(t, lacks, diskv1alpha1.PhasePending, diskv1alpha1.ReasonStorageClassNotFound)
	settle(t, lacks.Namespace, map[string][]string{})
}
