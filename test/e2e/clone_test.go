// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	diskv1alpha1 "github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/apis/v1alpha1"
)

// from clones instead of reading a URL.
func from(s diskv1alpha1.ImportSource) edit {
	return func(d *diskv1alpha1.DiskImport) { d.Spec.ForProvider.Source = s }
}

func byEngine(e diskv1alpha1.Engine) edit {
	return func(d *diskv1alpha1.DiskImport) { d.Spec.ForProvider.Engine = e }
}

func ofClaim(namespace, name string) diskv1alpha1.ImportSource {
	return diskv1alpha1.ImportSource{PVC: &diskv1alpha1.CloneSource{Namespace: namespace, Name: name}}
}

// ofImage is an image that is read by https, but where CDI is told otherwise.
func ofImage(image string) diskv1alpha1.ImportSource {
	return diskv1alpha1.ImportSource{Registry: &diskv1alpha1.RegistrySource{Image: image}}
}

// object makes an object of a kind that the tests have no type for.
func (n namespace) object(t *testing.T, gvk schema.GroupVersionKind, name string, spec map[string]any) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{Object: map[string]any{"spec": spec}}
	u.SetGroupVersionKind(gvk)
	u.SetNamespace(n.name)
	u.SetName(name)
	n.make(t, u)
	return u
}

func cdiKind(kind string) schema.GroupVersionKind {
	return schema.GroupVersionKind{Group: "cdi.kubevirt.io", Version: "v1beta1", Kind: kind}
}

// dataSource makes a DataSource of CDI that points to a claim.
func (n namespace) dataSource(t *testing.T, name, namespace, claim string) {
	t.Helper()
	n.object(t, cdiKind("DataSource"), name, map[string]any{"source": map[string]any{"pvc": map[string]any{"namespace": namespace, "name": claim}}})
}

// permitClones lets another namespace clone the disks of this one.
func (n namespace) permitClones(t *testing.T, to string) {
	t.Helper()
	n.make(t, &rbacv1.Role{ObjectMeta: n.meta("clone-from"), Rules: []rbacv1.PolicyRule{{
		APIGroups: []string{"cdi.kubevirt.io"}, Resources: []string{"datavolumes/source"}, Verbs: []string{"create"},
	}}})
	n.make(t, &rbacv1.RoleBinding{
		ObjectMeta: n.meta("clone-from"),
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: "clone-from"},
		Subjects:   []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: to, Name: "default"}},
	})
}

// byCDI waits until CDI has made a disk, and checks what is left of that:
// a claim that nobody owns, and nothing else.
func (n namespace) byCDI(t *testing.T, d *diskv1alpha1.DiskImport) {
	t.Helper()
	n.done(t, d)
	if at := d.Status.AtProvider; at.Engine != diskv1alpha1.EngineCDI || at.Progress == nil || at.Progress.Percent != 100 || at.ClaimName != d.Name {
		t.Errorf("engine %s made claim %q, progress %+v, want CDI, %s, 100 %%", at.Engine, at.ClaimName, at.Progress, d.Name)
	}
	pvc := n.claim(d.Name)
	holds(t.Context(), t, n, pvc, isBound)
	if o := metav1.GetControllerOf(pvc); o != nil {
		t.Errorf("the claim belongs to %s %s, and would go with it", o.Kind, o.Name)
	}
	eventually(t.Context(), t, "nothing of CDI is left of "+d.Name, func() error {
		l := &unstructured.UnstructuredList{}
		l.SetGroupVersionKind(cdiKind("DataVolumeList"))
		if err := n.List(t.Context(), l, client.InNamespace(n.name)); err != nil {
			return err
		}
		for _, u := range l.Items {
			if strings.HasPrefix(u.GetName(), d.Name+"-") {
				return fmt.Errorf("DataVolume %s is there", u.GetName())
			}
		}
		return nil
	})
}

