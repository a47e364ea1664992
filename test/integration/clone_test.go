// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"context"
	"fmt"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// tell sets what CDI says of the DataVolume of a DiskImport; by default it
// succeeds as soon as its claim is bound.
func (n *nodes) tell(name string, s cdiv1.DataVolumeStatus) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.told[name] = s
}

// dataVolumes plays CDI: it makes the claim of each DataVolume, again when
// somebody deletes it, and says how it fares.
func (n *nodes) dataVolumes(ctx context.Context) error {
	l := &cdiv1.DataVolumeList{}
	if err := kube.client.List(ctx, l); err != nil {
		if meta.IsNoMatchError(err) {
			return nil
		}
		return err
	}
	for i := range l.Items {
		if dv := &l.Items[i]; dv.DeletionTimestamp == nil {
			if err := n.fill(ctx, dv); err != nil {
				return err
			}
		}
	}
	return nil
}

func (n *nodes) fill(ctx context.Context, dv *cdiv1.DataVolume) error {
	p := &corev1.PersistentVolumeClaim{}
	err := kube.client.Get(ctx, client.ObjectKeyFromObject(dv), p)
	if kerrors.IsNotFound(err) {
		return kube.client.Create(ctx, &corev1.PersistentVolumeClaim{
			ObjectMeta: metav1.ObjectMeta{
				Namespace: dv.Namespace, Name: dv.Name, Labels: dv.Labels, Annotations: dv.Annotations,
				OwnerReferences: []metav1.OwnerReference{*metav1.NewControllerRef(dv, cdiv1.SchemeGroupVersion.WithKind("DataVolume"))},
			},
			Spec: *dv.Spec.PVC,
		})
	}
	if err != nil || p.Status.Phase != corev1.ClaimBound {
		return err
	}
	n.mu.Lock()
	s := cdiv1.DataVolumeStatus{Phase: cdiv1.Succeeded, Progress: "100.0%"}
	for name, told := range n.told {
		if strings.HasPrefix(dv.Name, name+"-") {
			s = told
		}
	}
	n.mu.Unlock()
	if dv.Status.Phase == s.Phase && dv.Status.Progress == s.Progress && dv.Status.RestartCount == s.RestartCount {
		return nil
	}
	dv.Status = s
	return kube.client.Status().Update(ctx, dv)
}

// dataVolumesIn are the names of a namespace's DataVolumes.
func dataVolumesIn(t *testing.T, ns string) []string {
	t.Helper()
	l := &cdiv1.DataVolumeList{}
	if err := kube.client.List(t.Context(), l, client.InNamespace(ns)); !meta.IsNoMatchError(err) {
		must(t, err)
	}
	var names []string
	for _, dv := range l.Items {
		names = append(names, dv.Name)
	}
	return names
}

func cloneOf(s diskv1alpha1.ImportSource) edit {
	return func(cr *diskv1alpha1.DiskImport) { cr.Spec.ForProvider.Source = s }
}

func pvcSource(namespace, name string) diskv1alpha1.ImportSource {
	return diskv1alpha1.ImportSource{PVC: &diskv1alpha1.CloneSource{Namespace: namespace, Name: name}}
}

func snapshotSource(name string) diskv1alpha1.ImportSource {
	return diskv1alpha1.ImportSource{Snapshot: &diskv1alpha1.CloneSource{Name: name}}
}

// says waits until the message of a DiskImport has some words in it.
func says(t *testing.T, cr *diskv1alpha1.DiskImport, words string) {
	t.Helper()
	within(t, cr.Name+" should say "+words, func() error {
		if err := get(t, cr); err != nil {
			return err
		}
		if at := cr.Status.AtProvider; !strings.Contains(at.Message, words) {
			return fmt.Errorf("it is %s, engine %s: %s", at.Phase, at.Engine, at.Message)
		}
		return nil
	})
}

