// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/aws/aws-sdk-go-v2/service/s3"
	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// exampleStages are the examples that the cluster can run, in an order in which
// each finds what those before it have made.
func exampleStages() [][]string {
	return [][]string{
		{"disk/import.yaml", "disk/import-verified.yaml", "disk/import-by-cdi.yaml", "disk/blank.yaml", "disk/bucket.yaml", "providerconfig/namespaced.yaml"},
		{
			"disk/export-s3.yaml", "disk/export-bucket.yaml", "disk/export-registry.yaml", "disk/export-http.yaml", "disk/export-pvc.yaml",
			"disk/clone-pvc.yaml", "disk/clone-snapshot.yaml", "disk/clone-datasource.yaml",
		},
		{"disk/import-s3.yaml", "disk/import-bucket.yaml", "disk/import-registry.yaml"},
		{
			"wukong/http.yaml", "wukong/two-disks.yaml", "wukong/verified.yaml", "wukong/exports.yaml", "wukong/bucket.yaml", "wukong/machine.yaml", "wukong/keep.yaml",
		},
	}
}

// apart is the example that gets a namespace of its own: its Wukong is called as
// that of two-disks.yaml is.
const apart = "wukong/keep.yaml"

// examplesElsewhere are those that TestExamples does not apply, and why.
func examplesElsewhere() map[string]string {
	return map[string]string{
		"backup/cronjob.yaml":                  "its image with kubectl is in no registry of the cluster; TestArtifact changes the trigger of a DiskExport",
		"backup/cronoperation.yaml":            "wants function-python, which is no Go module",
		"backup/restore.yaml":                  "is disk/import-s3.yaml with a checksum, which TestRoundTrip gives",
		"composition/composition.yaml":         "is applied by TestComposition",
		"composition/definition.yaml":          "is applied by TestComposition",
		"composition/functions.yaml":           "is applied by TestComposition",
		"composition/goldenimage.yaml":         "is applied by TestComposition",
		"disk/bucket-settings.yaml":            "a bucket of AWS",
		"gitops/argocd/application.yaml":       "wants Argo CD",
		"gitops/argocd/argocd-cm.yaml":         "wants Argo CD",
		"gitops/flux/kustomization.yaml":       "wants Flux",
		"provider/clusterproviderconfig.yaml":  "every test begins with it",
		"provider/clusterrole.yaml":            "every test begins with it",
		"provider/crossplane-clusterrole.yaml": "every test begins with it",
		"provider/runtimeconfig.yaml":          "every test begins with it",
		"providerconfig/remote-cluster.yaml":   "wants a second cluster",
		"wukong/networks.yaml":                 "a network in namespace default, and an image of Debian; TestContract has a Wukong with such networks",
	}
}

// TestExamplesArePlaced holds that each example is applied, or said why not.
func TestExamplesArePlaced(t *testing.T) {
	t.Parallel()
	applied := map[string]bool{}
	for _, stage := range exampleStages() {
		for _, name := range stage {
			applied[name] = true
		}
	}
	elsewhere := examplesElsewhere()
	const root = "../../examples"
	err := filepath.WalkDir(root, func(path string, _ fs.DirEntry, err error) error {
		name := strings.TrimPrefix(path, root+"/")
		if err != nil || !strings.HasSuffix(name, ".yaml") || strings.HasPrefix(name, "contract/") { // TestContract.
			return err
		}
		if _, is := elsewhere[name]; is == applied[name] {
			t.Errorf("examples/%s must be in exactly one of exampleStages and examplesElsewhere", name)
		}
		delete(elsewhere, name)
		delete(applied, name)
		return nil
	})
	if err != nil || len(elsewhere)+len(applied) > 0 {
		t.Errorf("there are no examples %v, %v: %v", applied, elsewhere, err)
	}
}

// TestExamples applies the examples as users do, with their hosts and sizes
// replaced, and waits until each has done what it says.
func TestExamples(t *testing.T) {
	t.Parallel()
	n, images, s := space(t), space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	bucket := n.beforeExamples(t, s)
	images.done(t, images.diskImport(t, "ubuntu-golden", i.url(), ofSize(64<<20)))
	ca, err := os.ReadFile(setting(t, "WUKONG_IMAGES_CA"))
	if err != nil {
		t.Fatalf("cannot read authority: %v", err)
	}
	n.authority(t, "images-ca", ca)

	own := strings.NewReplacer(
		"https://cloud-images.ubuntu.com/releases/22.04/release/ubuntu-22.04-server-cloudimg-amd64.img", i.url(),
		"type: https", "type: http", // The image's new URL.
		"http://images.example.com/cirros.qcow2", i.url(),
		"/auth/ubuntu-22.04-server-cloudimg-amd64.img", "/auth/"+i.path,
		"/auth/golden.qcow2", "/auth/"+i.path,
		"https://backups.example.com/vms/", "https://"+imageServer+"/put/"+s.name+"/",
		"https://s3.example.com", bucket.Endpoint,
		"registry.example.com/vms/", n.image(t, ""),
		"bucket: backups", "bucket: "+bucket.Bucket,
		"bucket: vm-images", "bucket: "+bucket.Bucket,
		"wukong-backups", n.name+"-backups",
		"accessKeyId: change-me", "accessKeyId: "+setting(t, "WUKONG_S3_ACCESS_KEY"),
		"secretAccessKey: change-me", "secretAccessKey: "+setting(t, "WUKONG_S3_SECRET_KEY"),
		"password: change-me", "password: secret",
		"sha256:"+strings.Repeat("0", 64), s.digest(t, i),
		"    -----BEGIN CERTIFICATE-----\n    …the authority that signed the server's certificate…\n    -----END CERTIFICATE-----\n",
		"    "+strings.ReplaceAll(strings.TrimSpace(string(ca)), "\n", "\n    ")+"\n",
		"namespace: images", "namespace: "+images.name,
		"namespace: vms", "namespace: "+n.name,
		"size: 100Gi", "size: 64Mi", "size: 40Gi", "size: 64Mi", "size: 20Gi", "size: 64Mi", "size: 10Gi", "size: 64Mi",
	)
	for number, stage := range exampleStages() {
		if number == 1 {
			n.ofExample(t)
		}
		var made []*unstructured.Unstructured
		for _, name := range stage {
			at := n
			if name == apart {
				at = space(t)
			}
			made = append(made, at.example(t, name, own)...)
		}
		for _, o := range made {
			holds(t.Context(), t, n, o, hasDone(t))
		}
	}
}

