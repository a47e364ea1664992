// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
)

func TestConnectionDetails(t *testing.T) {
	made := v1alpha1.ArtifactObservation{URI: "s3://backups/vm.qcow2", Digest: "sha256:beef"}
	versioned := made
	versioned.VersionID = "v1"
	image := v1alpha1.ArtifactObservation{URI: "docker://registry.example.com/vms/a@sha256:00ff", Digest: "sha256:00ff"}
	web := func(m v1alpha1.UploadMethod) edit {
		return func(cr *v1alpha1.DiskExport) {
			cr.Spec.ForProvider.Target = v1alpha1.ExportTarget{HTTP: &v1alpha1.HTTPTarget{Method: m, HTTPSource: v1alpha1.HTTPSource{URL: "https://h/a?b=c"}}}
		}
	}
	uploaded := v1alpha1.ArtifactObservation{URI: "https://h/a", Digest: "sha256:beef"}
	cases := map[string]struct {
		reason string
		edit   edit
		made   *v1alpha1.ArtifactObservation
		want   map[string]string
	}{
		"None": {reason: "What is not made is nowhere."},
		"S3": {
			reason: "The place of an object is that of its store too.", made: &versioned,
			want: map[string]string{"uri": "s3://backups/vm.qcow2", "digest": "sha256:beef", "endpoint": "https://s3.example.com", "region": "us-east-1", "bucket": "backups", "key": "vm.qcow2", "versionID": "v1"},
		},
		"AWS": {
			reason: "AWS has an endpoint in each region; a bucket need not keep versions.", made: &made,
			edit: func(cr *v1alpha1.DiskExport) {
				cr.Spec.ForProvider.Target.S3.Endpoint, cr.Spec.ForProvider.Target.S3.Region = "", "eu-west-1"
			},
			want: map[string]string{"uri": "s3://backups/vm.qcow2", "digest": "sha256:beef", "endpoint": "https://s3.eu-west-1.amazonaws.com", "region": "eu-west-1", "bucket": "backups", "key": "vm.qcow2"},
		},
		"Registry": {
			reason: "An image is named by its digest.", made: &image,
			edit: func(cr *v1alpha1.DiskExport) {
				cr.Spec.ForProvider.Target = v1alpha1.ExportTarget{Registry: &v1alpha1.RegistryTarget{Image: "registry.example.com/vms/a:b"}}
			},
			want: map[string]string{"uri": image.URI, "digest": "sha256:00ff", "image": "registry.example.com/vms/a@sha256:00ff"},
		},
		"Put":  {reason: "What was put at a URL is there, query and all.", edit: web("PUT"), made: &uploaded, want: map[string]string{"uri": "https://h/a", "digest": "sha256:beef", "url": "https://h/a?b=c"}},
		"Post": {reason: "Where a post went nobody knows.", edit: web("POST"), made: &uploaded, want: map[string]string{"uri": "https://h/a", "digest": "sha256:beef"}},
		"PVC": {
			reason: "A file on a claim is no source.", made: &made,
			edit: func(cr *v1alpha1.DiskExport) {
				cr.Spec.ForProvider.Target = v1alpha1.ExportTarget{PVC: &v1alpha1.ClaimTarget{Name: "backups", Path: "a"}}
			},
			want: map[string]string{"uri": "s3://backups/vm.qcow2", "digest": "sha256:beef"},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskExport()
			if tc.edit != nil {
				tc.edit(cr)
			}
			cr.Status.AtProvider.Artifact = tc.made
			var got map[string]string
			for k, v := range connectionDetails(cr) {
				if got == nil {
					got = map[string]string{}
				}
				got[k] = string(v)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\n-want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}