// TestClone clones a disk in each way, within a namespace.
func TestClone(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	file, device := n.diskImport(t, "golden", i.url()), n.diskImport(t, "golden-device", i.url(), inMode(corev1.PersistentVolumeBlock))
	n.done(t, file)
	n.done(t, device)
	n.dataSource(t, "ubuntu", n.name, "golden")
	n.object(t, schema.GroupVersionKind{Group: "snapshot.storage.k8s.io", Version: "v1", Kind: "VolumeSnapshot"}, "golden",
		map[string]any{"source": map[string]any{"persistentVolumeClaimName": "golden"}})

	cases := map[string]struct {
		reason string
		source diskv1alpha1.ImportSource
		edit   edit
	}{
		"pvc":         {"a file on a claim", ofClaim("", "golden"), asItIs},
		"pvc-waiting": {"to a class that waits for a consumer", ofClaim(n.name, "golden"), onClass("hostpath-wffc")},
		"pvc-device":  {"a device", ofClaim("", "golden-device"), inMode(corev1.PersistentVolumeBlock)},
		"datasource":  {"what a DataSource points to", diskv1alpha1.ImportSource{DataSource: &diskv1alpha1.CloneSource{Name: "ubuntu"}}, asItIs},
		"snapshot":    {"what a snapshot holds", diskv1alpha1.ImportSource{Snapshot: &diskv1alpha1.CloneSource{Name: "golden"}}, asItIs},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := n.diskImport(t, name, i.url(), from(tc.source), tc.edit)
			n.byCDI(t, d)
			n.equals(t, name, i, diskSize)
		})
	}
	t.Run("mover", func(t *testing.T) {
		t.Parallel()
		d := n.diskImport(t, "copied", i.url(), from(ofClaim("", "golden-device")), byEngine(diskv1alpha1.EngineMover))
		n.done(t, d)
		if d.Status.AtProvider.Engine != diskv1alpha1.EngineMover {
			t.Errorf("engine %s copied the claim, want the mover", d.Status.AtProvider.Engine)
		}
		n.equals(t, "copied", i, diskSize)
	})
}

// TestCloneAcross clones from another namespace, which wants a right that
// nobody has by chance.
func TestCloneAcross(t *testing.T) {
	t.Parallel()
	images, vms, s := space(t), space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	images.done(t, images.diskImport(t, "golden", i.url()))
	vms.dataSource(t, "ubuntu", images.name, "golden")

	far := vms.diskImport(t, "far", i.url(), from(ofClaim(images.name, "golden")))
	pointed := vms.diskImport(t, "pointed", i.url(), from(diskv1alpha1.ImportSource{DataSource: &diskv1alpha1.CloneSource{Name: "ubuntu"}}))
	for _, d := range []*diskv1alpha1.DiskImport{far, pointed} {
		holds(t.Context(), t, vms, d, stands(diskv1alpha1.PhasePending, "CloneForbidden", "grant its service account"))
	}
	images.permitClones(t, vms.name)
	for _, d := range []*diskv1alpha1.DiskImport{far, pointed} {
		vms.byCDI(t, d)
		vms.equals(t, d.Name, i, diskSize)
	}

	// Whoever has no more than a namespace configures no more than that.
	vms.make(t, &v1alpha1.ProviderConfig{ObjectMeta: vms.meta("own")})
	own := vms.diskImport(t, "own", i.url(), from(ofClaim(images.name, "golden")), withConfig("own"))
	holds(t.Context(), t, vms, own, stands(diskv1alpha1.PhasePending, "CloneForbidden", "name a ClusterProviderConfig"))
}

