// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// TestExportChanged begins anew when a mover sees the disk change, and gives up when
// that does not end.
func TestExportChanged(t *testing.T) {
	start(t)
	changed := transfer.Result{Type: transfer.LineResult}.Failed(transfer.Terminal(transfer.ReasonSourceChanged, errors.New("cannot go on reading /disk/disk.img: it changed meanwhile")))
	world.nodes.will("shaken", changed)
	cr := newExport(t, "", "shaken", func(cr *diskv1alpha1.DiskExport) { cr.Spec.ForProvider.Trigger = "monday" })
	exported(t, cr, diskv1alpha1.ExportPhaseFailed, "SourceChanged")
	if m := cr.Status.AtProvider.Message; !strings.Contains(m, "tried 3 times") || !strings.Contains(m, "consistency: Snapshot") {
		t.Errorf("the message is %q", m)
	}
	var runs []string
	for _, run := range cr.Status.AtProvider.History {
		runs = append(runs, run.Trigger+" "+run.Reason)
	}
	if diff := cmp.Diff([]string{"monday SourceChanged", "monday SourceChanged", "monday SourceChanged"}, runs); diff != "" {
		t.Errorf("history, -want +got:\n%s", diff)
	}
	within(t, "an event should say that the run begins anew", func() error { return said(t, cr, "ExportBeginsAnew", "written to while it was read") })

	world.nodes.will("shaken", transfer.Result{Type: transfer.LineResult})
	change(t, cr, func() { cr.Spec.ForProvider.Trigger = "tuesday" })
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	settle(t, cr.Namespace, untouched("disk"))
}

// said reports whether an event of an object has a reason and words.
func said(t *testing.T, o client.Object, reason, words string) error {
	t.Helper()
	l := &corev1.EventList{}
	if err := kube.client.List(t.Context(), l, client.InNamespace(o.GetNamespace())); err != nil {
		return err
	}
	var all []string
	for _, e := range l.Items {
		if e.InvolvedObject.UID == o.GetUID() && e.Reason == reason && strings.Contains(e.Message, words) {
			return nil
		}
		all = append(all, e.Reason+": "+e.Message)
	}
	return fmt.Errorf("there are only %q", all)
}

// TestExportNote keeps what a mover tells of an unusual run when it is gone.
func TestExportNote(t *testing.T) {
	start(t)
	const note = `Beside disk.img there is also "a.iso": that is no part of the disk, and is not exported.`
	world.nodes.will("noted", transfer.Result{Type: transfer.LineResult, Note: note})
	cr := newExport(t, "", "noted")
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	settle(t, cr.Namespace, untouched("disk"))
	must(t, get(t, cr))
	if at := cr.Status.AtProvider; !strings.Contains(at.Message, note) || len(at.History) != 1 || at.History[0].Note != note {
		t.Errorf("the status says %q, and the history %+v", at.Message, at.History)
	}
	within(t, "an event should say it too", func() error { return said(t, cr, "DiskExported", note) })
}

// TestExportReplaced deletes an export whose artifact another writer has replaced.
func TestExportReplaced(t *testing.T) {
	start(t)
	const note = "Another writer has replaced the artifact: what stands there now stays."
	world.nodes.will("replaced/remove", transfer.Result{Type: transfer.LineResult, Note: note})
	cr := newExport(t, "", "replaced", func(cr *diskv1alpha1.DiskExport) {
		cr.Spec.ForProvider.Retention = diskv1alpha1.RetentionDelete
	})
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	must(t, kube.client.Delete(t.Context(), cr))
	gone(t, cr)
	settle(t, cr.Namespace, untouched("disk"))
	within(t, "an event should say what was left", func() error { return said(t, cr, "LeftBehind", "s3://backups/vm.qcow2: "+note) })
}

