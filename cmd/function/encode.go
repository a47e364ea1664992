// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	fnv1 "github.com/crossplane/function-sdk-go/proto/v1"
	"github.com/crossplane/function-sdk-go/response"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/runtime"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/composition"
)

// encode writes a decision about a composite resource of a kind into the
// response.
func encode(rsp *fnv1.RunFunctionResponse, kind string, out composition.Output) error {
	if rsp.GetDesired() == nil {
		rsp.Desired = &fnv1.State{}
	}
	desired := rsp.GetDesired()
	if desired.GetResources() == nil {
		desired.Resources = map[string]*fnv1.Resource{}
	}
	for key, want := range out.Desired {
		s, err := sparse(want.Object)
		if err != nil {
			return errors.Wrapf(err, "cannot encode composed resource %q", key)
		}
		desired.Resources[key] = &fnv1.Resource{Resource: s, Ready: ready(want.Ready)}
	}
	xr, err := composite(desired.GetComposite().GetResource(), kind, out.Status)
	if err != nil {
		return errors.Wrap(err, "cannot encode status")
	}
	if desired.GetComposite() == nil {
		desired.Composite = &fnv1.Resource{}
	}
	desired.Composite.Resource = xr
	if out.Unready {
		desired.Composite.Ready = fnv1.Ready_READY_FALSE
	}
	rsp.Requirements = requirements(out.Needs)
	for _, c := range out.Conditions {
		condition(rsp, c).WithMessage(c.Message).TargetCompositeAndClaim()
	}
	for _, w := range out.Warnings {
		response.Warning(rsp, errors.New(w)).TargetCompositeAndClaim()
	}
	return nil
}

func condition(rsp *fnv1.RunFunctionResponse, c composition.Condition) *response.ConditionOption {
	if c.True {
		return response.ConditionTrue(rsp, c.Type, c.Reason)
	}
	return response.ConditionFalse(rsp, c.Type, c.Reason)
}

func ready(is bool) fnv1.Ready {
	if is {
		return fnv1.Ready_READY_TRUE
	}
	return fnv1.Ready_READY_FALSE
}

// composite is the composite resource with nothing but its status: what an
// earlier step of the pipeline wrote, and ours over it.
func composite(earlier *structpb.Struct, kind string, status vmv1alpha1.WukongStatus) (*structpb.Struct, error) {
	u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status)
	if err != nil {
		return nil, err
	}
	xr := earlier.AsMap()
	xr["apiVersion"] = vmv1alpha1.GroupVersion().String()
	xr["kind"] = kind
	merged, ok := xr["status"].(map[string]any)
	if !ok {
		merged = map[string]any{}
		xr["status"] = merged
	}
	maps.Copy(merged, u)
	return structpb.NewStruct(xr)
}

// sparse is an object with only the fields that are set: Crossplane applies
// what it gets, so an empty field would be a wish for it to be empty.
func sparse(o runtime.Object) (*structpb.Struct, error) {
	u, err := runtime.DefaultUnstructuredConverter.ToUnstructured(o)
	if err != nil {
		return nil, err
	}
	delete(u, "status")
	return structpb.NewStruct(prune(u))
}

// prune takes away what is empty, but the source of an empty disk: that it is
// there is the wish.
func prune(u map[string]any) map[string]any {
	for k, v := range u {
		m, isMap := v.(map[string]any)
		if v == nil || (isMap && len(prune(m)) == 0 && k != "blank") {
			delete(u, k)
		}
	}
	return u
}

func requirements(needs []composition.Need) *fnv1.Requirements {
	if len(needs) == 0 {
		return nil
	}
	r := &fnv1.Requirements{Resources: map[string]*fnv1.ResourceSelector{}}
	for _, n := range needs {
		version, kind := n.GVK.ToAPIVersionAndKind()
		s := &fnv1.ResourceSelector{
			ApiVersion: version,
			Kind:       kind,
			Match:      &fnv1.ResourceSelector_MatchName{MatchName: n.Name},
		}
		if n.Namespace != "" {
			s.Namespace = &n.Namespace
		}
		r.Resources[keyOf(n)] = s
	}
	return r
}