// TestImportByCDI lets CDI import from each kind of place.
func TestImportByCDI(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	bucket := n.bucket(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	n.done(t, n.diskImport(t, "disk", i.url()))
	n.exported(t, n.diskExport(t, "to-bucket", "disk", in(bucket, "disk.qcow2"), asFormat("QCOW2", "")))
	n.exported(t, n.diskExport(t, "to-registry", "disk", toRegistry(n.image(t, "disk:v1")), asFormat("", "")))
	region := n.storeInRegion(t)

	cases := map[string]struct {
		reason string
		source diskv1alpha1.ImportSource
		edit   edit
	}{
		"http": {"a web server, and a checksum", diskv1alpha1.ImportSource{HTTP: &diskv1alpha1.HTTPSource{URL: i.url()}}, withChecksum(s.digest(t, i))},
		"s3": {"a bucket, and keys", diskv1alpha1.ImportSource{S3: &diskv1alpha1.S3Source{S3Object: diskv1alpha1.S3Object{
			Endpoint: region, Bucket: bucket.Bucket, Key: "disk.qcow2", SecretRef: bucket.SecretRef,
		}}}, asItIs},
		"registry": {"a containerDisk in a registry that CDI is told to trust", ofImage(n.image(t, "disk:v1")), asItIs},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := n.diskImport(t, "cdi-"+name, i.url(), from(tc.source), byEngine(diskv1alpha1.EngineCDI), tc.edit)
			n.byCDI(t, d)
			pod := n.peek(t, n.claim(d.Name))
			holds(t.Context(), t, n, pod, isReady)
			if got, want := n.ask(t, pod, "/digest"), digestOf(t, i); got != want {
				t.Errorf("CDI imports another disk from %s: its digest is %s, want %s", tc.reason, got, want)
			}
		})
	}
}

// TestCDIFails has CDI import what it cannot: it is given up, in our words, and
// leaves nothing behind.
func TestCDIFails(t *testing.T) {
	t.Parallel()
	n, s := space(t), newShelf(t)
	i := s.qcow2(t, newDisk(t), "disk.qcow2", "-c")
	once := func(d *diskv1alpha1.DiskImport) { d.Spec.ForProvider.Transfer.Retries = ptr.To[int32](0) }
	n.done(t, n.diskImport(t, "disk", i.url()))
	n.exported(t, n.diskExport(t, "to-registry", "disk", toRegistry(n.image(t, "disk:v1")), asFormat("", "")))
	atServer := func(url string) diskv1alpha1.ImportSource {
		return diskv1alpha1.ImportSource{HTTP: &diskv1alpha1.HTTPSource{URL: url}}
	}
	cases := map[string]struct {
		wrong   diskv1alpha1.ImportSource
		edit    edit
		reason  string
		message string
		right   diskv1alpha1.ImportSource
	}{
		"not-found": {atServer(i.url() + ".gone"), once, "CDIFailed", "404", atServer(i.url())},
		"checksum":  {atServer(i.url()), withChecksum("sha256:" + strings.Repeat("0", 64)), "ChecksumMismatch", "(?i)checksum", atServer(i.url())},
		"no-tag":    {ofImage(n.image(t, "disk:v2")), once, "CDIFailed", "manifest unknown", ofImage(n.image(t, "disk:v1"))},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := n.diskImport(t, name, i.url(), from(tc.wrong), byEngine(diskv1alpha1.EngineCDI), tc.edit)
			holds(t.Context(), t, n, d, failed(tc.reason, tc.message))
			t.Logf("%s", d.Status.AtProvider.Message)
			eventually(t.Context(), t, "no claim of "+name, func() error {
				l := &corev1.PersistentVolumeClaimList{}
				if err := n.List(t.Context(), l, client.InNamespace(n.name)); err != nil {
					return err
				}
				for _, p := range l.Items {
					if p.Labels["wukong.m.novasphere.dev/owner-uid"] == string(d.UID) {
						return fmt.Errorf("claim %s is there", p.Name)
					}
				}
				return nil
			})

			// What was wrong is put right.
			if err := n.Get(t.Context(), client.ObjectKeyFromObject(d), d); err != nil {
				t.Fatal(err)
			}
			d.Spec.ForProvider.Source, d.Spec.ForProvider.Verification.Checksum = tc.right, ""
			if err := n.Update(t.Context(), d); err != nil {
				t.Fatalf("cannot correct import: %v", err)
			}
			holds(t.Context(), t, n, d, func(d *diskv1alpha1.DiskImport) error {
				if at := d.Status.AtProvider; at.Phase == diskv1alpha1.PhaseFailed {
					return fmt.Errorf("it has not begun anew: %s", at.Message)
				}
				return nil
			})
			n.byCDI(t, d)
		})
	}
}
