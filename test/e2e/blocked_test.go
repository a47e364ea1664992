// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/apis/v1alpha1"
)

// TestBlockedByCluster asks for imports that the cluster cannot run as they
// are written: the status says why, no claim is there, and when the cause can
// be mended the import goes on by itself.
func TestBlockedByCluster(t *testing.T) {
	t.Parallel()
	s := newShelf(t)
	good := s.qcow2(t, newDisk(t), "good.qcow2", "-c")

	cases := map[string]struct {
		why     string
		before  func(*testing.T, namespace)
		edit    edit
		phase   diskv1alpha1.Phase
		reason  string
		message string
		mend    func(*testing.T, namespace)
	}{
		"secret": {
			why:  "the Secret does not exist",
			edit: withSecret("later"), phase: diskv1alpha1.PhasePending, reason: "SecretNotFound", message: "later",
			mend: func(t *testing.T, n namespace) {
				n.secret(t, "later", map[string]string{"username": "wukong", "password": "secret"})
			},
		},
		"authority": {
			why:  "the ConfigMap does not exist",
			edit: withAuthority("nobody"), phase: diskv1alpha1.PhasePending, reason: "ConfigMapNotFound", message: "nobody",
		},
		"storage-class": {
			why:  "the StorageClass does not exist",
			edit: onClass("imaginary"), phase: diskv1alpha1.PhasePending, reason: "StorageClassNotFound", message: "imaginary",
		},
		"foreign-claim": {
			why: "somebody else's claim has the name",
			before: func(t *testing.T, n namespace) {
				c := n.claim("foreign-claim")
				c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
				c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("1Mi")}
				n.make(t, c)
			},
			edit: asItIs, phase: diskv1alpha1.PhaseFailed, reason: "ClaimConflict", message: "foreign-claim",
		},
		"quota": {
			why: "the namespace's quota is used up",
			before: func(t *testing.T, n namespace) {
				q := &corev1.ResourceQuota{ObjectMeta: n.meta("storage")}
				q.Spec.Hard = corev1.ResourceList{corev1.ResourceRequestsStorage: resource.MustParse("16Mi")}
				n.make(t, q)
			},
			edit: asItIs, phase: diskv1alpha1.PhasePending, reason: "QuotaExceeded", message: "(?i)quota",
			mend: func(t *testing.T, n namespace) {
				n.remove(t.Context(), t, &corev1.ResourceQuota{ObjectMeta: n.meta("storage")})
			},
		},
		"image-pull": {
			why: "the mover's image does not exist",
			before: func(t *testing.T, n namespace) {
				c := &v1alpha1.ProviderConfig{ObjectMeta: n.meta("no-image")}
				c.Spec.Mover.Image = "images.example.com/no/mover:v0"
				n.make(t, c)
			},
			edit: withConfig("no-image"), phase: diskv1alpha1.PhasePending, reason: "ImagePullFailed", message: "no/mover:v0",
		},
		"unschedulable": {
			why: "no node has the label",
			edit: func(d *diskv1alpha1.DiskImport) {
				d.Spec.ForProvider.Transfer.NodeSelector = map[string]string{"example.com/nowhere": "yes"}
			},
			phase: diskv1alpha1.PhasePending, reason: "Unschedulable", message: "(?i)node",
		},
		"no-room": {
			why: "no node has the processors, and one that had them might get room",
			edit: func(d *diskv1alpha1.DiskImport) {
				many := corev1.ResourceList{corev1.ResourceCPU: resource.MustParse("1000")}
				d.Spec.ForProvider.Transfer.Resources = &corev1.ResourceRequirements{Requests: many, Limits: many}
			},
			phase: diskv1alpha1.PhasePending, reason: "Creating", message: "waits for room on a node: .*Insufficient cpu",
		},
		"out-of-memory": {
			why: "the mover may not use enough memory",
			edit: func(d *diskv1alpha1.DiskImport) {
				none := int32(0)
				d.Spec.ForProvider.Transfer.Retries = &none
				d.Spec.ForProvider.Transfer.Resources = &corev1.ResourceRequirements{
					Limits: corev1.ResourceList{corev1.ResourceMemory: resource.MustParse("12Mi")},
				}
			},
			phase: diskv1alpha1.PhaseFailed, reason: "OutOfMemory", message: "(?i)memory",
		},
		"config": {
			why:  "the provider configuration does not exist",
			edit: withConfig("nowhere"), phase: diskv1alpha1.PhasePending, reason: "ProviderConfigNotFound", message: "nowhere",
			mend: func(t *testing.T, n namespace) {
				n.make(t, &v1alpha1.ProviderConfig{ObjectMeta: n.meta("nowhere")})
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := space(t)
			if tc.before != nil {
				tc.before(t, n)
			}
			d := n.diskImport(t, name, good.url(), tc.edit)
			holds(t.Context(), t, n, d, stands(tc.phase, tc.reason, tc.message))
			t.Logf("%s: %s", tc.why, d.Status.AtProvider.Message)
			if tc.mend != nil {
				tc.mend(t, n)
				n.done(t, d)
			}
		})
	}
}
