// SPDX-License-Identifier: Apache-2.0

//go:build integration

package integration

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	"github.com/google/go-cmp/cmp"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

type edit func(*diskv1alpha1.DiskImport)

// newImport makes a DiskImport in a namespace of its own, or in the given one.
func newImport(t *testing.T, ns, name string, edits ...edit) *diskv1alpha1.DiskImport {
	t.Helper()
	if ns == "" {
		ns = namespace(t)
	}
	cr := &diskv1alpha1.DiskImport{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec: diskv1alpha1.DiskImportSpec{ForProvider: diskv1alpha1.DiskImportParameters{
			Source: diskv1alpha1.ImportSource{HTTP: &diskv1alpha1.HTTPSource{URL: "https://images.example.com/a.qcow2"}},
			Target: diskv1alpha1.Target{Size: resource.MustParse("1Gi")},
		}},
	}
	for _, e := range edits {
		e(cr)
	}
	must(t, kube.client.Create(t.Context(), cr))
	return cr
}

func get(t *testing.T, o client.Object) error {
	t.Helper()
	return kube.client.Get(t.Context(), client.ObjectKeyFromObject(o), o)
}

// reach waits until a DiskImport has a phase and, if given, a reason of Ready.
func reach(t *testing.T, cr *diskv1alpha1.DiskImport, p diskv1alpha1.Phase, r xpv2.ConditionReason) {
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

func gone(t *testing.T, o client.Object) {
	t.Helper()
	within(t, fmt.Sprintf("%T %s should be gone", o, o.GetName()), func() error {
		if err := get(t, o); kerrors.IsNotFound(err) {
			return nil
		} else if err != nil {
			return err
		}
		if n, ok := o.(*corev1.Namespace); ok {
			return fmt.Errorf("it is there: %v", n.Status.Conditions)
		}
		return fmt.Errorf("it is there, with finalizers %v", o.GetFinalizers())
	})
}

// inventory is what exists of a test's namespace, by kind.
func inventory(t *testing.T, ns string) map[string][]string {
	t.Helper()
	out := map[string][]string{}
	if s := snapshotsIn(t, ns); len(s) > 0 {
		out["snapshot"] = s
	}
	if s := dataVolumesIn(t, ns); len(s) > 0 {
		out["datavolume"] = s
	}
	lists := map[string]client.ObjectList{
		"claim": &corev1.PersistentVolumeClaimList{}, "job": &batchv1.JobList{}, "pod": &corev1.PodList{}, "secret": &corev1.SecretList{},
	}
	for kind, l := range lists {
		must(t, kube.client.List(t.Context(), l, client.InNamespace(ns)))
		switch l := l.(type) {
		case *corev1.PersistentVolumeClaimList:
			for _, o := range l.Items {
				out[kind] = append(out[kind], o.Name+" "+string(o.Status.Phase))
			}
		case *batchv1.JobList:
			for _, o := range l.Items {
				out[kind] = append(out[kind], o.Name)
			}
		case *corev1.PodList:
			for _, o := range l.Items {
				out[kind] = append(out[kind], o.Name)
			}
		case *corev1.SecretList:
			for _, o := range l.Items {
				out[kind] = append(out[kind], o.Name)
			}
		}
	}
	vs := &corev1.PersistentVolumeList{}
	must(t, kube.client.List(t.Context(), vs))
	for _, v := range vs.Items {
		if strings.HasSuffix(v.Name, "."+ns) {
			out["volume"] = append(out["volume"], fmt.Sprintf("%s %s labels=%d annotations=%v", v.Status.Phase, v.Spec.PersistentVolumeReclaimPolicy, len(v.Labels), v.Annotations["wukong.m.novasphere.dev/handover"]))
		}
	}
	return out
}

// published is the inventory of a namespace with one published disk.
func published(name string) map[string][]string {
	return map[string][]string{"claim": {name + " Bound"}, "volume": {"Bound Delete labels=0 annotations="}}
}

func settle(t *testing.T, ns string, want map[string][]string) {
	t.Helper()
	within(t, "the namespace should settle", func() error {
		if diff := cmp.Diff(want, inventory(t, ns)); diff != "" {
			return fmt.Errorf("-want, +got:\n%s", diff)
		}
		return nil
	})
}

func TestImport(t *testing.T) {
	start(t)
	for name, mode := range map[string]corev1.PersistentVolumeMode{"filesystem": corev1.PersistentVolumeFilesystem, "block": corev1.PersistentVolumeBlock} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cr := newImport(t, "", name, func(cr *diskv1alpha1.DiskImport) {
				cr.Spec.ForProvider.Target.VolumeMode = &mode
				cr.Spec.ForProvider.Target.Labels = map[string]string{"team": "vm"}
			})
			reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
			settle(t, cr.Namespace, published(name))

			at := cr.Status.AtProvider
			t.Logf("from the last verified byte to the disk: %s", cr.GetCondition(xpv2.TypeReady).LastTransitionTime.Sub(at.CompletionTime.Time))
			if at.ClaimName != name || at.Source == nil || at.Source.Digest != "sha256:feed" || at.Progress.Percent != 100 {
				t.Errorf("status does not say what was imported: %+v", at)
			}
			claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: cr.Namespace, Name: name}}
			must(t, get(t, claim))
			want := map[string]string{
				"wukong.m.novasphere.dev/disk-import": name, "wukong.m.novasphere.dev/disk-size": "1073741824",
				"wukong.m.novasphere.dev/source-digest": "sha256:feed", "wukong.m.novasphere.dev/source-format": "QCOW2",
			}
			for k, v := range want {
				if claim.Annotations[k] != v {
					t.Errorf("annotation %s is %q, want %q", k, claim.Annotations[k], v)
				}
			}
			if claim.Labels["team"] != "vm" || *claim.Spec.VolumeMode != mode {
				t.Errorf("the claim is not what was asked for: %+v", claim)
			}
			must(t, kube.client.Delete(t.Context(), cr))
			gone(t, cr)
			settle(t, cr.Namespace, map[string][]string{})
		})
	}
}