// TestClone begins in a cluster without CDI, and goes on in one with it.
func TestClone(t *testing.T) {
	start(t)
	other := namespace(t)
	newClaim(t, other, "golden")
	early := newImport(t, "", "early", cloneOf(snapshotSource("golden")))
	t.Run("WithoutCDI", func(t *testing.T) { cloneWithoutCDI(t, early, other) })

	must(t, install(t.Context(), "testdata/cdi/datavolumes.yaml", "testdata/cdi/datasources.yaml"))
	newClaim(t, early.Namespace, "golden")
	newSnapshot(t, early.Namespace, "golden", "golden")
	reach(t, early, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	t.Run("WithCDI", func(t *testing.T) { cloneWithCDI(t) })
	t.Run("Across", func(t *testing.T) { cloneAcross(t, other) })
	t.Run("GivenUp", func(t *testing.T) { cloneGivenUp(t) })
}

func cloneWithoutCDI(t *testing.T, early *diskv1alpha1.DiskImport, other string) {
	reach(t, early, diskv1alpha1.PhasePending, diskv1alpha1.ReasonCDIMissing)
	ns := early.Namespace
	far := newImport(t, ns, "far", cloneOf(pvcSource(other, "golden")))
	reach(t, far, diskv1alpha1.PhasePending, diskv1alpha1.ReasonCDIMissing)
	asked := newImport(t, ns, "asked", func(cr *diskv1alpha1.DiskImport) { cr.Spec.ForProvider.Engine = diskv1alpha1.EngineCDI })
	reach(t, asked, diskv1alpha1.PhasePending, diskv1alpha1.ReasonCDIMissing)
	for _, cr := range []*diskv1alpha1.DiskImport{far, asked} {
		must(t, kube.client.Delete(t.Context(), cr))
		gone(t, cr)
	}

	mine := namespace(t)
	newClaim(t, mine, "golden")
	world.nodes.keep("copy", true)
	cr := newImport(t, mine, "copy", cloneOf(pvcSource("", "golden")))
	says(t, cr, "because the cluster has no CDI")
	doc := document(t, mine, moverOf(cr))
	if doc.Source.File == nil || doc.Source.File.Path != "/origin/disk.img" || doc.Format != transfer.FormatRaw {
		t.Errorf("the mover should read the claim as it is: %+v, format %s", doc.Source, doc.Format)
	}

	// What is written to in the middle is not of one moment.
	world.nodes.keep("writer", true)
	writer := user(mine, "writer", "golden")
	must(t, kube.client.Create(t.Context(), writer))
	reach(t, cr, diskv1alpha1.PhasePending, diskv1alpha1.ReasonSourceInUse)
	must(t, kube.client.Delete(t.Context(), writer))
	world.nodes.keep("copy", false)
	reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	if cr.Status.AtProvider.Engine != diskv1alpha1.EngineMover {
		t.Errorf("engine %s copied the claim, want the mover", cr.Status.AtProvider.Engine)
	}
	must(t, kube.client.Delete(t.Context(), cr))
	gone(t, cr)
	settle(t, mine, untouched("golden"))
}

func moverOf(cr *diskv1alpha1.DiskImport) string { return cr.Name + "-" + string(cr.UID[:8]) }

// user is a pod that writes to a claim.
func user(ns, name, claim string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name + "-x"},
		Spec: corev1.PodSpec{
			Containers: []corev1.Container{{Name: "c", Image: "x", VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/disk"}}}},
			Volumes:    []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim}}}},
		},
	}
}

func cloneWithCDI(t *testing.T) {
	ns := namespace(t)
	newClaim(t, ns, "golden")
	newSnapshot(t, ns, "golden", "golden")
	must(t, kube.client.Create(t.Context(), &cdiv1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "ubuntu"},
		Spec:       cdiv1.DataSourceSpec{Source: cdiv1.DataSourceSource{PVC: &cdiv1.DataVolumeSourcePVC{Namespace: ns, Name: "golden"}}},
	}))
	http := diskv1alpha1.ImportSource{HTTP: &diskv1alpha1.HTTPSource{URL: "https://images.example.com/a.qcow2"}}
	cases := map[string]diskv1alpha1.ImportSource{
		"pvc": pvcSource("", "golden"), "snapshot": snapshotSource("golden"), "http": http,
		"datasource": {DataSource: &diskv1alpha1.CloneSource{Name: "ubuntu"}},
	}
	for name, s := range cases {
		t.Run(name, func(t *testing.T) {
			world.nodes.tell(name, cdiv1.DataVolumeStatus{Phase: cdiv1.CloneInProgress, Progress: "42.10%", Conditions: []cdiv1.DataVolumeCondition{
				{Type: cdiv1.DataVolumeRunning, Status: corev1.ConditionTrue, Reason: "Pod is running"},
			}})
			cr := newImport(t, ns, name, cloneOf(s), func(cr *diskv1alpha1.DiskImport) { cr.Spec.ForProvider.Engine = diskv1alpha1.EngineCDI })
			within(t, "CDI's progress should be ours", func() error {
				must(t, get(t, cr))
				if p := cr.Status.AtProvider.Progress; p == nil || p.Percent != 42 {
					return fmt.Errorf("it is %+v: %s", p, cr.Status.AtProvider.Message)
				}
				return nil
			})
			if c := (&corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}); !kerrors.IsNotFound(get(t, c)) {
				t.Errorf("half a disk is there under its name")
			}
			world.nodes.tell(name, cdiv1.DataVolumeStatus{Phase: cdiv1.Succeeded, Progress: "100.0%"})
			reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
			if at := cr.Status.AtProvider; at.Engine != diskv1alpha1.EngineCDI || at.Progress.Percent != 100 || at.CompletionTime == nil {
				t.Errorf("the status does not say what CDI did: %+v", at)
			}
			retain(t, cr)
			must(t, kube.client.Delete(t.Context(), cr))
			gone(t, cr)
			must(t, kube.client.Delete(t.Context(), keptFrom(t, cr)))
		})
	}
	want := untouched("golden")
	want["snapshot"] = []string{"golden"}
	settle(t, ns, want)
}

