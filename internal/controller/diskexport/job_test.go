// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/controller/diskexport/origin"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestDocument(t *testing.T) {
	const dir, ca = "/etc/wukong/credentials", "/etc/wukong/ca/ca.crt"
	cases := map[string]struct {
		reason string
		edit   edit
		mode   corev1.PersistentVolumeMode
		files  credentials.Files
		want   transfer.Artifact
		source string
	}{
		"S3": {
			reason: "A bucket gets qcow2, with keys from files.",
			files:  credentials.Files{"accessKeyId": nil, "secretAccessKey": []byte("k")},
			want: transfer.Artifact{Format: transfer.ArtifactQCOW2, S3: &transfer.S3Object{
				Endpoint: "https://s3.example.com", Bucket: "backups", Key: "vm.qcow2", CredentialsDir: dir,
			}},
			source: "/disk/disk.img",
		},
		"Registry": {
			reason: "A registry gets a containerDisk.",
			edit: func(cr *v1alpha1.DiskExport) {
				cr.Spec.ForProvider.Target = v1alpha1.ExportTarget{Registry: &v1alpha1.RegistryTarget{
					Image: "registry.example.com/vms/a:b", RegistryAccess: v1alpha1.RegistryAccess{PlainHTTP: true},
				}}
			},
			mode:   corev1.PersistentVolumeBlock,
			files:  credentials.Files{".dockerconfigjson": []byte("{}"), "ca.crt": []byte("pem")},
			want:   transfer.Artifact{Format: transfer.ArtifactOCI, Registry: &transfer.RegistryImage{Image: "registry.example.com/vms/a:b", PlainHTTP: true, CredentialsDir: dir, CAFile: ca}},
			source: "/dev/wukong",
		},
		"HTTP": {
			reason: "A web server gets what is asked for.",
			edit: func(cr *v1alpha1.DiskExport) {
				p := &cr.Spec.ForProvider
				p.Format, p.Verification = v1alpha1.ArtifactRaw, v1alpha1.VerifyReadBack
				p.Compression = v1alpha1.Compression{Algorithm: v1alpha1.CompressionZstd, Level: new(int32(9))}
				p.Target = v1alpha1.ExportTarget{HTTP: &v1alpha1.HTTPTarget{Method: v1alpha1.MethodPost, HTTPSource: v1alpha1.HTTPSource{
					URL: "https://h/a", Headers: []v1alpha1.Header{{Name: "X-Team", Value: "vm"}},
				}}}
			},
			want: transfer.Artifact{
				Format: transfer.ArtifactRaw, ReadBack: true, Compression: transfer.Compression{Algorithm: transfer.CompressionZstd, Level: 9},
				HTTP: &transfer.HTTPUpload{Method: "POST", HTTPSource: transfer.HTTPSource{URL: "https://h/a", Headers: []transfer.Header{{Name: "X-Team", Value: "vm"}}}},
			},
			source: "/disk/disk.img",
		},
		"PVC": {
			reason: "Another claim is mounted.",
			edit: func(cr *v1alpha1.DiskExport) {
				cr.Spec.ForProvider.Target = v1alpha1.ExportTarget{PVC: &v1alpha1.ClaimTarget{Name: "backups", Path: "vms/a.qcow2"}}
			},
			want:   transfer.Artifact{Format: transfer.ArtifactQCOW2, File: &transfer.FileTarget{Path: "/target/vms/a.qcow2"}},
			source: "/disk/disk.img",
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr, in := diskExport(), someInputs()
			if tc.edit != nil {
				tc.edit(cr)
			}
			in.files = tc.files
			in.settings.Policy.RequireChecksum = true
			v := view{origin: disk(), plan: origin.Plan{Consistency: v1alpha1.ConsistencyOffline}}
			if tc.mode != "" {
				v.origin.Mode = tc.mode
			}
			got := document(cr, sourceDisk(cr, v), in)
			want := transfer.Job{
				Version: 1, ID: string(uid), Operation: transfer.OperationExport,
				Source:   transfer.Source{File: &transfer.FileSource{Path: tc.source}},
				Artifact: &tc.want,
				Policy:   transfer.Policy{DeniedNetworks: []string{"10.96.0.0/12"}},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s\ndocument: -want, +got:\n%s", tc.reason, diff)
			}
			if err := got.Validate(); err != nil {
				t.Errorf("%s\nthe mover would refuse the document: %v", tc.reason, err)
			}
		})
	}
}

// TestMounts checks that a mover cannot write to what it reads.
func TestMounts(t *testing.T) {
	cr := diskExport(func(cr *v1alpha1.DiskExport) {
		cr.Spec.ForProvider.Target = v1alpha1.ExportTarget{PVC: &v1alpha1.ClaimTarget{Name: "backups", Path: "a"}}
	})
	in := someInputs()
	in.files = nil
	cases := map[string]struct {
		reason    string
		plan      v1alpha1.Consistency
		claim     string
		untouched bool
		node      string
	}{
		"Offline":  {"The volume itself is mounted read-only, where it is in use.", v1alpha1.ConsistencyOffline, "disk", true, "node-1"},
		"Snapshot": {"The restored claim may recover its file system.", v1alpha1.ConsistencySnapshot, "backup-01234567", false, "node-1"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			run, err := desiredRun(cr, view{origin: disk(written), plan: origin.Plan{Consistency: tc.plan}}, in)
			if err != nil {
				t.Fatal(err)
			}
			pod := run.Job.Spec.Template.Spec
			source := pod.Volumes[0].PersistentVolumeClaim
			if source.ClaimName != tc.claim || source.ReadOnly != tc.untouched {
				t.Errorf("%s\nthe pod mounts %+v", tc.reason, source)
			}
			for _, m := range pod.Containers[0].VolumeMounts {
				if m.Name != volumeTarget && !m.ReadOnly {
					t.Errorf("%s\nthe mover can write to %s", tc.reason, m.Name)
				}
			}
			if pod.AutomountServiceAccountToken == nil || *pod.AutomountServiceAccountToken || *pod.SecurityContext.RunAsUser != 107 {
				t.Errorf("the pod has more rights than it needs: %+v", pod)
			}
			b, err := json.Marshal(run.Job)
			if err != nil || strings.Contains(string(b), "hunter2") {
				t.Errorf("a secret stands in the Job: %v", err)
			}
		})
	}
}