// TestFaults fails each write of the provider once, before or after the API
// server has done it: what a provider sees that is killed there.
func TestFaults(t *testing.T) {
	start(t)
	// How many writes an import has.
	world.faults.set("measure", &plan{nth: -1})
	cr := newImport(t, "", "measure")
	reach(t, cr, diskv1alpha1.PhaseSucceeded, "")
	settle(t, cr.Namespace, published("measure"))
	writes := world.faults.writes("measure")
	if writes < 10 {
		t.Fatalf("an import has %d writes: the faults would hit nothing", writes)
	}
	for n := 1; n <= writes+2; n++ {
		for _, after := range []bool{false, true} {
			name := fmt.Sprintf("fault-%d-%t", n, after)
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				world.faults.set(name, &plan{nth: n, after: after})
				cr := newImport(t, "", name)
				reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
				settle(t, cr.Namespace, published(name))
				must(t, kube.client.Delete(t.Context(), cr))
				gone(t, cr)
				settle(t, cr.Namespace, map[string][]string{})
			})
		}
	}
}

func TestFailure(t *testing.T) {
	start(t)
	world.nodes.will("corrupt", transfer.Result{Type: transfer.LineResult}.Failed(transfer.Terminal(transfer.ReasonChecksumMismatch, fmt.Errorf("cannot verify source: it has another sum"))))
	cr := newImport(t, "", "corrupt", func(cr *diskv1alpha1.DiskImport) {
		cr.Spec.ForProvider.Verification.Checksum = "md5:d41d8cd98f00b204e9800998ecf8427e"
	})
	reach(t, cr, diskv1alpha1.PhaseFailed, "ChecksumMismatch")
	within(t, "the staging claim should go", func() error {
		if i := inventory(t, cr.Namespace); len(i["claim"])+len(i["volume"]) > 0 || len(i["job"]) != 1 || len(i["secret"]) != 1 {
			return fmt.Errorf("there are %v", i)
		}
		return nil
	})
	if s := cr.GetCondition(xpv2.TypeSynced); s.Status != corev1.ConditionTrue {
		t.Errorf("a permanent failure is a state, not an error: Synced is %v", s)
	}
	if v := cr.GetCondition(diskv1alpha1.TypeVerified); v.Status != corev1.ConditionFalse {
		t.Errorf("Verified is %v", v)
	}
	before := cr.ResourceVersion
	world.nodes.will("corrupt", transfer.Result{Type: transfer.LineResult})
	must(t, get(t, cr))
	if cr.ResourceVersion != before {
		t.Errorf("the status of a failed import changes without a reason")
	}
	cr.Spec.ForProvider.Source.HTTP.URL = "https://images.example.com/b.qcow2"
	must(t, kube.client.Update(t.Context(), cr))
	reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
	settle(t, cr.Namespace, published("corrupt"))
}

