// SPDX-License-Identifier: Apache-2.0

// Package admission does with a manifest what an API server does, without one:
// unknown fields, defaults, types, bounds and rules of the kinds whose
// definitions it is given, as the API server's own packages hold objects to
// them; and the strict decoding of the kinds of Kubernetes, Crossplane, KubeVirt
// and CDI.
package admission

import (
	"context"
	"fmt"
	"os"

	"github.com/crossplane/crossplane-runtime/v2/pkg/xcrd"
	"github.com/crossplane/crossplane/apis/v2"
	xpv1 "github.com/crossplane/crossplane/apis/v2/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	extv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/json"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	clientgoscheme "k8s.io/client-go/kubernetes/scheme"
	kubevirtv1 "kubevirt.io/api/core/v1"
	cdiv1beta1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	"sigs.k8s.io/yaml"
)

// A Server knows kinds.
type Server struct {
	kinds  map[schema.GroupVersionKind]kind
	others runtime.Decoder
}

// kind is what a defined kind is held to.
type kind struct {
	structural *structuralschema.Structural
	openAPI    validation.SchemaValidator
	rules      *cel.Validator
}

// New returns a Server that knows the kinds of Kubernetes, Crossplane,
// KubeVirt and CDI.
func New() (*Server, error) {
	s := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{clientgoscheme.AddToScheme, extv1.AddToScheme, apis.AddToScheme, kubevirtv1.AddToScheme, cdiv1beta1.AddToScheme} {
		if err := add(s); err != nil {
			return nil, fmt.Errorf("cannot register kinds: %w", err)
		}
	}
	return &Server{
		kinds:  map[schema.GroupVersionKind]kind{},
		others: serializer.NewCodecFactory(s, serializer.EnableStrict).UniversalDeserializer(),
	}, nil
}

// Define makes the Server know the kind of a CustomResourceDefinition, or those
// of a CompositeResourceDefinition: composite resource and claim.
func (s *Server) Define(file string) error {
	b, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("cannot read definition: %w", err)
	}
	if err := s.DefineObject(b); err != nil {
		return fmt.Errorf("cannot use definition %s: %w", file, err)
	}
	return nil
}

// DefineObject is Define for a manifest.
func (s *Server) DefineObject(manifest []byte) error {
	u := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(manifest, &u.Object); err != nil {
		return err
	}
	if u.GetKind() != xpv1.CompositeResourceDefinitionKind {
		crd := &extv1.CustomResourceDefinition{}
		if err := yaml.UnmarshalStrict(manifest, crd); err != nil {
			return err
		}
		return s.add(crd)
	}
	xrd := &xpv1.CompositeResourceDefinition{}
	if err := yaml.UnmarshalStrict(manifest, xrd); err != nil {
		return err
	}
	xrd.SetUID("served") // Crossplane makes the CRDs of definitions that exist.
	crd, err := xcrd.ForCompositeResource(xrd)
	if err != nil {
		return err
	}
	if err := s.add(crd); err != nil || !xrd.OffersClaim() {
		return err
	}
	if crd, err = xcrd.ForCompositeResourceClaim(xrd); err != nil {
		return err
	}
	return s.add(crd)
}

func (s *Server) add(crd *extv1.CustomResourceDefinition) error {
	for _, v := range crd.Spec.Versions {
		props := &apiextensions.JSONSchemaProps{}
		if err := extv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(v.Schema.OpenAPIV3Schema, props, nil); err != nil {
			return err
		}
		structural, err := structuralschema.NewStructural(props)
		if err != nil {
			return err
		}
		openAPI, _, err := validation.NewSchemaValidator(props)
		if err != nil {
			return err
		}
		gvk := schema.GroupVersionKind{Group: crd.Spec.Group, Version: v.Name, Kind: crd.Spec.Names.Kind}
		s.kinds[gvk] = kind{structural, openAPI, cel.NewValidator(structural, true, celconfig.PerCallLimit)}
	}
	return nil
}

// Knows reports whether the Server was given the definition of a kind.
func (s *Server) Knows(gvk schema.GroupVersionKind) bool {
	_, ok := s.kinds[gvk]
	return ok
}

// Create says what an API server answers to whoever creates the object with
// strict validation: nil, or everything that is wrong with it.
func (s *Server) Create(ctx context.Context, object map[string]any) error {
	// Numbers that are whole are whole for an API server, however they came.
	j, err := json.Marshal(object)
	if err != nil {
		return fmt.Errorf("cannot encode object: %w", err)
	}
	o := map[string]any{}
	if err := json.Unmarshal(j, &o); err != nil {
		return fmt.Errorf("cannot decode object: %w", err)
	}
	u := unstructured.Unstructured{Object: o}
	k, ok := s.kinds[u.GroupVersionKind()]
	if !ok {
		return s.decode(u)
	}
	var errs field.ErrorList
	for _, path := range pruning.PruneWithOptions(o, k.structural, true, structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true}) {
		errs = append(errs, field.Invalid(field.NewPath(path), "", "unknown field"))
	}
	defaulting.Default(o, k.structural)
	errs = append(errs, validation.ValidateCustomResource(nil, o, k.openAPI)...)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, k.structural, o)...)
	broken, _ := k.rules.Validate(ctx, nil, k.structural, o, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, broken...).ToAggregate()
}

// decode decodes an object of somebody else, whose types say which
// fields there are. A kind that nobody registered is an error that
// runtime.IsNotRegisteredError knows.
func (s *Server) decode(u unstructured.Unstructured) error {
	b, err := u.MarshalJSON()
	if err != nil {
		return err
	}
	_, _, err = s.others.Decode(b, nil, nil)
	return err
}
