// SPDX-License-Identifier: Apache-2.0

package v1alpha1_test

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/crossplane/crossplane-runtime/v2/pkg/xcrd"
	xpv1 "github.com/crossplane/crossplane/apis/v2/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	extvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

const (
	definitionFile = "../../../package/configuration/definition.yaml"
	examplesDir    = "../../../examples"
)

// server does with a Wukong what an API server does that serves the CRD which
// Crossplane makes of our definition, strict field validation on.
type server struct {
	structural *schema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

func newServer(t *testing.T) server {
	t.Helper()
	b, err := os.ReadFile(definitionFile)
	if err != nil {
		t.Fatal(err)
	}
	xrd := &xpv1.CompositeResourceDefinition{}
	if err := yaml.UnmarshalStrict(b, xrd); err != nil {
		t.Fatalf("cannot parse %s: %v", definitionFile, err)
	}
	xrd.SetUID("served")
	crd, err := xcrd.ForCompositeResource(xrd)
	if err != nil {
		t.Fatalf("cannot derive CRD: %v", err)
	}
	checkCRD(t, crd)
	props := &apiextensions.JSONSchemaProps{}
	if err := extv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(crd.Spec.Versions[0].Schema.OpenAPIV3Schema, props, nil); err != nil {
		t.Fatal(err)
	}
	structural, err := schema.NewStructural(props)
	if err != nil {
		t.Fatalf("cannot make structural schema: %v", err)
	}
	openAPI, _, err := validation.NewSchemaValidator(props)
	if err != nil {
		t.Fatalf("cannot make validator: %v", err)
	}
	return server{structural, openAPI, cel.NewValidator(structural, true, celconfig.PerCallLimit)}
}

// checkCRD reports what an API server would not accept of the CRD itself, the
// cost of its rules included.
func checkCRD(t *testing.T, crd *extv1.CustomResourceDefinition) {
	t.Helper()
	crd = crd.DeepCopy()
	crd.Status.StoredVersions = []string{crd.Spec.Versions[0].Name}
	if crd.Spec.Conversion == nil {
		crd.Spec.Conversion = &extv1.CustomResourceConversion{Strategy: extv1.NoneConverter}
	}
	internal := &apiextensions.CustomResourceDefinition{}
	if err := extv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, internal, nil); err != nil {
		t.Fatal(err)
	}
	if errs := extvalidation.ValidateCustomResourceDefinition(t.Context(), internal); len(errs) > 0 {
		t.Fatalf("an API server refuses the CRD: %v", errs.ToAggregate())
	}
}

// create says what an API server answers to the creation of a Wukong.
func (s server) create(t *testing.T, u map[string]any) error {
	t.Helper()
	return s.admit(t, u, nil)
}

// admit says what an API server answers to a creation, or to an update where
// old is not nil.
func (s server) admit(t *testing.T, u, old map[string]any) error {
	t.Helper()
	var errs field.ErrorList
	unknown := pruning.PruneWithOptions(u, s.structural, true, schema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		errs = append(errs, field.Invalid(field.NewPath(path), "", "unknown field"))
	}
	defaulting.Default(u, s.structural)
	if old == nil {
		errs = append(errs, validation.ValidateCustomResource(nil, u, s.openAPI)...)
	} else {
		errs = append(errs, validation.ValidateCustomResourceUpdate(nil, u, old, s.openAPI)...)
	}
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.structural, u)...)
	var before any
	if old != nil {
		before = old
	}
	broken, _ := s.rules.Validate(t.Context(), nil, s.structural, u, before, celconfig.RuntimeCELCostBudget)
	return append(errs, broken...).ToAggregate()
}

// documents reads the YAML documents of a file.
func documents(t *testing.T, file string) []map[string]any {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var docs []map[string]any
	for r := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(b))); ; {
		doc, err := r.Read()
		if errors.Is(err, io.EOF) {
			return docs
		}
		if err != nil {
			t.Fatalf("cannot read %s: %v", file, err)
		}
		u := map[string]any{}
		if err := yaml.Unmarshal(doc, &u); err != nil {
			t.Fatalf("cannot parse %s: %v", file, err)
		}
		if len(u) > 0 {
			docs = append(docs, u)
		}
	}
}

func TestExamplesAreAccepted(t *testing.T) {
	s := newServer(t)
	found := 0
	for _, pattern := range []string{"contract/*.yaml", "wukong/*.yaml"} {
		files, err := filepath.Glob(filepath.Join(examplesDir, pattern))
		if err != nil || len(files) == 0 {
			t.Fatalf("no examples in %s: %v", pattern, err)
		}
		for _, f := range files {
			for _, u := range documents(t, f) {
				if u["kind"] != vmv1alpha1.WukongKind {
					continue
				}
				found++
				if err := s.create(t, u); err != nil {
					t.Errorf("%s is not accepted: %v", filepath.Base(f), err)
				}
			}
		}
	}
	if found < 11 {
		t.Errorf("found only %d Wukongs in the examples", found)
	}
}

// manifest is a Wukong with the given YAML beside cpu and memory in its spec.
func manifest(t *testing.T, spec string) map[string]any {
	t.Helper()
	const head = "apiVersion: vm.novasphere.dev/v1alpha1\nkind: Wukong\nmetadata: {name: w}\nspec:\n  cpu: 2\n  memory: 4Gi\n"
	var b strings.Builder
	b.WriteString(head)
	for line := range strings.Lines(spec) {
		b.WriteString("  " + strings.ReplaceAll(line, "\t", "  "))
	}
	u := map[string]any{}
	if err := yaml.Unmarshal([]byte(b.String()), &u); err != nil {
		t.Fatalf("the test's manifest is no YAML: %v\n%s", err, b.String())
	}
	return u
}

// disk is a spec with one disk that has the given fields.
func disk(fields string) string { return "disks:\n- {name: d, size: 1Gi, " + fields + "}\n" }

func source(fields string) string { return disk("importSource: {" + fields + "}") }

func target(fields string) string { return disk("exportTarget: {" + fields + "}") }

func network(fields string) string { return "networks:\n- {name: n, " + fields + "}\n" }

// expect checks that an error is there and says what is wanted, and that none
// is there when nothing is wanted.
func expect(t *testing.T, reason, want string, err error) {
	t.Helper()
	switch {
	case want == "" && err != nil:
		t.Errorf("%s: want it accepted, got: %v", reason, err)
	case want != "" && err == nil:
		t.Errorf("%s: want it refused with %q, it is accepted", reason, want)
	case want != "" && !strings.Contains(err.Error(), want):
		t.Errorf("%s: want it refused with %q, got: %v", reason, want, err)
	}
}
