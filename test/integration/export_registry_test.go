// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func toRegistry(cr *diskv1alpha1.DiskExport) {
	cr.Spec.ForProvider.Target = diskv1alpha1.ExportTarget{Registry: &diskv1alpha1.RegistryTarget{Image: "registry.example.com/vms/one:v1"}}
}

// interrupted is how a mover ends that is evicted, after it has told what.
func interrupted(what string) transfer.Result {
	r := transfer.Result{Type: transfer.LineResult}.Failed(transfer.Retryable(transfer.ReasonInterrupted, errors.New("cannot go on")))
	r.Resume = what
	return r
}

// holds waits until a Secret holds what a mover has told.
func holds(t *testing.T, ns, name, what string) *corev1.Secret {
	t.Helper()
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name}}
	within(t, "the next attempt should be handed what was told", func() error {
		if err := get(t, s); err != nil {
			return err
		}
		if got := string(s.Data[transfer.FileResumeState]); got != what {
			return fmt.Errorf("it gets %q, want %q", got, what)
		}
		return nil
	})
	return s
}

// TestExportGoesOn hands what one attempt tells to the next one, where no log,
// status or event repeats it, and takes it away with the run.
func TestExportGoesOn(t *testing.T) {
	start(t)
	t.Run("next", func(t *testing.T) {
		t.Parallel()
		world.nodes.will("goes-on", interrupted("sealed-words"))
		cr := newExport(t, "", "goes-on", toRegistry)
		var job string
		within(t, "a mover should start", func() error {
			if i := inventory(t, cr.Namespace); len(i["job"]) == 1 {
				job = i["job"][0]
				return nil
			}
			return errors.New("there is none")
		})
		s := holds(t, cr.Namespace, job, "sealed-words")
		world.nodes.will("goes-on", transfer.Result{Type: transfer.LineResult, ReusedBytes: 40})
		if doc := document(t, cr.Namespace, job); doc.ResumeDir == "" || len(s.Data[transfer.FileResumeKey]) < 20 {
			t.Errorf("the mover cannot read what was told: %+v", doc)
		}
		exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
		settle(t, cr.Namespace, untouched("disk"))
		must(t, get(t, cr))
		b, err := json.Marshal(cr)
		must(t, err)
		if strings.Contains(string(b), "sealed-words") {
			t.Errorf("the status repeats what was told: %s", b)
		}
		if p := cr.Status.AtProvider.Progress; p == nil || p.ReusedBytes != 40 {
			t.Errorf("the status does not tell what was not sent again: %+v", p)
		}
	})
	t.Run("deleted", func(t *testing.T) {
		t.Parallel()
		world.nodes.will("left", interrupted("sealed-upload"))
		cr := newExport(t, "", "left", toRegistry)
		var job string
		within(t, "a mover should start", func() error {
			if i := inventory(t, cr.Namespace); len(i["job"]) == 1 {
				job = i["job"][0]
				return nil
			}
			return errors.New("there is none")
		})
		key := holds(t, cr.Namespace, job, "sealed-upload").Data[transfer.FileResumeKey]
		world.nodes.keep("left/remove", true)
		must(t, kube.client.Delete(t.Context(), cr))
		s := holds(t, cr.Namespace, job+"-remove", "sealed-upload")
		if !bytes.Equal(s.Data[transfer.FileResumeKey], key) {
			t.Error("the mover that removes the upload has another key")
		}
		within(t, "a mover should remove the upload", func() error {
			if i := inventory(t, cr.Namespace); len(i["job"]) != 1 || !strings.HasSuffix(i["job"][0], "-remove") {
				return fmt.Errorf("there are %v", i)
			}
			return nil
		})
		if doc := document(t, cr.Namespace, job+"-remove"); doc.Operation != transfer.OperationRemove || doc.ResumeDir == "" {
			t.Errorf("the remover is told %+v", doc)
		}
		world.nodes.will("left/remove", transfer.Result{Type: transfer.LineResult})
		world.nodes.keep("left/remove", false)
		gone(t, cr)
		settle(t, cr.Namespace, untouched("disk"))
	})
}

// TestExportHelper says of a Secret with a credential helper what is wrong with
// it, before a mover starts, and goes on when it is put right.
func TestExportHelper(t *testing.T) {
	start(t)
	ns := namespace(t)
	newClaim(t, ns, "disk")
	s := &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "login"}, Type: corev1.SecretTypeDockerConfigJson,
		Data: map[string][]byte{corev1.DockerConfigJsonKey: []byte(`{"auths": {"registry.example.com": {}}, "credsStore": "desktop"}`)},
	}
	must(t, kube.client.Create(t.Context(), s))
	cr := newExport(t, ns, "helper", toRegistry, func(cr *diskv1alpha1.DiskExport) {
		cr.Spec.ForProvider.Target.Registry.SecretRef = &diskv1alpha1.SecretReference{Name: "login"}
	})
	exported(t, cr, diskv1alpha1.ExportPhasePending, diskv1alpha1.ReasonSecretMalformed)
	if m := cr.GetCondition(xpv2.TypeReady).Message; !strings.Contains(m, `credential helper "desktop"`) || !strings.Contains(m, "give it .dockerconfigjson") {
		t.Errorf("Ready says %q", m)
	}
	if i := inventory(t, ns); len(i["job"]) > 0 {
		t.Errorf("nothing should be made: %v", i)
	}
	s.Data[corev1.DockerConfigJsonKey] = []byte(`{"auths": {"registry.example.com": {"username": "u", "password": "p"}}, "credsStore": "desktop"}`)
	must(t, kube.client.Update(t.Context(), s))
	exported(t, cr, diskv1alpha1.ExportPhaseSucceeded, xpv2.ReasonAvailable)
	must(t, get(t, s))
	s.Data[corev1.DockerConfigJsonKey] = []byte(`{"credHelpers": {"registry.example.com": "gcloud"}}`)
	must(t, kube.client.Update(t.Context(), s))
	must(t, get(t, cr))
	change(t, cr, func() { cr.Labels = map[string]string{"look": "again"} })
	within(t, "it should be said that the image is not watched any more", func() error {
		if err := get(t, cr); err != nil {
			return err
		}
		if m := cr.GetCondition(xpv2.TypeReady).Message; !strings.Contains(m, `credential helper "gcloud"`) {
			return fmt.Errorf("Ready says %q", m)
		}
		return nil
	})
}