func TestRestored(t *testing.T) {
	v := view{origin: disk(written), plan: origin.Plan{Consistency: v1alpha1.ConsistencySnapshot}}
	v.origin.Size = resource.MustParse("21Gi")
	p := desiredRestored(diskExport(), v)
	size := p.Spec.Resources.Requests[corev1.ResourceStorage]
	if p.Spec.DataSource.Name != "backup-01234567" || *p.Spec.StorageClassName != "fast" || size.String() != "21Gi" {
		t.Errorf("the claim restored from our snapshot is %+v", p.Spec)
	}
	v.origin.Snapshot = taken()
	v.origin.Snapshot.Name = "nightly"
	if p := desiredRestored(diskExport(), v); p.Spec.DataSource.Name != "nightly" {
		t.Errorf("the claim restored from the source is %+v", p.Spec)
	}
}

func TestRemover(t *testing.T) {
	made := func(cr *v1alpha1.DiskExport) {
		cr.Status.AtProvider.Artifact = &v1alpha1.ArtifactObservation{URI: "s3://backups/vm.qcow2", Format: "QCOW2", Digest: "sha256:beef", Validator: "tag"}
	}
	cases := map[string]struct {
		reason    string
		retention v1alpha1.Retention
		want      *transfer.ArtifactFacts
	}{
		"Retain": {"An artifact that is to stay is not named.", v1alpha1.RetentionRetain, nil},
		"Delete": {"One that is to go is told by all that is known of it.", v1alpha1.RetentionDelete,
			&transfer.ArtifactFacts{URI: "s3://backups/vm.qcow2", Format: transfer.ArtifactQCOW2, Digest: "sha256:beef", Validator: "tag"}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskExport(made, func(cr *v1alpha1.DiskExport) { cr.Spec.ForProvider.Retention = tc.retention })
			run, err := desiredRemover(cr, removerKey(cr), someInputs())
			if err != nil {
				t.Fatal(err)
			}
			doc := transfer.Job{}
			if err := json.Unmarshal(run.Secret.Data["job.json"], &doc); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, doc.Made); diff != "" || doc.Operation != transfer.OperationRemove {
				t.Errorf("%s\nmade: -want, +got:\n%s", tc.reason, diff)
			}
			if err := doc.Validate(); err != nil {
				t.Errorf("%s\nthe mover would refuse the document: %v", tc.reason, err)
			}
			if run.Job.Name != "backup-01234567-remove" {
				t.Errorf("the remover is called %s", run.Job.Name)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	base, err := fingerprintOf(diskExport(), someInputs())
	if err != nil {
		t.Fatal(err)
	}
	type changed struct{ request, environment, credentials, trigger bool }
	cases := map[string]struct {
		reason string
		edit   edit
		in     func(*inputs)
		want   changed
	}{
		"Same":    {reason: "The same request has the same sums."},
		"Key":     {reason: "Another target is another request.", edit: func(cr *v1alpha1.DiskExport) { cr.Spec.ForProvider.Target.S3.Key = "x" }, want: changed{request: true}},
		"Keys":    {reason: "Renewed keys are no other request.", in: func(in *inputs) { in.files["secretAccessKey"] = []byte("new") }, want: changed{credentials: true}},
		"Token":   {reason: "A file more is, because the pod has to mount it.", in: func(in *inputs) { in.files["sessionToken"] = []byte("new") }, want: changed{request: true, credentials: true}},
		"Trigger": {reason: "A trigger is no other request.", edit: func(cr *v1alpha1.DiskExport) { cr.Spec.ForProvider.Trigger = "x" }, want: changed{trigger: true}},
		"Retain":  {reason: "What becomes of the artifact changes no run.", edit: func(cr *v1alpha1.DiskExport) { cr.Spec.ForProvider.Retention = "Delete" }},
		"Limit":   {reason: "A limit is changed in place.", edit: func(cr *v1alpha1.DiskExport) { cr.Spec.ForProvider.Transfer.Retries = new(int32(1)) }},
		"Image":   {reason: "Another mover is another environment.", in: func(in *inputs) { in.image = "b" }, want: changed{environment: true}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr, in := diskExport(), someInputs()
			if tc.edit != nil {
				tc.edit(cr)
			}
			if tc.in != nil {
				tc.in(&in)
			}
			f, err := fingerprintOf(cr, in)
			if err != nil {
				t.Fatal(err)
			}
			got := changed{f.Request != base.Request, f.Environment != base.Environment, f.Credentials != base.Credentials, f.Trigger != base.Trigger}
			if got != tc.want {
				t.Errorf("%s\nchanged: want %+v, got %+v", tc.reason, tc.want, got)
			}
		})
	}
}
