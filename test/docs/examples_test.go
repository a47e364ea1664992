// SPDX-License-Identifier: Apache-2.0

package docs

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"

	"github.com/novasphere/provider-wukong/test/admission"
)

// foreign are the kinds of other projects that examples use and whose
// definitions are not here. Of those it is only checked that they are objects.
func foreign(gvk schema.GroupVersionKind) bool {
	switch gvk.Group {
	case "k8s.cni.cncf.io", "snapshot.storage.k8s.io", "argoproj.io",
		"kustomize.toolkit.fluxcd.io", "source.toolkit.fluxcd.io", "monitoring.coreos.com":
		return true
	}
	return false
}

// server knows everything that the packages define, and what the examples
// define themselves.
func server(t *testing.T) *admission.Server {
	t.Helper()
	s, err := admission.New()
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, pattern := range []string{"package/provider/crds/*.yaml", "package/*/definition.yaml"} {
		files, err := filepath.Glob(filepath.Join(root, pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			if err := s.Define(f); err != nil {
				t.Error(err)
			}
			found++
		}
	}
	if found < 6 {
		t.Fatalf("found only %d definitions: every manifest would do", found)
	}
	return s
}

// documents are the objects of a manifest.
func documents(t *testing.T, file string) [][]byte {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var docs [][]byte
	for r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(b))); ; {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			t.Fatalf("cannot read %s: %v", file, err)
		}
		docs = append(docs, doc)
	}
}

// object is a document as an API server gets it. A key that is written twice is
// an error.
func object(t *testing.T, file string, doc []byte) *unstructured.Unstructured {
	t.Helper()
	u := &unstructured.Unstructured{}
	if err := yaml.UnmarshalStrict(doc, &u.Object); err != nil {
		t.Fatalf("cannot parse %s: %v", file, err)
	}
	return u
}

// manifests are the files with objects below a folder.
func manifests(t *testing.T, folder string) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir(folder, func(path string, _ fs.DirEntry, err error) error {
		if strings.HasSuffix(path, ".yaml") {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) == 0 {
		t.Fatalf("found %d manifests in %s: %v", len(files), folder, err)
	}
	return files
}

// TestExamples creates every example, and what Compositions among them would
// create.
func TestExamples(t *testing.T) {
	s := server(t)
	files := manifests(t, filepath.Join(root, "examples"))
	for _, f := range files {
		for _, doc := range documents(t, f) {
			if u := object(t, f, doc); u.GetKind() == "CompositeResourceDefinition" {
				if err := s.DefineObject(doc); err != nil {
					t.Errorf("%s defines what Crossplane refuses: %v", f, err)
				}
			}
		}
	}
	ours := 0
	for _, f := range files {
		for _, doc := range documents(t, f) {
			u := object(t, f, doc)
			if len(u.Object) == 0 {
				continue
			}
			if s.Knows(u.GroupVersionKind()) {
				ours++
			}
			create(t, s, f, u)
			for _, base := range bases(u) {
				create(t, s, f+", a resource of its pipeline", base)
			}
		}
	}
	if ours < 20 {
		t.Errorf("only %d examples are of kinds whose definitions are here", ours)
	}
}

// create creates an object, which must have a name unless Crossplane names it.
func create(t *testing.T, s *admission.Server, where string, u *unstructured.Unstructured) {
	t.Helper()
	gvk := u.GroupVersionKind()
	if gvk.Version == "" || gvk.Kind == "" {
		t.Errorf("%s holds something that is no object", where)
		return
	}
	err := s.Create(t.Context(), u.Object)
	if runtime.IsNotRegisteredError(err) && foreign(gvk) {
		return
	}
	if err != nil {
		t.Errorf("%s: %s %q is refused: %v", where, gvk.Kind, u.GetName(), err)
	}
}

// bases are the resources that steps of a Composition with
// function-patch-and-transform begin with. Ours are written so that they are
// whole before anything is patched.
func bases(u *unstructured.Unstructured) []*unstructured.Unstructured {
	var out []*unstructured.Unstructured
	steps, _, _ := unstructured.NestedSlice(u.Object, "spec", "pipeline")
	for _, step := range steps {
		m, _ := step.(map[string]any)
		resources, _, _ := unstructured.NestedSlice(m, "input", "resources")
		for _, r := range resources {
			m, _ := r.(map[string]any)
			if base, ok, _ := unstructured.NestedMap(m, "base"); ok {
				out = append(out, &unstructured.Unstructured{Object: base})
			}
		}
	}
	return out
}

// TestRefusals shows that the server of these tests refuses.
func TestRefusals(t *testing.T) {
	s := server(t)
	cases := map[string]struct{ reason, manifest, want string }{
		"UnknownField": {"A misspelled field is found.", "apiVersion: disk.wukong.m.novasphere.dev/v1alpha1\nkind: DiskImport\nmetadata: {name: a}\nspec: {forProvider: {source: {http: {url: 'https://example.com/a'}}, target: {sise: 1Gi, size: 1Gi}}}", "unknown field"},
		"Rule":         {"A rule is heard.", "apiVersion: disk.wukong.m.novasphere.dev/v1alpha1\nkind: DiskImport\nmetadata: {name: a}\nspec: {forProvider: {source: {}, target: {size: 1Gi}}}", "name exactly one source"},
		"Missing":      {"What is required is.", "apiVersion: disk.wukong.m.novasphere.dev/v1alpha1\nkind: DiskImport\nmetadata: {name: a}\nspec: {forProvider: {source: {http: {url: 'https://example.com/a'}}}}", "target: Required value"},
		"Kubernetes":   {"So are Kubernetes' own kinds.", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\nstringdata: {a: b}", `unknown field "stringdata"`},
		"Crossplane":   {"And Crossplane's.", "apiVersion: ops.crossplane.io/v1alpha1\nkind: CronOperation\nmetadata: {name: a}\nspec: {shedule: '@daily'}", "unknown field"},
		"Nobodys":      {"A kind that nobody has is none.", "apiVersion: example.com/v1\nkind: Nothing\nmetadata: {name: a}", "no kind"},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			err := s.Create(t.Context(), object(t, name, []byte(tc.manifest)).Object)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%s\nwant %q, got: %v", tc.reason, tc.want, err)
			}
		})
	}
}