func TestObstacles(t *testing.T) {
	start(t)
	cases := map[string]struct {
		reason string
		before func(t *testing.T, ns string)
		edit   edit
		want   xpv2.ConditionReason
		phase  diskv1alpha1.Phase
		heal   func(t *testing.T, ns string)
	}{
		"secret": {
			reason: "A missing Secret is waited for.",
			edit: func(cr *diskv1alpha1.DiskImport) {
				cr.Spec.ForProvider.Source.HTTP.SecretRef = &diskv1alpha1.SecretReference{Name: "login"}
			},
			want: diskv1alpha1.ReasonSecretNotFound,
			heal: func(t *testing.T, ns string) {
				must(t, kube.client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "login"}, StringData: map[string]string{"token": "x"}}))
			},
		},
		"malformed": {
			reason: "A Secret that cannot be used says what it lacks.",
			before: func(t *testing.T, ns string) {
				must(t, kube.client.Create(t.Context(), &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "login"}, StringData: map[string]string{"username": "x"}}))
			},
			edit: func(cr *diskv1alpha1.DiskImport) {
				cr.Spec.ForProvider.Source.HTTP.SecretRef = &diskv1alpha1.SecretReference{Name: "login"}
			},
			want: diskv1alpha1.ReasonSecretMalformed,
		},
		"bundle": {
			reason: "A missing ConfigMap is waited for.",
			edit: func(cr *diskv1alpha1.DiskImport) {
				cr.Spec.ForProvider.Source.HTTP.CABundleRef = &diskv1alpha1.CABundleReference{Name: "ca"}
			},
			want: diskv1alpha1.ReasonConfigMapNotFound,
		},
		"class": {
			reason: "A class that does not exist is named.",
			edit: func(cr *diskv1alpha1.DiskImport) {
				cr.Spec.ForProvider.Target.StorageClassName = new("none")
			},
			want: diskv1alpha1.ReasonStorageClassNotFound,
		},
		"config": {
			reason: "A configuration that does not exist is named.",
			edit: func(cr *diskv1alpha1.DiskImport) {
				cr.Spec.ProviderConfigReference = &xpv2.ProviderConfigReference{Kind: "ProviderConfig", Name: "none"}
			},
			want: diskv1alpha1.ReasonProviderConfigNotFound,
		},
		"quota": {
			reason: "A quota that is too small is named.",
			before: func(t *testing.T, ns string) {
				q := &corev1.ResourceQuota{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "small"}, Spec: corev1.ResourceQuotaSpec{
					Hard: corev1.ResourceList{corev1.ResourceRequestsStorage: resource.MustParse("1Mi")},
				}}
				must(t, kube.client.Create(t.Context(), q))
				within(t, "the quota should be counted", func() error {
					if err := get(t, q); err != nil {
						return err
					}
					if len(q.Status.Hard) == 0 {
						return fmt.Errorf("it has no status")
					}
					return nil
				})
			},
			want: diskv1alpha1.ReasonQuotaExceeded,
		},
		"foreign": {
			reason: "Somebody else's claim is left alone.",
			before: func(t *testing.T, ns string) {
				must(t, kube.client.Create(t.Context(), &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: "foreign"}, Spec: corev1.PersistentVolumeClaimSpec{
					AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}, StorageClassName: new("other"),
					Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Gi")}},
				}}))
			},
			want:  diskv1alpha1.ReasonClaimConflict,
			phase: diskv1alpha1.PhaseFailed,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ns := namespace(t)
			if tc.before != nil {
				tc.before(t, ns)
			}
			edits := []edit{}
			if tc.edit != nil {
				edits = append(edits, tc.edit)
			}
			cr := newImport(t, ns, name, edits...)
			phase := tc.phase
			if phase == "" {
				phase = diskv1alpha1.PhasePending
			}
			reach(t, cr, phase, tc.want)
			if i := inventory(t, ns); len(i["job"]) > 0 || len(i["volume"]) > 0 {
				t.Errorf("%s\nnothing should be made: %v", tc.reason, i)
			}
			if tc.heal != nil {
				tc.heal(t, ns)
				reach(t, cr, diskv1alpha1.PhaseSucceeded, xpv2.ReasonAvailable)
			}
			must(t, kube.client.Delete(t.Context(), cr))
			gone(t, cr)
		})
	}
}