// beforeExamples makes what the examples speak of and do not bring: a bucket
// with an object, and a claim for backups.
func (n namespace) beforeExamples(t *testing.T, s shelf) diskv1alpha1.S3Object {
	t.Helper()
	if err := os.Chmod(s.folder, 0o777); err != nil {
		t.Fatalf("cannot open folder to the web server: %v", err)
	}
	b, seed := n.bucket(t), filepath.Join(t.TempDir(), "seed.raw.zst")
	run(t, "zstd", "-q", newDisk(t), "-o", seed)
	object, err := os.Open(seed)
	if err != nil {
		t.Fatalf("cannot open object: %v", err)
	}
	defer object.Close()
	if _, err := store(t).PutObject(t.Context(), &s3.PutObjectInput{Bucket: &b.Bucket, Key: ptr.To("seed.raw.zst"), Body: object}); err != nil {
		t.Fatalf("cannot put object: %v", err)
	}
	backups := n.claim("backups")
	backups.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	backups.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: resource.MustParse("128Mi")}
	n.make(t, backups)
	return b
}

// ofExample makes what the examples need of the claim that the first of them
// has made: a snapshot, a DataSource, and a machine.
func (n namespace) ofExample(t *testing.T) {
	t.Helper()
	n.object(t, schema.GroupVersionKind{Group: "snapshot.storage.k8s.io", Version: "v1", Kind: "VolumeSnapshot"}, "ubuntu-nightly",
		map[string]any{"source": map[string]any{"persistentVolumeClaimName": "ubuntu"}})
	n.dataSource(t, "ubuntu", n.name, "ubuntu")
	n.make(t, n.parsed(t, "{apiVersion: kubevirt.io/v1, kind: VirtualMachine, metadata: {name: ubuntu-vm}, spec: {runStrategy: Halted, template: {spec: {"+
		"domain: {memory: {guest: 64Mi}, devices: {disks: [{name: system, disk: {bus: virtio}}]}}, volumes: [{name: system, persistentVolumeClaim: {claimName: ubuntu}}]}}}}"))
}

// example applies an example, and returns its objects.
func (n namespace) example(t *testing.T, name string, own *strings.Replacer) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "examples", name))
	if err != nil {
		t.Fatalf("cannot read example: %v", err)
	}
	manifest := filepath.Join(t.TempDir(), filepath.Base(name))
	if err := os.WriteFile(manifest, []byte(own.Replace(string(text))), 0o600); err != nil {
		t.Fatalf("cannot write manifest: %v", err)
	}
	all := documents(t, manifest)
	for _, o := range all {
		namespaced, err := n.IsObjectNamespaced(o)
		if err != nil {
			t.Fatalf("cannot find kind of %s %s of %s: %v", o.GetKind(), o.GetName(), name, err)
		}
		if namespaced && o.GetNamespace() == "" {
			o.SetNamespace(n.name)
		}
		if err := n.Apply(t.Context(), client.ApplyConfigurationFromUnstructured(o), client.FieldOwner("e2e"), client.ForceOwnership); err != nil {
			t.Fatalf("cannot apply %s %s of %s: %v", o.GetKind(), o.GetName(), name, err)
		}
	}
	return all
}

// hasDone is the property of an object that has done what it is for. What our
// kinds are for takes a while.
func hasDone(t *testing.T) func(*unstructured.Unstructured) error {
	return func(o *unstructured.Unstructured) error {
		t.Helper()
		switch o.GetKind() {
		case "DiskImport", "DiskExport":
			if phase, _, _ := unstructured.NestedString(o.Object, "status", "atProvider", "phase"); phase == "Failed" {
				t.Fatalf("%s %s failed: %v", o.GetKind(), o.GetName(), o.Object["status"])
			}
			return conditionOf(o, xpv2.TypeReady)
		case "ImageBucket":
			return conditionOf(o, xpv2.TypeReady)
		case vmv1alpha1.WukongKind:
			return errors.Join(conditionOf(o, vmv1alpha1.ConditionVolumesBound), isExported(o))
		}
		return nil
	}
}

// conditionOf returns an error if a condition of an object is not true.
func conditionOf(o *unstructured.Unstructured, c xpv2.ConditionType) error {
	status := xpv2.ConditionedStatus{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(nested(o, "status"), &status); err != nil {
		return err
	}
	if err := isTrue(status.GetCondition(c)); err != nil {
		return fmt.Errorf("%w; it says %v", err, o.Object["status"])
	}
	return nil
}

// isExported returns an error if a disk of a Wukong is to be exported and is
// not yet.
func isExported(o *unstructured.Unstructured) error {
	volumes, _, err := unstructured.NestedSlice(o.Object, "status", "volumes")
	for _, v := range volumes {
		volume, _ := v.(map[string]any)
		if phase, found, _ := unstructured.NestedString(volume, "exportStatus", "phase"); found && phase != string(vmv1alpha1.ExportSucceeded) {
			return fmt.Errorf("an export is %s: %v", phase, volume["exportStatus"])
		}
	}
	return err
}
