// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

type exportEdit func(*diskv1alpha1.DiskExport)

// newClaim makes a claim with a volume.
func newClaim(t *testing.T, ns, name string) {
	t.Helper()
	c := &corev1.PersistentVolumeClaim{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec: corev1.PersistentVolumeClaimSpec{
			AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: new(class),
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
		},
	}
	must(t, kube.client.Create(t.Context(), c))
	within(t, "the claim should be bound", func() error {
		if err := get(t, c); err != nil {
			return err
		}
		if c.Status.Phase != corev1.ClaimBound {
			return fmt.Errorf("it is %s", c.Status.Phase)
		}
		return nil
	})
}

// newExport makes a DiskExport of claim "disk" in a namespace of its own, or in
// the given one, where the claim is already.
func newExport(t *testing.T, ns, name string, edits ...exportEdit) *diskv1alpha1.DiskExport {
	t.Helper()
	if ns == "" {
		ns = namespace(t)
		newClaim(t, ns, "disk")
	}
	cr := &diskv1alpha1.DiskExport{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec: diskv1alpha1.DiskExportSpec{ForProvider: diskv1alpha1.DiskExportParameters{
			Source: diskv1alpha1.ExportSource{PVC: &diskv1alpha1.ObjectSource{Name: "disk"}},
			Target: diskv1alpha1.ExportTarget{S3: &diskv1alpha1.S3Object{Endpoint: "https://s3.example.com", Bucket: "backups", Key: "vm.qcow2"}},
		}},
	}
	for _, e := range edits {
		e(cr)
	}
	must(t, kube.client.Create(t.Context(), cr))
	return cr
}

// exported waits until a DiskExport has a phase and, if given, a reason of
// Ready.
func exported(t *testing.T, cr *diskv1alpha1.DiskExport, p diskv1alpha1.ExportPhase, r xpv2.ConditionReason) {
	t.Helper()
	within(t, fmt.Sprintf("%s should become %s %s", cr.Name, p, r), func() error {
		if err := get(t, cr); err != nil {
			return err
		}
		ready := cr.GetCondition(xpv2.TypeReady)
		if cr.Status.AtProvider.Phase != p || r != "" && ready.Reason != r {
			return fmt.Errorf("it is %s, Ready %s %s, Synced %s: %s", cr.Status.AtProvider.Phase, ready.Status, ready.Reason,
				cr.GetCondition(xpv2.TypeSynced).Message, cr.Status.AtProvider.Message)
		}
		return nil
	})
}

// untouched is the inventory of a namespace with nothing but the claims that
// were there before, sorted.
func untouched(claims ...string) map[string][]string {
	out := map[string][]string{}
	for _, c := range claims {
		out["claim"] = append(out["claim"], c+" Bound")
		out["volume"] = append(out["volume"], "Bound Delete labels=0 annotations=")
	}
	return out
}

func onSnapshot(cr *diskv1alpha1.DiskExport) {
	cr.Spec.ForProvider.Consistency = diskv1alpha1.ConsistencySnapshot
}

// document is the job document of a mover.
func document(t *testing.T, ns, name string) transfer.Job {
	t.Helper()
	doc, err := findDocument(t, ns, name)
	must(t, err)
	return doc
}

// findDocument is document where there may be none.
func findDocument(t *testing.T, ns, name string) (transfer.Job, error) {
	t.Helper()
	s, doc := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}, transfer.Job{}
	if err := get(t, s); err != nil {
		return doc, err
	}
	err := json.Unmarshal(s.Data["job.json"], &doc)
	return doc, err
}

