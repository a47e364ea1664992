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

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/yaml"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// TestContract applies the manifests that users already write, unchanged and
// under strict validation. What this release cannot do is refused in the
// status with a sentence that names it; nothing is ignored in silence.
func TestContract(t *testing.T) {
	t.Parallel()
	// refused says which words the status must hold; the manifests that are
	// not listed ask for nothing but what works.
	refused := map[string][]string{
		"data-source.yaml": {`clone from namespace "default"`},
		"import-pvc.yaml":  {`clone from namespace "default"`},
	}
	files, err := filepath.Glob("../../examples/contract/*.yaml")
	if err != nil || len(files) != 11 {
		t.Fatalf("found %d manifests, want 11: %v", len(files), err)
	}
	for _, f := range files {
		t.Run(filepath.Base(f), func(t *testing.T) {
			t.Parallel()
			n := space(t)
			var w *vmv1alpha1.Wukong
			for _, o := range documents(t, f) {
				o.SetNamespace(n.name)
				n.make(t, o)
				if o.GetKind() == vmv1alpha1.WukongKind {
					w = &vmv1alpha1.Wukong{ObjectMeta: n.meta(o.GetName())}
				}
			}
			holds(t.Context(), t, n, w, func(w *vmv1alpha1.Wukong) error {
				if w.Status.Phase == "" {
					return errors.New("it has no phase yet")
				}
				said := sentences(w)
				for _, word := range refused[filepath.Base(f)] {
					if !strings.Contains(said, word) {
						return fmt.Errorf("it is %q and says nothing of %s: %s", w.Status.Phase, word, said)
					}
				}
				return nil
			})
			t.Logf("%s: %s", w.Status.Phase, sentences(w))
		})
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
