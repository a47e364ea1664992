// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// toImage is a DiskExport to a registry that has made an image at an hour.
func toImage(image string, hour int, edits ...edit) v1alpha1.DiskExport {
	cr := diskExport()
	cr.Spec.ForProvider.Target = v1alpha1.ExportTarget{Registry: &v1alpha1.RegistryTarget{Image: image}}
	end := metav1.NewTime(time.Date(2026, 11, 30, hour, 0, 0, 0, time.UTC))
	at := &cr.Status.AtProvider
	at.Artifact = &v1alpha1.ArtifactObservation{URI: "docker://" + image + "@sha256:beef", ContentDigest: "fsverity:sha256:cafe"}
	at.History = []v1alpha1.ExportRun{{Phase: v1alpha1.ExportPhaseFailed}, {Phase: v1alpha1.ExportPhaseSucceeded, CompletionTime: &end}}
	for _, e := range edits {
		e(cr)
	}
	return *cr
}

func TestNewest(t *testing.T) {
	const here = "registry.example.com/vms/"
	cases := map[string]struct {
		reason string
		all    []v1alpha1.DiskExport
		want   string
	}{
		"None":          {"Nothing was made yet.", nil, ""},
		"Own":           {"What it has made itself may do again.", []v1alpha1.DiskExport{toImage(here+"a", 1)}, here + "a"},
		"Newest":        {"The newest is the likeliest to be of the same disk.", []v1alpha1.DiskExport{toImage(here+"a", 1), toImage(here+"b", 3), toImage(here+"c", 2)}, here + "b"},
		"OtherRegistry": {"Nothing can be mounted from there.", []v1alpha1.DiskExport{toImage("elsewhere.example.com/vms/a", 1)}, ""},
		"OtherDisk": {"It is of another disk.", []v1alpha1.DiskExport{toImage(here+"a", 1, func(cr *v1alpha1.DiskExport) {
			cr.Spec.ForProvider.Source = v1alpha1.ExportSource{PVC: &v1alpha1.ObjectSource{Name: "other"}}
		})}, ""},
		"OtherKind": {"A bucket has no blobs.", []v1alpha1.DiskExport{toImage(here+"a", 1, func(cr *v1alpha1.DiskExport) {
			cr.Spec.ForProvider.Target = v1alpha1.ExportTarget{S3: &v1alpha1.S3Object{}}
			cr.Status.AtProvider.Artifact.URI = "s3://a/b"
		})}, ""},
		"NothingMade": {"It has not succeeded yet.", []v1alpha1.DiskExport{toImage(here+"a", 1, func(cr *v1alpha1.DiskExport) {
			cr.Status.AtProvider.Artifact = nil
		})}, ""},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := toImage(here+"new:v1", 0)
			var want *transfer.EarlierImage
			if tc.want != "" {
				want = &transfer.EarlierImage{Image: tc.want + "@sha256:beef", ContentDigest: "fsverity:sha256:cafe"}
			}
			if diff := cmp.Diff(want, newest(&cr, tc.all)); diff != "" {
				t.Errorf("%s\n-want +got:\n%s", tc.reason, diff)
			}
		})
	}
}