func TestExport(t *testing.T) {
	start(t)
	t.Run("claim", func(t *testing.T) {
		t.Parallel()
		cr := newExport(t, "", "once", func(cr *diskv1alpha1.DiskExport) {
			cr.Spec.ForProvider.Trigger = "monday"
			cr.Spec.WriteConnectionSecretToReference = &xpv2.LocalSecretReference{Name: "place"}
		})
		exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
		want := untouched("disk")
		want["secret"] = []string{"place"}
		settle(t, cr.Namespace, want)

		must(t, get(t, cr))
		at := cr.Status.AtProvider
		if diff := cmp.Diff(&diskv1alpha1.ArtifactObservation{
			URI: "s3://backups/vm.qcow2", Format: "QCOW2", Digest: "sha256:beef", Size: 42, ContentDigest: "fsverity:sha256:cafe", Validator: "tag",
		}, at.Artifact); diff != "" {
			t.Errorf("artifact, -want +got:\n%s", diff)
		}
		if at.Consistency != diskv1alpha1.ConsistencyOffline || at.ClaimName != "disk" || at.LastTrigger == nil || *at.LastTrigger != "monday" || len(at.History) != 1 {
			t.Errorf("status does not say how it was exported: %+v", at)
		}
		if name := cr.Annotations["crossplane.io/external-name"]; name != "s3://backups/vm.qcow2" {
			t.Errorf("the external name is %q", name)
		}
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: cr.Namespace, Name: "place"}}
		must(t, get(t, s))
		if string(s.Data["uri"]) != "s3://backups/vm.qcow2" || string(s.Data["digest"]) != "sha256:beef" {
			t.Errorf("the connection details are %v", s.Data)
		}
		must(t, kube.client.Delete(t.Context(), cr))
		gone(t, cr)
	})
	t.Run("again", func(t *testing.T) {
		t.Parallel()
		cr := newExport(t, "", "again")
		exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
		settle(t, cr.Namespace, untouched("disk"))
		must(t, get(t, cr))
		change(t, cr, func() { cr.Spec.ForProvider.Trigger = "tuesday" })
		within(t, "another run should end", func() error {
			if err := get(t, cr); err != nil {
				return err
			}
			if at := cr.Status.AtProvider; len(at.History) != 2 || at.History[0].Trigger != "tuesday" || at.Phase != diskv1alpha1.ExportPhaseSucceeded {
				return fmt.Errorf("it is %+v", at)
			}
			return nil
		})
		settle(t, cr.Namespace, untouched("disk"))
	})
	t.Run("snapshot", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		newClaim(t, ns, "disk")
		newSnapshot(t, ns, "nightly", "disk")
		cr := newExport(t, ns, "nightly", func(cr *diskv1alpha1.DiskExport) {
			cr.Spec.ForProvider.Source = diskv1alpha1.ExportSource{Snapshot: &diskv1alpha1.ObjectSource{Name: "nightly"}}
		})
		exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
		want := untouched("disk")
		want["snapshot"] = []string{"nightly"}
		settle(t, ns, want)
		if at := cr.Status.AtProvider; at.Consistency != diskv1alpha1.ConsistencySnapshot || at.ClaimName != "disk" {
			t.Errorf("status does not say how it was exported: %+v", at)
		}
	})
}