func cloneAcross(t *testing.T, other string) {
	ns := namespace(t)
	must(t, kube.client.Create(t.Context(), &cdiv1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "far"},
		Spec:       cdiv1.DataSourceSpec{Source: cdiv1.DataSourceSource{PVC: &cdiv1.DataVolumeSourcePVC{Namespace: other, Name: "golden"}}},
	}))
	must(t, kube.client.Create(t.Context(), &cdiv1.DataSource{
		ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "theirs"},
		Spec:       cdiv1.DataSourceSpec{Source: cdiv1.DataSourceSource{PVC: &cdiv1.DataVolumeSourcePVC{Namespace: other, Name: "golden"}}},
	}))
	// What is not permitted is not told apart from what is not there.
	secret := newImport(t, ns, "secret", cloneOf(pvcSource(other, "nothing")))
	reach(t, secret, diskv1alpha1.PhasePending, diskv1alpha1.ReasonCloneForbidden)
	for name, source := range map[string]string{"theirs": "theirs", "unknown": "nothing"} {
		ds := &diskv1alpha1.CloneSource{Namespace: other, Name: source}
		reach(t, newImport(t, ns, name, cloneOf(diskv1alpha1.ImportSource{DataSource: ds})), diskv1alpha1.PhasePending, diskv1alpha1.ReasonCloneForbidden)
	}
	far := newImport(t, ns, "far", cloneOf(pvcSource(other, "golden")))
	pointed := newImport(t, ns, "pointed", cloneOf(diskv1alpha1.ImportSource{DataSource: &diskv1alpha1.CloneSource{Name: "far"}}))
	reach(t, far, diskv1alpha1.PhasePending, diskv1alpha1.ReasonCloneForbidden)
	reach(t, pointed, diskv1alpha1.PhasePending, diskv1alpha1.ReasonCloneForbidden)

	must(t, kube.client.Create(t.Context(), &rbacv1.Role{
		ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "clone"},
		Rules: []rbacv1.PolicyRule{{
			APIGroups: []string{"cdi.kubevirt.io"}, Resources: []string{"datavolumes/source"}, ResourceNames: []string{"golden"}, Verbs: []string{"create"},
		}},
	}))
	must(t, kube.client.Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Namespace: other, Name: "clone"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "clone"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: ns, Name: "default"}},
	}))
	reach(t, far, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	reach(t, pointed, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	reach(t, secret, diskv1alpha1.PhasePending, diskv1alpha1.ReasonCloneForbidden)
}

func cloneGivenUp(t *testing.T) {
	ns := namespace(t)
	newClaim(t, ns, "golden")
	world.nodes.tell("hopeless", cdiv1.DataVolumeStatus{Phase: cdiv1.ImportInProgress, RestartCount: 6, Conditions: []cdiv1.DataVolumeCondition{
		{Type: cdiv1.DataVolumeRunning, Status: corev1.ConditionFalse, Reason: "Error", Message: "got 404"},
	}})
	cr := newImport(t, ns, "hopeless", func(cr *diskv1alpha1.DiskImport) { cr.Spec.ForProvider.Engine = diskv1alpha1.EngineCDI })
	reach(t, cr, diskv1alpha1.PhaseFailed, diskv1alpha1.ReasonCDIFailed)
	want := untouched("golden")
	want["secret"] = []string{moverOf(cr)}
	settle(t, ns, want)
	says(t, cr, "got 404")

	world.nodes.tell("hopeless", cdiv1.DataVolumeStatus{Phase: cdiv1.Succeeded})
	change(t, cr, func() { cr.Spec.ForProvider.Source.HTTP.URL = "https://images.example.com/b.qcow2" })
	reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	must(t, kube.client.Delete(t.Context(), cr))
	gone(t, cr)
	settle(t, ns, untouched("golden"))

	// The storage of one that is deleted in the middle is given back.
	world.nodes.tell("midway", cdiv1.DataVolumeStatus{Phase: cdiv1.CloneInProgress, Progress: "10.0%"})
	cr = newImport(t, ns, "midway", cloneOf(pvcSource("", "golden")))
	within(t, "CDI should begin", func() error {
		must(t, get(t, cr))
		if p := cr.Status.AtProvider.Progress; p == nil || p.Percent != 10 {
			return fmt.Errorf("it is %+v", p)
		}
		return nil
	})
	must(t, kube.client.Delete(t.Context(), cr))
	gone(t, cr)
	settle(t, ns, untouched("golden"))
}