// TestDeletion deletes an import in each of its states.
func TestDeletion(t *testing.T) {
	start(t)
	wholeNamespace := func(t *testing.T, cr *diskv1alpha1.DiskImport) {
		n := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: cr.Namespace}}
		must(t, kube.client.Delete(t.Context(), n))
		gone(t, n)
		settle(t, cr.Namespace, map[string][]string{})
	}
	alone := func(t *testing.T, cr *diskv1alpha1.DiskImport) {
		must(t, kube.client.Delete(t.Context(), cr))
		gone(t, cr)
		settle(t, cr.Namespace, map[string][]string{})
	}
	// The first claim that is made is the staging claim, the second the final.
	noFinal := func() func(*http.Request) bool {
		claims := 0
		return func(r *http.Request) bool {
			if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/persistentvolumeclaims") {
				claims++
			}
			return claims > 1
		}
	}
	cases := map[string]struct {
		reason string
		hold   bool
		fault  *plan
		until  func(map[string][]string) bool
		delete func(*testing.T, *diskv1alpha1.DiskImport)
	}{
		"running":           {"A mover that runs is stopped.", true, nil, func(i map[string][]string) bool { return len(i["pod"]) == 1 }, alone},
		"running-namespace": {"A namespace goes in one go.", true, nil, func(i map[string][]string) bool { return len(i["pod"]) == 1 }, wholeNamespace},
		"handover": {"A volume in the middle of a handover is reclaimed.", false,
			&plan{hold: noFinal()},
			func(i map[string][]string) bool {
				return len(i["pod"]) == 0 && len(i["volume"]) == 1 && strings.Contains(i["volume"][0], "Retain")
			}, alone},
		"midway": {"A volume in the middle of a handover is reclaimed when its namespace goes.", false,
			&plan{hold: noFinal()},
			func(i map[string][]string) bool {
				return len(i["volume"]) == 1 && strings.Contains(i["volume"][0], "Retain")
			}, wholeNamespace},
		"published-namespace": {"A published disk goes with its namespace.", false, nil, func(i map[string][]string) bool {
			return len(i["job"]) == 0 && len(i["claim"]) == 1 && strings.HasSuffix(i["claim"][0], "Bound")
		}, wholeNamespace},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			world.nodes.keep(name, tc.hold)
			if tc.fault != nil {
				world.faults.set(name, tc.fault)
			}
			cr := newImport(t, "", name)
			within(t, "the import should get there", func() error {
				if i := inventory(t, cr.Namespace); !tc.until(i) {
					return fmt.Errorf("there are %v", i)
				}
				return nil
			})
			if tc.fault != nil {
				world.faults.set(name, &plan{nth: -1})
			}
			tc.delete(t, cr)
		})
	}
}

func TestClaimLost(t *testing.T) {
	start(t)
	cr := newImport(t, "", "lost")
	reach(t, cr, diskv1alpha1.PhaseSucceeded, "")
	first := cr.Status.AtProvider.StartTime
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: cr.Namespace, Name: "lost"}}
	must(t, kube.client.Delete(t.Context(), claim))
	within(t, "the disk should be imported again", func() error {
		if err := get(t, cr); err != nil {
			return err
		}
		if cr.Status.AtProvider.StartTime.Equal(first) || cr.Status.AtProvider.Phase != diskv1alpha1.PhaseSucceeded {
			return fmt.Errorf("it is %+v", cr.Status.AtProvider)
		}
		return nil
	})
	settle(t, cr.Namespace, published("lost"))
}

// TestUpdate changes what may change while a mover runs, and afterwards.
func TestUpdate(t *testing.T) {
	start(t)
	world.nodes.keep("tuned", true)
	cr := newImport(t, "", "tuned")
	reach(t, cr, diskv1alpha1.PhaseImporting, "")
	job := onlyJob(t, cr.Namespace)
	cr.Spec.ForProvider.Transfer.BandwidthLimit = new(resource.MustParse("1Mi"))
	cr.Spec.ForProvider.Transfer.Retries = new(int32(9))
	must(t, kube.client.Update(t.Context(), cr))
	within(t, "limits should change in place", func() error {
		now := onlyJob(t, cr.Namespace)
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: cr.Namespace, Name: now.Name}}
		if err := get(t, s); err != nil {
			return err
		}
		if now.UID != job.UID || *now.Spec.BackoffLimit != 9 || !strings.Contains(string(s.Data["job.json"]), `"bytesPerSecond":1048576`) {
			return fmt.Errorf("the Job is %s with %d retries, the document %s", now.UID, *now.Spec.BackoffLimit, s.Data["job.json"])
		}
		return nil
	})
	world.nodes.keep("tuned", false)
	reach(t, cr, diskv1alpha1.PhaseSucceeded, "")
	settle(t, cr.Namespace, published("tuned"))

	cr.Spec.ForProvider.Target.Size = resource.MustParse("2Gi")
	cr.Spec.ForProvider.Target.Labels = map[string]string{"a": "b"}
	must(t, kube.client.Update(t.Context(), cr))
	claim := &corev1.PersistentVolumeClaim{ObjectMeta: metav1.ObjectMeta{Namespace: cr.Namespace, Name: "tuned"}}
	within(t, "the claim should grow", func() error {
		if err := get(t, claim); err != nil {
			return err
		}
		request := claim.Spec.Resources.Requests[corev1.ResourceStorage]
		if claim.Labels["a"] != "b" || request.String() != "2304Mi" {
			return fmt.Errorf("it asks for %s, with labels %v", request.String(), claim.Labels)
		}
		return nil
	})
}

func onlyJob(t *testing.T, ns string) *batchv1.Job {
	t.Helper()
	l := &batchv1.JobList{}
	must(t, kube.client.List(t.Context(), l, client.InNamespace(ns)))
	if len(l.Items) != 1 {
		t.Fatalf("there are %d Jobs, want one", len(l.Items))
	}
	return &l.Items[0]
}