// TestExportInUse exports a volume that a pod writes to.
func TestExportInUse(t *testing.T) {
	start(t)
	writer := func(t *testing.T, ns string) *corev1.Pod {
		t.Helper()
		world.nodes.keep("writer", true)
		p := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "writer-1"},
			Spec: corev1.PodSpec{
				Containers: []corev1.Container{{Name: "mover", Image: "x", VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/v"}}}},
				Volumes:    []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "disk"}}}},
			},
		}
		must(t, kube.client.Create(t.Context(), p))
		return p
	}
	t.Run("snapshot", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		newClaim(t, ns, "disk")
		writer(t, ns)
		world.nodes.keep("used", true)
		cr := newExport(t, ns, "used")
		exported(t, cr, diskv1alpha1.ExportPhaseExporting, "")
		i := inventory(t, ns)
		if len(i["snapshot"]) != 1 || len(i["claim"]) != 2 {
			t.Errorf("there should be a snapshot and a claim restored from it: %v", i)
		}
		world.nodes.keep("used", false)
		exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
		want := untouched("disk")
		want["pod"] = []string{"writer-1"}
		settle(t, ns, want)
		if got := cr.Status.AtProvider.Consistency; got != diskv1alpha1.ConsistencySnapshot {
			t.Errorf("consistency is %q", got)
		}
	})
	t.Run("offline", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		newClaim(t, ns, "disk")
		pod := writer(t, ns)
		cr := newExport(t, ns, "offline", func(cr *diskv1alpha1.DiskExport) {
			cr.Spec.ForProvider.Consistency = diskv1alpha1.ConsistencyOffline
		})
		exported(t, cr, diskv1alpha1.ExportPhasePending, diskv1alpha1.ReasonSourceInUse)
		must(t, kube.client.Delete(t.Context(), pod, client.GracePeriodSeconds(0)))
		exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	})
	t.Run("torn", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		newClaim(t, ns, "disk")
		world.nodes.keep("torn", true)
		cr := newExport(t, ns, "torn")
		exported(t, cr, diskv1alpha1.ExportPhaseExporting, "")
		first := onlyJob(t, ns)
		writer(t, ns)
		within(t, "the run should begin anew with a snapshot", func() error {
			l := &batchv1.JobList{}
			must(t, kube.client.List(t.Context(), l, client.InNamespace(ns)))
			if len(l.Items) != 1 || l.Items[0].UID == first.UID || len(snapshotsIn(t, ns)) != 1 {
				return fmt.Errorf("there are %v", inventory(t, ns))
			}
			return nil
		})
		world.nodes.keep("torn", false)
		exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
		if got := cr.Status.AtProvider.Consistency; got != diskv1alpha1.ConsistencySnapshot {
			t.Errorf("consistency is %q", got)
		}
	})
}

// TestExportFaults fails each write of the provider once, before or after the
// API server has done it: what a provider sees that is killed there.
func TestExportFaults(t *testing.T) {
	start(t)
	world.faults.set("export-measure", &plan{nth: -1})
	cr := newExport(t, "", "export-measure", onSnapshot)
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, "")
	settle(t, cr.Namespace, untouched("disk"))
	writes := world.faults.writes("export-measure")
	if writes < 10 {
		t.Fatalf("an export has %d writes: the faults would hit nothing", writes)
	}
	for n := 1; n <= writes+2; n++ {
		for _, after := range []bool{false, true} {
			name := fmt.Sprintf("export-fault-%d-%t", n, after)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				world.faults.set(name, &plan{nth: n, after: after})
				cr := newExport(t, "", name, onSnapshot)
				exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
				settle(t, cr.Namespace, untouched("disk"))
				if got := len(cr.Status.AtProvider.History); got != 1 {
					t.Errorf("it has run %d times", got)
				}
				must(t, kube.client.Delete(t.Context(), cr))
				gone(t, cr)
				settle(t, cr.Namespace, untouched("disk"))
			})
		}
	}
}

