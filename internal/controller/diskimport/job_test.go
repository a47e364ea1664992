// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/moverjob"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

func TestMoverName(t *testing.T) {
	long := strings.Repeat("a", 53) + "." + strings.Repeat("b", 150)
	cases := map[string]struct {
		reason string
		name   string
		want   string
	}{
		"Short": {"A name is followed by the beginning of the UID.", "ubuntu", "ubuntu-01234567"},
		"Long":  {"A long name is cut so that it fits a label, and does not end in a dot.", long, strings.Repeat("a", 53) + "-01234567"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			got := moverName(diskImport(func(cr *v1alpha1.DiskImport) { cr.Name = tc.name }))
			if got != tc.want || len(got) > 63 {
				t.Errorf("%s\nmoverName: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}

func TestDocument(t *testing.T) {
	block := corev1.PersistentVolumeBlock
	id, mode := workload.User, uint32(0o660)
	cases := map[string]struct {
		reason string
		edit   edit
		in     func(*inputs)
		want   transfer.Job
	}{
		"Filesystem": {
			reason: "A file system gets a disk.img that KubeVirt can use.",
			want: transfer.Job{
				Version: 1, ID: string(uid), Operation: transfer.OperationImport, Format: transfer.FormatAuto,
				Source:      transfer.Source{HTTP: &transfer.HTTPSource{URL: "https://images.example.com/ubuntu.img"}},
				Destination: transfer.Destination{Path: "/disk/disk.img", Size: 20 << 30, UID: &id, GID: &id, Mode: &mode},
				Policy:      transfer.Policy{DeniedNetworks: []string{"10.96.0.0/12"}},
			},
		},
		"Block": {
			reason: "A device is written as it is, with credentials from files, within both limits.",
			edit: func(cr *v1alpha1.DiskImport) {
				p := &cr.Spec.ForProvider
				p.Target.VolumeMode = &block
				p.Source.HTTP.Headers = []v1alpha1.Header{{Name: "X-Team", Value: "vm"}}
				p.Verification.Checksum = "md5:d41d8cd98f00b204e9800998ecf8427e"
				p.Transfer.Connections = new(int32(32))
				p.Transfer.BandwidthLimit = new(resource.MustParse("1Mi"))
			},
			in: func(in *inputs) {
				in.files = map[string][]byte{"token": []byte("secret"), "ca.crt": []byte("pem")}
				in.settings.Mover.Connections = new(int32(8))
				in.settings.Policy.RequireChecksum = true
				in.settings.Policy.DeniedNetworks = []string{"10.0.0.0/8"}
				in.settings.Policy.MaxVirtualSize = new(resource.MustParse("1Ti"))
			},
			want: transfer.Job{
				Version: 1, ID: string(uid), Operation: transfer.OperationImport, Format: transfer.FormatAuto,
				Source: transfer.Source{HTTP: &transfer.HTTPSource{
					URL: "https://images.example.com/ubuntu.img", Headers: []transfer.Header{{Name: "X-Team", Value: "vm"}},
					CredentialsDir: "/etc/wukong/credentials", CAFile: "/etc/wukong/ca/ca.crt",
				}},
				Verification: transfer.Verification{Checksum: "md5:d41d8cd98f00b204e9800998ecf8427e"},
				Destination:  transfer.Destination{Path: "/dev/wukong", Size: 20 << 30},
				Limits:       transfer.Limits{Connections: 8, BytesPerSecond: 1 << 20},
				Policy:       transfer.Policy{DeniedNetworks: []string{"10.96.0.0/12", "10.0.0.0/8"}, RequireChecksum: true, MaxVirtualSize: 1 << 40},
			},
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr, in := diskImport(), someInputs()
			if tc.edit != nil {
				tc.edit(cr)
			}
			if tc.in != nil {
				tc.in(&in)
			}
			got := document(cr, in)
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("%s\ndocument: -want, +got:\n%s", tc.reason, diff)
			}
			if err := got.Validate(); err != nil {
				t.Errorf("%s\nthe mover would refuse the document: %v", tc.reason, err)
			}
		})
	}
}

// TestPodIsRestricted checks what the restricted Pod Security Standard asks
// for, and what issue and design add.
func TestPodIsRestricted(t *testing.T) {
	in := someInputs()
	in.files = map[string][]byte{"username": []byte("u"), "password": []byte("hunter2"), "ca.crt": []byte("pem")}
	run, err := desiredRun(diskImport(), in)
	if err != nil {
		t.Fatal(err)
	}
	pod := run.Job.Spec.Template.Spec
	c := pod.Containers[0]
	checks := map[string]bool{
		"no token":                pod.AutomountServiceAccountToken != nil && !*pod.AutomountServiceAccountToken,
		"no service links":        pod.EnableServiceLinks != nil && !*pod.EnableServiceLinks,
		"user 107":                *pod.SecurityContext.RunAsUser == 107 && *pod.SecurityContext.RunAsGroup == 107 && *pod.SecurityContext.FSGroup == 107,
		"not root":                *pod.SecurityContext.RunAsNonRoot && *c.SecurityContext.RunAsNonRoot,
		"seccomp":                 pod.SecurityContext.SeccompProfile.Type == corev1.SeccompProfileTypeRuntimeDefault,
		"read-only root":          *c.SecurityContext.ReadOnlyRootFilesystem,
		"no escalation":           !*c.SecurityContext.AllowPrivilegeEscalation,
		"no capabilities":         len(c.SecurityContext.Capabilities.Drop) == 1 && c.SecurityContext.Capabilities.Drop[0] == "ALL" && len(c.SecurityContext.Capabilities.Add) == 0,
		"memory limit":            c.Resources.Limits.Memory().Value() == 512<<20,
		"limit is told":           c.Env[0].Name == "GOMEMLIMIT" && c.Env[0].Value == "483183810",
		"never restarted in pod":  pod.RestartPolicy == corev1.RestartPolicyNever,
		"deadline":                *run.Job.Spec.ActiveDeadlineSeconds == 24*60*60,
		"retries":                 *run.Job.Spec.BackoffLimit == 5,
		"one mover at a time":     *run.Job.Spec.PodReplacementPolicy == "Failed",
		"termination from a file": c.TerminationMessagePolicy == corev1.TerminationMessageReadFile,
	}
	for what, ok := range checks {
		if !ok {
			t.Errorf("the pod should have: %s", what)
		}
	}
	rules := run.Job.Spec.PodFailurePolicy.Rules
	if diff := cmp.Diff(transfer.TerminalExitCodes(), rules[0].OnExitCodes.Values); diff != "" || rules[0].Action != "FailJob" {
		t.Errorf("terminal exit codes should end the Job: %s", diff)
	}
	if rules[1].Action != "Ignore" || rules[1].OnPodConditions[0].Type != corev1.DisruptionTarget {
		t.Errorf("a disruption should not count as an attempt: %+v", rules[1])
	}
	b, err := json.Marshal(run.Job)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{string(b), string(run.Secret.Data[workload.KeyJob]), string(run.Secret.Data[workload.KeyFingerprint])} {
		if strings.Contains(s, "hunter2") {
			t.Errorf("a password stands where it should not: %s", s)
		}
	}
}

func TestStaging(t *testing.T) {
	cases := map[string]struct {
		reason string
		edit   edit
		want   string
		modes  []corev1.PersistentVolumeAccessMode
	}{
		"Filesystem": {"A file system needs room for its tables.", func(*v1alpha1.DiskImport) {}, "21788Mi", []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
		"Small": {"A small file system needs more.", func(cr *v1alpha1.DiskImport) {
			cr.Spec.ForProvider.Target.Size = resource.MustParse("64Mi")
		}, "192Mi", []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
		"Block": {"A device needs none.", func(cr *v1alpha1.DiskImport) {
			cr.Spec.ForProvider.Target.VolumeMode = new(corev1.PersistentVolumeBlock)
			cr.Spec.ForProvider.Target.AccessModes = []v1alpha1.AccessMode{"ReadWriteMany"}
		}, "20Gi", []corev1.PersistentVolumeAccessMode{corev1.ReadWriteMany}},
		"Fraction": {"A fraction of a sector becomes a sector, and of a MiB a MiB.", func(cr *v1alpha1.DiskImport) {
			cr.Spec.ForProvider.Target.Size = resource.MustParse("1048577")
			cr.Spec.ForProvider.Target.VolumeMode = new(corev1.PersistentVolumeBlock)
		}, "2Mi", []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := desiredStaging(diskImport(tc.edit), someInputs())
			got := p.Spec.Resources.Requests[corev1.ResourceStorage]
			if got.String() != tc.want {
				t.Errorf("%s\nrequest: want %s, got %s", tc.reason, tc.want, got.String())
			}
			if diff := cmp.Diff(tc.modes, p.Spec.AccessModes); diff != "" {
				t.Errorf("%s\naccess modes: -want, +got:\n%s", tc.reason, diff)
			}
		})
	}
}

func TestFingerprint(t *testing.T) {
	base, err := fingerprintOf(diskImport(), nil, someInputs().settings, "a")
	if err != nil {
		t.Fatal(err)
	}
	cases := map[string]struct {
		reason      string
		edit        edit
		files       map[string][]byte
		image       string
		request     bool
		environment bool
	}{
		"Same":      {reason: "The same request has the same sum.", image: "a"},
		"URL":       {reason: "Another source is another request.", edit: func(cr *v1alpha1.DiskImport) { cr.Spec.ForProvider.Source.HTTP.URL = "https://x" }, image: "a", request: true},
		"Secret":    {reason: "Other credentials are another request.", files: map[string][]byte{"token": []byte("x")}, image: "a", request: true},
		"Size":      {reason: "A larger disk is another request.", edit: func(cr *v1alpha1.DiskImport) { cr.Spec.ForProvider.Target.Size = resource.MustParse("30Gi") }, image: "a", request: true},
		"Labels":    {reason: "Labels change nothing of the data.", edit: func(cr *v1alpha1.DiskImport) { cr.Spec.ForProvider.Target.Labels = map[string]string{"a": "b"} }, image: "a"},
		"Retention": {reason: "What becomes of the claim is no matter of the mover.", edit: func(cr *v1alpha1.DiskImport) { cr.Spec.ForProvider.Retention = v1alpha1.RetentionRetain }, image: "a"},
		"Bandwidth": {reason: "A limit is changed in place.", edit: func(cr *v1alpha1.DiskImport) { cr.Spec.ForProvider.Transfer.Retries = new(int32(1)) }, image: "a"},
		"Image":     {reason: "Another mover is another environment.", image: "b", environment: true},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			cr := diskImport()
			if tc.edit != nil {
				tc.edit(cr)
			}
			got, err := fingerprintOf(cr, tc.files, someInputs().settings, tc.image)
			if err != nil {
				t.Fatal(err)
			}
			if changed := got.Request != base.Request; changed != tc.request {
				t.Errorf("%s\nrequest changed: want %t, got %t", tc.reason, tc.request, changed)
			}
			if changed := got.Environment != base.Environment; changed != tc.environment {
				t.Errorf("%s\nenvironment changed: want %t, got %t", tc.reason, tc.environment, changed)
			}
		})
	}
}

func TestRetuned(t *testing.T) {
	run, err := desiredRun(diskImport(), someInputs())
	if err != nil {
		t.Fatal(err)
	}
	s := moverjob.State{Job: run.Job, Secret: run.Secret}
	s.Secret.OwnerReferences = []metav1.OwnerReference{{UID: s.Job.UID}}
	same, err := retuned(diskImport(), view{mover: s}, someInputs().settings)
	if err != nil || !s.Tuned(same) {
		t.Errorf("a mover that is as it should be should need no change: %v", err)
	}
	other, err := retuned(diskImport(func(cr *v1alpha1.DiskImport) {
		cr.Spec.ForProvider.Transfer.BandwidthLimit = new(resource.MustParse("1Mi"))
	}), view{mover: s}, someInputs().settings)
	if err != nil || s.Tuned(other) || !strings.Contains(string(other.Secret.Data[workload.KeyJob]), `"bytesPerSecond":1048576`) {
		t.Errorf("a new limit should reach the document: %v, %s", err, other.Secret.Data[workload.KeyJob])
	}
}
