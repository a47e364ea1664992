// SPDX-License-Identifier: Apache-2.0

// Command xrd turns the CustomResourceDefinition that controller-gen makes of
// the Wukong types into a Crossplane CompositeResourceDefinition: it reads the
// one on standard input and writes the other to standard output. With -claims
// the resource of the same API is a claim, and the composite resource behind it
// has its kind with an X before it.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"

	xpv1 "github.com/crossplane/crossplane/apis/v2/apiextensions/v1"
	xpv2 "github.com/crossplane/crossplane/apis/v2/apiextensions/v2"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"
)

const header = "# Generated from apis/vm by `make generate`; do not edit.\n"

func main() {
	composition := flag.String("composition", "", "the `name` of the default Composition")
	claims := flag.Bool("claims", false, "offer the API as a claim")
	flag.Parse()
	convert := namespaced
	if *claims {
		convert = claimed
	}
	if err := run(os.Stdin, os.Stdout, *composition, convert); err != nil {
		fmt.Fprintln(os.Stderr, "xrd:", err)
		os.Exit(1)
	}
}

// A converter makes a CompositeResourceDefinition with a default Composition.
type converter func(crd *extv1.CustomResourceDefinition, composition string) (any, error)

func run(in io.Reader, out io.Writer, composition string, convert converter) error {
	b, err := io.ReadAll(in)
	if err != nil {
		return fmt.Errorf("cannot read CustomResourceDefinition: %w", err)
	}
	crd := &extv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(b, crd); err != nil {
		return fmt.Errorf("cannot parse CustomResourceDefinition: %w", err)
	}
	xrd, err := convert(crd, composition)
	if err != nil {
		return err
	}
	y, err := render(xrd)
	if err != nil {
		return fmt.Errorf("cannot render CompositeResourceDefinition: %w", err)
	}
	_, err = fmt.Fprintf(out, "%s%s", header, y)
	return err
}

// namespaced is the CompositeResourceDefinition that makes Crossplane serve
// the same API as crd would, and Crossplane's own fields beside it.
func namespaced(crd *extv1.CustomResourceDefinition, composition string) (any, error) {
	xrd := &xpv2.CompositeResourceDefinition{}
	xrd.SetGroupVersionKind(xpv2.CompositeResourceDefinitionGroupVersionKind)
	xrd.SetName(crd.GetName())
	xrd.Spec.Group = crd.Spec.Group
	xrd.Spec.Names = crd.Spec.Names
	xrd.Spec.Scope = xpv2.CompositeResourceScopeNamespaced
	xrd.Spec.DefaultCompositionRef = &xpv2.CompositionReference{Name: composition}
	for _, v := range crd.Spec.Versions {
		schema, err := own(v.Schema.OpenAPIV3Schema)
		if err != nil {
			return nil, fmt.Errorf("cannot encode schema of version %s: %w", v.Name, err)
		}
		xrd.Spec.Versions = append(xrd.Spec.Versions, xpv2.CompositeResourceDefinitionVersion{
			Name:                     v.Name,
			Served:                   v.Served,
			Referenceable:            v.Storage,
			AdditionalPrinterColumns: v.AdditionalPrinterColumns,
			Schema:                   &xpv2.CompositeResourceValidation{OpenAPIV3Schema: schema},
		})
	}
	return xrd, nil
}

// claimed is the CompositeResourceDefinition that makes Crossplane serve the
// same API as crd would as a claim. Only v1 of that kind knows claims, and only
// those of a cluster-scoped composite resource.
func claimed(crd *extv1.CustomResourceDefinition, composition string) (any, error) {
	scope := xpv1.CompositeResourceScopeLegacyCluster
	xrd := &xpv1.CompositeResourceDefinition{}
	xrd.SetGroupVersionKind(xpv1.CompositeResourceDefinitionGroupVersionKind)
	xrd.Spec.Group = crd.Spec.Group
	xrd.Spec.Scope = &scope
	xrd.Spec.ClaimNames = crd.Spec.Names.DeepCopy()
	names := crd.Spec.Names
	names.Kind, names.ListKind, names.ShortNames = "X"+names.Kind, "X"+names.ListKind, nil
	names.Plural, names.Singular = "x"+names.Plural, "x"+names.Singular
	xrd.Spec.Names = names
	xrd.SetName(names.Plural + "." + crd.Spec.Group)
	xrd.Spec.DefaultCompositionRef = &xpv1.CompositionReference{Name: composition}
	for _, v := range crd.Spec.Versions {
		schema, err := own(v.Schema.OpenAPIV3Schema)
		if err != nil {
			return nil, fmt.Errorf("cannot encode schema of version %s: %w", v.Name, err)
		}
		xrd.Spec.Versions = append(xrd.Spec.Versions, xpv1.CompositeResourceDefinitionVersion{
			Name:                     v.Name,
			Served:                   v.Served,
			Referenceable:            v.Storage,
			AdditionalPrinterColumns: v.AdditionalPrinterColumns,
			Schema:                   &xpv1.CompositeResourceValidation{OpenAPIV3Schema: schema},
		})
	}
	return xrd, nil
}

// own is the schema without what every object has and Crossplane adds.
func own(s *extv1.JSONSchemaProps) (runtime.RawExtension, error) {
	s = s.DeepCopy()
	for _, p := range []string{"apiVersion", "kind", "metadata"} {
		delete(s.Properties, p)
	}
	delete(s.Properties["status"].Properties, "conditions")
	raw, err := json.Marshal(s)
	return runtime.RawExtension{Raw: raw}, err
}

// render writes the definition without its empty status and timestamps.
func render(xrd any) ([]byte, error) {
	u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(xrd)
	if err != nil {
		return nil, err
	}
	delete(u, "status")
	if m, ok := u["metadata"].(map[string]any); ok {
		delete(m, "creationTimestamp")
	}
	return yaml.Marshal(u)
}