func TestExportObstacles(t *testing.T) {
	start(t)
	cases := map[string]struct {
		reason string
		edit   exportEdit
		want   xpv2.ConditionReason
		heal   func(t *testing.T, ns string)
	}{
		"claim-missing": {
			reason: "A claim that does not exist is named.",
			edit:   func(cr *diskv1alpha1.DiskExport) { cr.Spec.ForProvider.Source.PVC.Name = "later" },
			want:   diskv1alpha1.ReasonClaimNotFound,
			heal:   func(t *testing.T, ns string) { newClaim(t, ns, "later") },
		},
		"snapshot-missing": {
			reason: "A snapshot that does not exist is named.",
			edit: func(cr *diskv1alpha1.DiskExport) {
				cr.Spec.ForProvider.Source = diskv1alpha1.ExportSource{Snapshot: &diskv1alpha1.ObjectSource{Name: "none"}}
			},
			want: diskv1alpha1.ReasonSnapshotNotFound,
		},
		"no-kubevirt": {
			reason: "A cluster without KubeVirt has no virtual machines.",
			edit: func(cr *diskv1alpha1.DiskExport) {
				cr.Spec.ForProvider.Source = diskv1alpha1.ExportSource{VirtualMachine: &diskv1alpha1.MachineSource{Name: "vm", Disk: "d"}}
			},
			want: diskv1alpha1.ReasonKubeVirtMissing,
		},
		"target-missing": {
			reason: "A target claim that does not exist is named.",
			edit: func(cr *diskv1alpha1.DiskExport) {
				cr.Spec.ForProvider.Target = diskv1alpha1.ExportTarget{PVC: &diskv1alpha1.ClaimTarget{Name: "backups", Path: "a"}}
			},
			want: diskv1alpha1.ReasonClaimNotFound,
			heal: func(t *testing.T, ns string) { newClaim(t, ns, "backups") },
		},
		"keys-missing": {
			reason: "A Secret that does not exist is waited for.",
			edit: func(cr *diskv1alpha1.DiskExport) {
				cr.Spec.ForProvider.Target.S3.SecretRef = &diskv1alpha1.SecretReference{Name: "keys"}
			},
			want: diskv1alpha1.ReasonSecretNotFound,
			heal: func(t *testing.T, ns string) {
				must(t, kube.client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "keys"},
					StringData: map[string]string{"accessKeyId": "a", "secretKey": "b"}}))
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cr := newExport(t, "", name, tc.edit)
			exported(t, cr, diskv1alpha1.ExportPhasePending, tc.want)
			if i := inventory(t, cr.Namespace); len(i["job"]) > 0 || len(i["snapshot"]) > 0 {
				t.Errorf("%s\nnothing should be made: %v", tc.reason, i)
			}
			if tc.heal != nil {
				tc.heal(t, cr.Namespace)
				exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
			}
			must(t, kube.client.Delete(t.Context(), cr))
			gone(t, cr)
		})
	}
}

func TestExportFailure(t *testing.T) {
	start(t)
	world.nodes.will("refused", transfer.Result{Type: transfer.LineResult}.Failed(transfer.Terminal(transfer.ReasonTargetRefused, fmt.Errorf("cannot make object: no such bucket"))))
	cr := newExport(t, "", "refused", onSnapshot)
	exported(t, cr, diskv1alpha1.ExportPhaseFailed, "TargetRefused")
	within(t, "snapshot and restored claim should go", func() error {
		if i := inventory(t, cr.Namespace); len(i["claim"]) != 1 || len(i["snapshot"]) != 0 || len(i["job"]) != 1 {
			return fmt.Errorf("there are %v", i)
		}
		return nil
	})
	if at := cr.Status.AtProvider; len(at.History) != 1 || at.History[0].Reason != "TargetRefused" || at.Artifact != nil {
		t.Errorf("the status does not tell how it failed: %+v", at)
	}
	world.nodes.will("refused", transfer.Result{Type: transfer.LineResult})
	must(t, get(t, cr))
	before := cr.ResourceVersion
	must(t, get(t, cr))
	if cr.ResourceVersion != before {
		t.Errorf("the status of a failed export changes without a reason")
	}
	change(t, cr, func() { cr.Spec.ForProvider.Target.S3.Bucket = "other" })
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	settle(t, cr.Namespace, untouched("disk"))
}