// TestExportConnection imports an artifact by nothing but the export's connection
// Secret, as a person does.
func TestExportConnection(t *testing.T) {
	start(t)
	made := transfer.ArtifactFacts{URI: "s3://backups/vm.qcow2", Format: transfer.ArtifactQCOW2, Digest: "crc64nvme:ae8b14860a799888", Size: 42, VersionID: "version-1"}
	world.nodes.will("leads", transfer.Result{Type: transfer.LineResult, Artifact: made})
	cr := newExport(t, "", "leads", func(cr *diskv1alpha1.DiskExport) {
		cr.Spec.ForProvider.Target.S3.Region = "eu-west-1"
		cr.Spec.WriteConnectionSecretToReference = &xpv2.LocalSecretReference{Name: "place"}
	})
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	place := connection(t, cr.Namespace, "place", "key")
	world.nodes.keep("lead-back", true)
	newImport(t, cr.Namespace, "lead-back", func(i *diskv1alpha1.DiskImport) {
		i.Spec.ForProvider.Source = diskv1alpha1.ImportSource{S3: &diskv1alpha1.S3Source{
			S3Object:  diskv1alpha1.S3Object{Endpoint: place["endpoint"], Region: place["region"], Bucket: place["bucket"], Key: place["key"]},
			VersionID: place["versionID"],
		}}
		i.Spec.ForProvider.Verification.Checksum = place["digest"]
	})
	doc := documentOf(t, cr.Namespace)
	want := transfer.S3Object{Endpoint: "https://s3.example.com", Region: "eu-west-1", Bucket: "backups", Key: "vm.qcow2", VersionID: "version-1"}
	if doc.Source.S3 == nil || *doc.Source.S3 != want || doc.Verification.Checksum != made.Digest {
		t.Errorf("the import reads %+v with %+v", doc.Source.S3, doc.Verification)
	}
	world.nodes.keep("lead-back", false)

	image := "registry.example.com/vms/one@sha256:" + strings.Repeat("0a", 32)
	world.nodes.will("pulled", transfer.Result{Type: transfer.LineResult, Artifact: transfer.ArtifactFacts{URI: "docker://" + image, Format: transfer.ArtifactOCI}})
	cr = newExport(t, "", "pulled", toRegistry, func(cr *diskv1alpha1.DiskExport) {
		cr.Spec.WriteConnectionSecretToReference = &xpv2.LocalSecretReference{Name: "place"}
	})
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	place = connection(t, cr.Namespace, "place", "image")
	world.nodes.keep("pull-back", true)
	newImport(t, cr.Namespace, "pull-back", func(i *diskv1alpha1.DiskImport) {
		i.Spec.ForProvider.Source = diskv1alpha1.ImportSource{Registry: &diskv1alpha1.RegistrySource{Image: place["image"]}}
	})
	if doc := documentOf(t, cr.Namespace); doc.Source.Registry == nil || doc.Source.Registry.Image != image {
		t.Errorf("the import reads %+v", doc.Source.Registry)
	}
	world.nodes.keep("pull-back", false)
}

// connection waits until a connection Secret has a key, and returns what it says.
func connection(t *testing.T, ns, name, key string) map[string]string {
	t.Helper()
	out := map[string]string{}
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	within(t, "the connection Secret should be written", func() error {
		if err := get(t, s); err != nil {
			return err
		}
		if len(s.Data[key]) == 0 {
			return fmt.Errorf("it has no %s", key)
		}
		return nil
	})
	for k, v := range s.Data {
		out[k] = string(v)
	}
	return out
}

// documentOf waits for the only import of a namespace to start, and returns what its
// mover is told.
func documentOf(t *testing.T, ns string) transfer.Job {
	t.Helper()
	doc := transfer.Job{}
	within(t, "a mover should start", func() error {
		i := inventory(t, ns)
		for _, name := range i["job"] {
			var err error
			// The Job of an export that has ended outlives its Secret for a moment.
			if doc, err = findDocument(t, ns, name); client.IgnoreNotFound(err) != nil {
				return err
			}
			if doc.Operation == transfer.OperationImport {
				return nil
			}
		}
		return fmt.Errorf("there are %v", i)
	})
	return doc
}

// TestExportBetweenNodes has the disk in use on one node and the target's claim on
// another.
func TestExportBetweenNodes(t *testing.T) {
	start(t)
	ns := namespace(t)
	pods := map[string]string{"disk": "node-a", "backups": "node-b"}
	world.nodes.keep("uses", true)
	for claim, node := range pods {
		newClaim(t, ns, claim)
		must(t, kube.client.Create(t.Context(), &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "uses-" + claim},
			Spec: corev1.PodSpec{
				NodeName:   node,
				Containers: []corev1.Container{{Name: "mover", Image: "x", VolumeMounts: []corev1.VolumeMount{{Name: "v", MountPath: "/v"}}}},
				Volumes: []corev1.Volume{{Name: "v", VolumeSource: corev1.VolumeSource{
					PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: claim, ReadOnly: claim == "disk"},
				}}},
			},
		}))
	}
	cr := newExport(t, ns, "between", func(cr *diskv1alpha1.DiskExport) {
		cr.Spec.ForProvider.Target = diskv1alpha1.ExportTarget{PVC: &diskv1alpha1.ClaimTarget{Name: "backups", Path: "a"}}
	})
	exported(t, cr, diskv1alpha1.ExportPhasePending, diskv1alpha1.ReasonSourceInUse)
	if m := cr.Status.AtProvider.Message; !strings.Contains(m, `"node-a"`) || !strings.Contains(m, `"node-b"`) {
		t.Errorf("the message is %q", m)
	}
	if i := inventory(t, ns); len(i["job"]) > 0 {
		t.Errorf("nothing should be made: %v", i)
	}
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "uses-disk"}}
	must(t, kube.client.Delete(t.Context(), p, client.GracePeriodSeconds(0)))
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
}
