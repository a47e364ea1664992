// SPDX-License-Identifier: Apache-2.0

package cdi

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	configv1alpha1 "github.com/novasphere/provider-wukong/apis/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/origin"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

func http(url string) v1alpha1.ImportSource {
	return v1alpha1.ImportSource{HTTP: &v1alpha1.HTTPSource{URL: url}}
}

func registry(platform string) v1alpha1.ImportSource {
	return v1alpha1.ImportSource{Registry: &v1alpha1.RegistrySource{Image: "registry.example.com/vms/ubuntu:22.04", Platform: platform}}
}

func bucket() v1alpha1.ImportSource {
	return v1alpha1.ImportSource{S3: &v1alpha1.S3Source{S3Object: v1alpha1.S3Object{Endpoint: "https://s3.eu-west-1.amazonaws.com", Bucket: "images", Key: "vms/a b.qcow2"}}}
}

func TestRun(t *testing.T) {
	login := credentials.Files{credentials.FileUsername: []byte("u"), credentials.FilePassword: []byte("p")}
	cases := map[string]struct {
		reason  string
		request Request
		want    cdiv1.DataVolumeSource
		keys    map[string][]byte
	}{
		"Claim": {
			"A claim is named with its namespace.",
			Request{Source: v1alpha1.ImportSource{DataSource: &v1alpha1.CloneSource{Name: "ubuntu"}}, Origin: origin.Disk{Claim: types.NamespacedName{Namespace: "images", Name: "golden"}}},
			cdiv1.DataVolumeSource{PVC: &cdiv1.DataVolumeSourcePVC{Namespace: "images", Name: "golden"}}, nil,
		},
		"Snapshot": {
			"So is a snapshot.",
			Request{Origin: origin.Disk{Snapshot: types.NamespacedName{Namespace: "images", Name: "golden"}}},
			cdiv1.DataVolumeSource{Snapshot: &cdiv1.DataVolumeSourceSnapshot{Namespace: "images", Name: "golden"}}, nil,
		},
		"HTTP": {
			"A web server has all that CDI knows.",
			Request{
				Source: v1alpha1.ImportSource{HTTP: &v1alpha1.HTTPSource{URL: "https://h/x", Headers: []v1alpha1.Header{{Name: "X-A", Value: "b"}}}},
				Files:  login, Checksum: "md5:00",
			},
			cdiv1.DataVolumeSource{HTTP: &cdiv1.DataVolumeSourceHTTP{URL: "https://h/x", SecretRef: "disk", ExtraHeaders: []string{"X-A: b"}, Checksum: "md5:00"}},
			map[string][]byte{"accessKeyId": []byte("u"), "secretKey": []byte("p")},
		},
		"S3": {
			"A bucket's keys are CDI's.",
			Request{Source: bucket(), Files: credentials.Files{credentials.FileAccessKeyID: []byte("id"), credentials.FileSecretAccessKey: []byte("key"), credentials.FileCA: []byte("pem")}},
			cdiv1.DataVolumeSource{S3: &cdiv1.DataVolumeSourceS3{URL: "https://s3.eu-west-1.amazonaws.com/images/vms/a%20b.qcow2", SecretRef: "disk", CertConfigMap: "disk"}},
			map[string][]byte{"accessKeyId": []byte("id"), "secretKey": []byte("key")},
		},
		"Registry": {
			"The login for the image's registry is taken out of a docker configuration.",
			Request{Source: registry("linux/arm64"), Files: credentials.Files{credentials.FileDockerConfig: []byte(`{"auths":{"registry.example.com":{"username":"u","password":"p"}}}`)}},
			cdiv1.DataVolumeSource{Registry: &cdiv1.DataVolumeSourceRegistry{
				URL: ptr.To("docker://registry.example.com/vms/ubuntu:22.04"), SecretRef: ptr.To("disk"), Platform: &cdiv1.PlatformOptions{Architecture: "arm64"},
			}},
			map[string][]byte{"accessKeyId": []byte("u"), "secretKey": []byte("p")},
		},
		"Anonymous": {
			"Who needs no login names no Secret.",
			Request{Source: registry("")},
			cdiv1.DataVolumeSource{Registry: &cdiv1.DataVolumeSourceRegistry{URL: ptr.To("docker://registry.example.com/vms/ubuntu:22.04")}}, nil,
		},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			r := tc.request
			r.Meta = metav1.ObjectMeta{Namespace: "vms", Name: "disk", Labels: map[string]string{"a": "b"}}
			run, err := r.Run()
			if err != nil {
				t.Fatalf("%s\nRun: %v", tc.reason, err)
			}
			if diff := cmp.Diff(&tc.want, run.DataVolume.Spec.Source); diff != "" {
				t.Errorf("%s\nsource, -want +got:\n%s", tc.reason, diff)
			}
			if got := run.DataVolume.Annotations[annotationBind]; got != "true" {
				t.Errorf("nobody uses a disk that is not whole: CDI should not wait for that, got %q", got)
			}
			if _, ok := r.Meta.Annotations[annotationBind]; ok || (run.Trust != nil) != (len(r.Files[credentials.FileCA]) > 0) {
				t.Errorf("%s\nmetadata %v, ConfigMap %v", tc.reason, r.Meta.Annotations, run.Trust)
			}
			s, err := r.Secret(workload.Fingerprint{Request: "r"})
			if err != nil || !Marked(s) || workload.ReadFingerprint(s).Request != "r" {
				t.Errorf("%s\nthe Secret should tell what was asked for: %v, %v", tc.reason, s, err)
			}
			for k, v := range tc.keys {
				if !bytes.Equal(s.Data[k], v) {
					t.Errorf("%s\nkey %s of the Secret is %q, want %q", tc.reason, k, s.Data[k], v)
				}
			}
			if _, ok := s.Data["accessKeyId"]; ok != (tc.keys != nil) {
				t.Errorf("%s\nthe Secret has keys that nobody asked for", tc.reason)
			}
		})
	}
}