// TestExportDeletion deletes an export in each of its states.
func TestExportDeletion(t *testing.T) {
	start(t)
	alone := func(t *testing.T, cr *diskv1alpha1.DiskExport) {
		must(t, kube.client.Delete(t.Context(), cr))
		gone(t, cr)
		settle(t, cr.Namespace, untouched("disk"))
	}
	wholeNamespace := func(t *testing.T, cr *diskv1alpha1.DiskExport) {
		n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: cr.Namespace}}
		must(t, kube.client.Delete(t.Context(), n))
		gone(t, n)
		settle(t, cr.Namespace, map[string][]string{})
	}
	running := func(i map[string][]string) bool { return len(i["pod"]) == 1 && len(i["job"]) == 1 }
	cases := map[string]struct {
		reason string
		hold   bool
		until  func(map[string][]string) bool
		delete func(*testing.T, *diskv1alpha1.DiskExport)
	}{
		"export-running":   {"A mover that runs is stopped, and what it has begun is removed.", true, running, alone},
		"export-namespace": {"A namespace goes in one go.", true, running, wholeNamespace},
		"export-snapshot":  {"A snapshot that nobody reads yet goes too.", true, func(i map[string][]string) bool { return len(i["snapshot"]) == 1 }, alone},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world.nodes.keep(name, tc.hold)
			cr := newExport(t, "", name, onSnapshot)
			within(t, "the export should get there", func() error {
				if i := inventory(t, cr.Namespace); !tc.until(i) {
					return fmt.Errorf("there are %v", i)
				}
				return nil
			})
			tc.delete(t, cr)
		})
	}
	t.Run("artifact", func(t *testing.T) {
		t.Parallel()
		cr := newExport(t, "", "unwanted", func(cr *diskv1alpha1.DiskExport) {
			cr.Spec.ForProvider.Retention = diskv1alpha1.RetentionDelete
		})
		exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
		settle(t, cr.Namespace, untouched("disk"))
		world.nodes.keep("unwanted/remove", true)
		must(t, kube.client.Delete(t.Context(), cr))
		within(t, "a mover should remove the artifact", func() error {
			if i := inventory(t, cr.Namespace); len(i["job"]) != 1 || !strings.HasSuffix(i["job"][0], "-remove") {
				return fmt.Errorf("there are %v", i)
			}
			return nil
		})
		doc := document(t, cr.Namespace, onlyJob(t, cr.Namespace).Name)
		if doc.Operation != transfer.OperationRemove || doc.Made == nil || doc.Made.Digest != "sha256:beef" || doc.Artifact.S3 == nil {
			t.Errorf("the remover is told %+v", doc)
		}
		world.nodes.keep("unwanted/remove", false)
		gone(t, cr)
		settle(t, cr.Namespace, untouched("disk"))
	})
	// What removing needs can go before the DiskExport does.
	t.Run("artifact-namespace", func(t *testing.T) {
		t.Parallel()
		ns := namespace(t)
		newClaim(t, ns, "disk")
		keys := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "keys"}, StringData: map[string]string{"accessKeyId": "a", "secretKey": "b"}}
		must(t, kube.client.Create(t.Context(), keys))
		cr := newExport(t, ns, "without-keys", func(cr *diskv1alpha1.DiskExport) {
			cr.Spec.ForProvider.Retention = diskv1alpha1.RetentionDelete
			cr.Spec.ForProvider.Target.S3.SecretRef = &diskv1alpha1.SecretReference{Name: "keys"}
		})
		exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
		must(t, kube.client.Delete(t.Context(), keys))
		wholeNamespace(t, cr)
	})
}

// TestExportStatusLost takes the status of an export away, as a restore of a
// backup of the cluster does: the artifact must not be written over.
func TestExportStatusLost(t *testing.T) {
	start(t)
	cr := newExport(t, "", "amnesia")
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, "")
	settle(t, cr.Namespace, untouched("disk"))
	must(t, get(t, cr))
	want := cr.Status.AtProvider.Artifact
	world.faults.set("amnesia", &plan{nth: -1})
	cr.Status = diskv1alpha1.DiskExportStatus{}
	must(t, kube.client.Status().Update(t.Context(), cr))
	must(t, get(t, cr))
	change(t, cr, func() { cr.Labels = map[string]string{"look": "again"} })
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, "")
	if diff := cmp.Diff(want, cr.Status.AtProvider.Artifact); diff != "" {
		t.Errorf("artifact, -want +got:\n%s", diff)
	}
	if i := inventory(t, cr.Namespace); len(i["job"]) > 0 {
		t.Errorf("it was exported again: %v", i)
	}
}
