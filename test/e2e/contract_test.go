// SPDX-License-Identifier: Apache-2.0

//go:build e2e

package e2e

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

const contractManifests = "../../examples/contract"

// A promise is what a manifest of the contract says that it does.
type promise struct {
	// holds is what is on a disk, by its name. A disk that is not listed is
	// empty.
	holds map[string]image

	// cloned says that the disks come from namespace default, which must permit
	// it. A clone has its source's length and not its own.
	cloned bool

	// sent is where disks go, by their name.
	sent map[string]artifact

	// boots is the disk that the machine boots from.
	boots string

	// also is what else the manifest says.
	also func(*testing.T, namespace, *vmv1alpha1.Wukong)
}

// promises are those of the manifests, by their file.
func (s contract) promises() map[string]promise {
	one := func(i image) promise { return promise{holds: map[string]image{"system": i}, boots: "system"} }
	clone := func(i image) promise {
		return promise{holds: map[string]image{"system": i}, boots: "system", cloned: true}
	}
	sent := func(a artifact) promise { return promise{sent: map[string]artifact{"system": a}, boots: "system"} }
	return map[string]promise{
		"import-http-type.yaml": one(s.web),
		"import-https.yaml":     one(s.cloud),
		"import-registry.yaml":  one(s.registry),
		"image-field.yaml":      one(s.noble),
		"import-s3.yaml":        one(s.nested),
		"import-s3-flat.yaml":   one(s.flat),
		"import-pvc.yaml":       clone(s.golden),
		"data-source.yaml":      clone(s.pointed),
		"export-registry.yaml":  sent(artifact{image: "vms/ubuntu:custom"}),
		"export-s3-flat.yaml":   sent(artifact{bucket: "backups", key: "vm-backup.qcow2"}),
		"wukong-full.yaml": {
			holds: map[string]image{"system": s.server, "seed": s.seed},
			sent: map[string]artifact{
				"system": {image: "vms/ubuntu:golden"},
				"seed":   {bucket: "backups", key: "everything/seed.qcow2"},
			},
			boots: "system",
			also:  wholeMachine,
		},
	}
}

// TestContract applies the manifests that users already write, unchanged and
// under strict validation, with everything that they name in place: web servers,
// a registry, an S3 server, golden disks. Each must do what it says.
func TestContract(t *testing.T) {
	t.Parallel()
	s := newContract(t)
	promises := s.promises()
	files, err := filepath.Glob(contractManifests + "/*.yaml")
	if err != nil || len(files) != len(promises) {
		t.Fatalf("found %d manifests, want %d: %v", len(files), len(promises), err)
	}
	// The sources stay until all have been used.
	t.Run("manifests", func(t *testing.T) {
		for _, f := range files {
			p, found := promises[filepath.Base(f)]
			if !found {
				t.Errorf("nobody knows what %s promises", f)
			}
			t.Run(filepath.Base(f), func(t *testing.T) {
				t.Parallel()
				s.keeps(t, f, p)
			})
		}
		t.Run("not-permitted", func(t *testing.T) {
			t.Parallel()
			clonesAreRefused(t)
		})
	})
}

// keeps applies a manifest in a namespace of its own and waits until it has done
// what it promises.
func (s contract) keeps(t *testing.T, file string, p promise) {
	t.Helper()
	n := space(t)
	n.beforeContract(t)
	if p.cloned {
		s.permit(t, n.name)
	}
	w := n.manifest(t, file)
	n.prepared(t, w)
	for _, d := range w.Spec.Disks {
		i, filled := p.holds[d.Name]
		to, goes := p.sent[d.Name]
		if filled {
			n.holdsDisk(t, w.Name+"-"+d.Name, i, d, p.cloned)
		} else if goes {
			i = n.used(t, w, d)
		}
		if goes {
			n.isSent(t, w, d, to, i)
		}
	}
	n.hasMachine(t, w, p.boots)
	if p.also != nil {
		p.also(t, n, w)
	}
}

