// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

// start makes what a mover needs, and the mover. It may be called again after
// any failure.
func (e *external) start(ctx context.Context, cr *v1alpha1.DiskExport, v view) error {
	in, f, err := e.inputs(ctx, cr)
	if err != nil {
		return err
	}
	if f == nil {
		f = apart(cr, v, in)
	}
	if f != nil {
		return errors.New(f.Message)
	}
	run, err := desiredRun(cr, v, in)
	if err != nil {
		return err
	}
	if v.plan.Consistency == v1alpha1.ConsistencySnapshot {
		if err := e.copies.Restore(ctx, desiredRestored(cr, v)); err != nil {
			return err
		}
	}
	return e.movers.Start(ctx, run)
}

// obstacle returns what is in the way of an export that has not begun, or nil
// if nothing is. It asks the API server whether it would accept what start
// makes, because only the API server knows of quotas, rights and policies.
func (e *external) obstacle(ctx context.Context, cr *v1alpha1.DiskExport, v view) (*diagnosis.Finding, error) {
	in, f, err := e.inputs(ctx, cr)
	if err != nil || f != nil {
		return f, err
	}
	if f := apart(cr, v, in); f != nil {
		return f, nil
	}
	run, err := desiredRun(cr, v, in)
	if err != nil {
		return nil, err
	}
	r := wiring.Request{Namespace: cr.GetNamespace(), Resource: schema.GroupResource{Group: "batch", Resource: "jobs"}}
	if v.plan.Consistency == v1alpha1.ConsistencySnapshot {
		claim := desiredRestored(cr, v)
		r.Demand = diagnosis.Demand(v.origin.StorageClass, claim.Spec.Resources.Requests[corev1.ResourceStorage])
		r := wiring.Request{Namespace: r.Namespace, Resource: schema.GroupResource{Resource: "persistentvolumeclaims"}, Demand: r.Demand}
		if f, err := wiring.Refusal(ctx, e.Target, e.copies.DryRun(ctx, claim), r); err != nil || f != nil {
			return f, err
		}
	}
	return wiring.Refusal(ctx, e.Target, e.movers.DryRun(ctx, run), r)
}

// apart is what is in the way of a mover that would have to run on two nodes: where
// the disk is in use, and where the target's claim is; nil: nothing.
func apart(cr *v1alpha1.DiskExport, v view, in inputs) *diagnosis.Finding {
	at := v.origin.Node()
	if v.plan.Consistency != v1alpha1.ConsistencyOffline || at == "" || in.targetNode == "" || at == in.targetNode {
		return nil
	}
	return &diagnosis.Finding{Reason: v1alpha1.ReasonSourceInUse, Message: fmt.Sprintf(
		"Claim %q is in use on node %q and claim %q of the target on node %q, and neither can be used on two nodes: stop the pods that use one of them, write consistency: Snapshot, or name another claim in target.pvc.name.",
		v.origin.ClaimName(), at, cr.Spec.ForProvider.Target.PVC.Name, in.targetNode)}
}

// inputs gathers what a mover depends on beside its DiskExport, or what is
// missing of it.
func (e *external) inputs(ctx context.Context, cr *v1alpha1.DiskExport) (inputs, *diagnosis.Finding, error) {
	in := inputs{settings: e.Target.Settings, image: e.Image}
	if in.image == "" {
		return in, &diagnosis.Finding{
			Reason:  v1alpha1.ReasonMoverImageUnknown,
			Message: "Nothing says which image the mover has: set mover.image of the provider configuration, or the provider's --mover-image.",
		}, nil
	}
	var err error
	if in.files, err = e.files(ctx, cr); err != nil {
		var p *credentials.Problem
		if errors.As(err, &p) {
			return in, &diagnosis.Finding{Reason: p.Reason, Message: p.Message}, nil
		}
		return in, nil, err
	}
	if cr.Spec.ForProvider.Target.Registry != nil {
		// Other targets tell by themselves what they have.
		in.resume = workload.NewResume()
		if in.earlier, err = e.earlier(ctx, cr); err != nil {
			return in, nil, err
		}
	}
	f, err := e.targetClaim(ctx, cr, &in)
	if err != nil || f != nil {
		return in, f, err
	}
	in.networks, err = e.Target.Networks(ctx)
	return in, nil, err
}

// targetClaim looks at the claim that the artifact is made on.
func (e *external) targetClaim(ctx context.Context, cr *v1alpha1.DiskExport, in *inputs) (*diagnosis.Finding, error) {
	t := cr.Spec.ForProvider.Target.PVC
	if t == nil {
		return nil, nil //nolint:nilnil // No claim is no finding.
	}
	u, err := e.disks.Usage(ctx, types.NamespacedName{Namespace: cr.GetNamespace(), Name: t.Name}, cr.GetUID())
	switch {
	case err != nil:
		return nil, err
	case u.Claim == nil:
		return &diagnosis.Finding{Reason: v1alpha1.ReasonClaimNotFound,
			Message: fmt.Sprintf("Claim %q of the target does not exist: create it, or correct target.pvc.name.", t.Name)}, nil
	case u.Mode() == corev1.PersistentVolumeBlock:
		return &diagnosis.Finding{Reason: v1alpha1.ReasonClaimUnsuitable,
			Message: fmt.Sprintf("Claim %q of the target is a block volume, which has no files: name one with volumeMode: Filesystem.", t.Name)}, nil
	}
	if !u.Shared() && len(u.Nodes) > 0 {
		in.targetNode = u.Nodes[0]
	}
	return nil, nil //nolint:nilnil // No problem is no finding.
}

// files are those that the target refers to.
func (e *external) files(ctx context.Context, cr *v1alpha1.DiskExport) (credentials.Files, error) {
	switch t := cr.Spec.ForProvider.Target; {
	case t.S3 != nil:
		return credentials.S3(ctx, e.Local, cr.GetNamespace(), credentials.References{Secret: t.S3.SecretRef, CABundle: t.S3.CABundleRef})
	case t.Registry != nil:
		return credentials.Registry(ctx, e.Local, cr.GetNamespace(), credentials.References{Secret: t.Registry.SecretRef, CABundle: t.Registry.CABundleRef, Image: t.Registry.Image})
	case t.HTTP != nil:
		return credentials.HTTP(ctx, e.Local, cr.GetNamespace(), credentials.References{Secret: t.HTTP.SecretRef, CABundle: t.HTTP.CABundleRef})
	}
	return credentials.Files{}, nil
}