func TestNote(t *testing.T) {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "disk", ResourceVersion: "1"}, Data: map[string][]byte{"accessKeyId": []byte("u")}}
	if Noted(s) != nil || Noted(nil) != nil {
		t.Error("nothing was noted yet")
	}
	want := diagnosis.Finding{Reason: v1alpha1.ReasonCDIFailed, Message: "CDI was started again 6 times: 404."}
	noted, err := Note(s, want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&want, Noted(noted)); diff != "" {
		t.Errorf("what is noted should be read: -want +got:\n%s", diff)
	}
	if Noted(s) != nil || string(noted.Data["accessKeyId"]) != "u" || noted.Name != "disk" || noted.ResourceVersion != "" {
		t.Error("a note should leave all else as it is, and be a Secret that can be made")
	}
}

func TestUnable(t *testing.T) {
	size := resource.MustParse("10Gi")
	cases := map[string]struct {
		reason string
		source v1alpha1.ImportSource
		edit   func(*v1alpha1.DiskImportParameters)
		files  credentials.Files
		policy configv1alpha1.Policy
		want   v1alpha1.Reason
	}{
		"HTTP":          {reason: "A web server is fine.", source: http("https://h/x")},
		"Clone":         {reason: "So is a clone under any policy for networks.", source: v1alpha1.ImportSource{PVC: &v1alpha1.CloneSource{Name: "a"}}, policy: configv1alpha1.Policy{AllowedHosts: []string{"h"}, RequireChecksum: true}},
		"Token":         {reason: "CDI knows no token.", source: http("https://h/x"), files: credentials.Files{credentials.FileToken: []byte("t")}, want: v1alpha1.ReasonEngineUnsuited},
		"SessionToken":  {reason: "Nor a session's.", source: bucket(), files: credentials.Files{credentials.FileSessionToken: []byte("t")}, want: v1alpha1.ReasonEngineUnsuited},
		"IdentityToken": {reason: "Nor a registry's.", source: registry(""), files: credentials.Files{credentials.FileDockerConfig: []byte(`{"auths":{"registry.example.com":{"identitytoken":"t"}}}`)}, want: v1alpha1.ReasonEngineUnsuited},
		"Variant":       {reason: "It knows no variant of an architecture.", source: registry("linux/arm/v7"), want: v1alpha1.ReasonEngineUnsuited},
		"Architecture":  {reason: "It knows an architecture.", source: registry("linux/arm64")},
		"Nodes":         {reason: "It runs where it likes.", source: v1alpha1.ImportSource{PVC: &v1alpha1.CloneSource{Name: "a"}}, edit: func(p *v1alpha1.DiskImportParameters) { p.Transfer.NodeSelector = map[string]string{"a": "b"} }, want: v1alpha1.ReasonEngineUnsuited},
		"AccessModes": {reason: "It makes claims with one access mode.", source: http("https://h/x"), edit: func(p *v1alpha1.DiskImportParameters) {
			p.Target.AccessModes = []v1alpha1.AccessMode{"ReadWriteOnce", "ReadOnlyMany"}
		}, want: v1alpha1.ReasonEngineUnsuited},
		"AllowedHosts":   {reason: "It follows redirects to any host.", source: http("https://h/x"), policy: configv1alpha1.Policy{AllowedHosts: []string{"h"}}, want: "PolicyDenied"},
		"DeniedNetworks": {reason: "And to any network.", source: registry(""), policy: configv1alpha1.Policy{DeniedNetworks: []string{"10.0.0.0/8"}}, want: "PolicyDenied"},
		"PlainHTTP":      {reason: "And to plain http.", source: http("https://h/x"), policy: configv1alpha1.Policy{RefusePlainHTTP: true}, want: "PolicyDenied"},
		"Checksum":       {reason: "A checksum that the policy wants is written.", source: http("https://h/x"), policy: configv1alpha1.Policy{RequireChecksum: true}, want: "PolicyDenied"},
		"MaxVirtualSize": {reason: "No disk is larger than the policy permits.", source: v1alpha1.ImportSource{Snapshot: &v1alpha1.CloneSource{Name: "a"}}, policy: configv1alpha1.Policy{MaxVirtualSize: &size}, want: "PolicyDenied"},
		"Loopback":       {reason: "No image is on the node.", source: http("http://127.0.0.1/x"), want: "PolicyDenied"},
		"Mapped":         {reason: "Nor behind another spelling of it.", source: http("http://[::ffff:127.0.0.1]/x"), want: "PolicyDenied"},
		"LocalName":      {reason: "Nor behind its name.", source: http("http://LOCALHOST:8080/x"), want: "PolicyDenied"},
		"Metadata":       {reason: "Nor on the cloud's metadata server.", source: http("http://169.254.169.254/x"), want: "PolicyDenied"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			p := v1alpha1.DiskImportParameters{Source: tc.source, Target: v1alpha1.Target{Size: resource.MustParse("20Gi")}}
			if tc.edit != nil {
				tc.edit(&p)
			}
			if got := reasonOf(Unable(p, tc.files, tc.policy)); got != tc.want {
				t.Errorf("%s\nUnable: want %q, got %q", tc.reason, tc.want, got)
			}
		})
	}
}