// manifest applies a manifest and returns its Wukong.
func (n namespace) manifest(t *testing.T, file string) *vmv1alpha1.Wukong {
	t.Helper()
	var w *vmv1alpha1.Wukong
	for _, o := range documents(t, file) {
		o.SetNamespace(n.name)
		n.make(t, o)
		if o.GetKind() == vmv1alpha1.WukongKind {
			w = &vmv1alpha1.Wukong{ObjectMeta: n.meta(o.GetName())}
		}
	}
	if err := n.Get(t.Context(), client.ObjectKeyFromObject(w), w); err != nil {
		t.Fatalf("cannot read Wukong: %v", err)
	}
	return w
}

// prepared waits until all disks of a Wukong are there and its machine is
// composed, and looks at what its status says of that.
func (n namespace) prepared(t *testing.T, w *vmv1alpha1.Wukong) {
	t.Helper()
	holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
		for _, c := range []string{
			vmv1alpha1.ConditionDisksAccepted, vmv1alpha1.ConditionVolumesBound,
			vmv1alpha1.ConditionNetworksConfigured, vmv1alpha1.ConditionVirtualMachineComposed,
		} {
			if err := says(w, c); err != nil {
				return err
			}
		}
		if w.Status.VMName != w.Name || len(w.Status.Volumes) != len(w.Spec.Disks) {
			return fmt.Errorf("its machine is %q, its volumes %+v: %s", w.Status.VMName, w.Status.Volumes, w.Status.Message)
		}
		return nil
	})
	for i, d := range w.Spec.Disks {
		v := w.Status.Volumes[i]
		if v.Name != d.Name || v.PVCName != w.Name+"-"+d.Name || !v.Bound || v.Size != string(d.Size) {
			t.Errorf("the status of disk %s is %+v", d.Name, v)
		}
		filled := d.ImportSource != nil || d.DataSource != nil || d.Image != ""
		if s := v.ImportStatus; filled != (s != nil) || s != nil && (s.Phase != vmv1alpha1.ImportSucceeded || s.Progress != "100%") {
			t.Errorf("the import of disk %s is %+v", d.Name, s)
		}
	}
}

// says returns an error if a condition of a Wukong is not true.
func says(w *vmv1alpha1.Wukong, condition string) error {
	for _, c := range w.Status.Conditions {
		if c.Type == condition && c.Status == metav1.ConditionTrue {
			return nil
		}
	}
	return fmt.Errorf("%s is not true: %+v: %s", condition, w.Status.Conditions, sentences(w))
}

// clonesAreRefused applies the manifests that clone from namespace default where
// that has not been permitted: they say so, and no disk is made.
func clonesAreRefused(t *testing.T) {
	t.Helper()
	n := space(t)
	for _, f := range []string{"data-source.yaml", "import-pvc.yaml"} {
		w := n.manifest(t, filepath.Join(contractManifests, f))
		holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
			if said := sentences(w); !strings.Contains(said, `may not clone claim`) || !strings.Contains(said, `of namespace "default"`) || !strings.Contains(said, `disk "system"`) {
				return fmt.Errorf("it is %q: %s", w.Status.Phase, said)
			}
			return nil
		})
		if err := absent(t.Context(), n, n.claim(w.Name+"-system")); err != nil {
			t.Errorf("there is a claim that must not be cloned: %v", err)
		}
	}
}

// sentences is all that a Wukong's status tells people.
func sentences(w *vmv1alpha1.Wukong) string {
	all := []string{w.Status.Message}
	for _, v := range w.Status.Volumes {
		if v.ImportStatus != nil {
			all = append(all, v.ImportStatus.Message)
		}
		if v.ExportStatus != nil {
			all = append(all, v.ExportStatus.Message)
		}
	}
	return strings.Join(all, "\n")
}

// documents reads the objects of a manifest.
func documents(t *testing.T, path string) []*unstructured.Unstructured {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatalf("cannot read manifest: %v", err)
	}
	var all []*unstructured.Unstructured
	for d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(text), 4096); ; {
		o := &unstructured.Unstructured{}
		err := d.Decode(&o.Object)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatalf("cannot read manifest %s: %v", path, err)
		}
		if len(o.Object) > 0 {
			all = append(all, o)
		}
	}
}
