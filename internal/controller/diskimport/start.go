// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"context"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/utils/ptr"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/diskimport/cdi"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

// start makes what a mover needs, and the mover. It may be called again after
// any failure.
func (e *external) start(ctx context.Context, cr *v1alpha1.DiskImport, v view) error {
	in, f, err := e.inputs(ctx, cr, v.engine)
	if err != nil {
		return err
	}
	if f != nil {
		return errors.New(f.Message)
	}
	if v.engine == v1alpha1.EngineCDI {
		return e.startCDI(ctx, cr, in)
	}
	if v.blank {
		return e.disks.Stage(ctx, desiredBlank(cr, in))
	}
	run, err := desiredRun(cr, in)
	if err != nil {
		return err
	}
	if err := e.disks.Stage(ctx, desiredStaging(cr, in)); err != nil {
		return err
	}
	return e.movers.Start(ctx, run)
}

// obstacle returns what is in the way of an import that has not begun, or nil
// if nothing is. It asks the API server whether it would accept what start
// makes, because only the API server knows of quotas, rights and policies.
func (e *external) obstacle(ctx context.Context, cr *v1alpha1.DiskImport, v view) (*diagnosis.Finding, error) {
	if v.volume.Foreign() {
		return conflict(cr, v), nil
	}
	in, f, err := e.inputs(ctx, cr, v.engine)
	if err != nil || f != nil {
		return f, err
	}
	if v.engine == v1alpha1.EngineCDI {
		return e.obstacleOfCDI(ctx, cr, in)
	}
	staging := desiredStaging(cr, in)
	if v.blank {
		staging = desiredBlank(cr, in)
	}
	want := diagnosis.Demand(in.profile.Class, staging.Spec.Resources.Requests[corev1.ResourceStorage])
	r := wiring.Request{Namespace: cr.GetNamespace(), Resource: schema.GroupResource{Resource: "persistentvolumeclaims"}, Demand: want}
	if f, err := wiring.Refusal(ctx, e.Target, e.disks.DryRun(ctx, staging), r); err != nil || f != nil || v.blank {
		return f, err
	}
	run, err := desiredRun(cr, in)
	if err != nil {
		return nil, err
	}
	r.Resource = schema.GroupResource{Group: "batch", Resource: "jobs"}
	return wiring.Refusal(ctx, e.Target, e.movers.DryRun(ctx, run), r)
}

// inputs gathers what a mover, or CDI, depends on beside its DiskImport, or what
// is missing of it.
func (e *external) inputs(ctx context.Context, cr *v1alpha1.DiskImport, by v1alpha1.Engine) (inputs, *diagnosis.Finding, error) {
	in := inputs{settings: e.Target.Settings, image: e.Image}
	if in.image == "" && by == v1alpha1.EngineMover {
		return in, &diagnosis.Finding{
			Reason:  v1alpha1.ReasonMoverImageUnknown,
			Message: "Nothing says which image the mover has: set mover.image of the provider configuration, or the provider's --mover-image.",
		}, nil
	}
	var err error
	if in.files, err = e.files(ctx, cr); err != nil {
		f, err := missing(err)
		return in, f, err
	}
	if in.profile, err = e.disks.Profile(ctx, ptr.Deref(cr.Spec.ForProvider.Target.StorageClassName, "")); err != nil {
		f, err := missing(err)
		return in, f, err
	}
	if blank(cr) {
		return in, nil, nil
	}
	if f, err := e.findOrigin(ctx, cr, by, &in); err != nil || f != nil {
		return in, f, err
	}
	in.networks, err = e.Target.Networks(ctx)
	return in, nil, err
}

// missing returns what an error says is missing, or the error.
func missing(err error) (*diagnosis.Finding, error) {
	var p *credentials.Problem
	if errors.As(err, &p) {
		return &diagnosis.Finding{Reason: p.Reason, Message: p.Message}, nil
	}
	var c *volume.ClassError
	if !errors.As(err, &c) {
		return nil, err
	}
	if c.Name == "" {
		return &diagnosis.Finding{
			Reason:  v1alpha1.ReasonNoDefaultStorageClass,
			Message: "The cluster has no default StorageClass: name one in target.storageClassName.",
		}, nil
	}
	return &diagnosis.Finding{
		Reason:  v1alpha1.ReasonStorageClassNotFound,
		Message: "StorageClass \"" + c.Name + "\" does not exist: name another in target.storageClassName, or create it.",
	}, nil
}

// files are those that the source refers to.
func (e *external) files(ctx context.Context, cr *v1alpha1.DiskImport) (credentials.Files, error) {
	switch src := cr.Spec.ForProvider.Source; {
	case src.HTTP != nil:
		return credentials.HTTP(ctx, e.Local, cr.GetNamespace(), credentials.References{Secret: src.HTTP.SecretRef, CABundle: src.HTTP.CABundleRef})
	case src.S3 != nil:
		return credentials.S3(ctx, e.Local, cr.GetNamespace(), credentials.References{Secret: src.S3.SecretRef, CABundle: src.S3.CABundleRef})
	case src.Registry != nil:
		return credentials.Registry(ctx, e.Local, cr.GetNamespace(), credentials.References{Secret: src.Registry.SecretRef, CABundle: src.Registry.CABundleRef, Image: src.Registry.Image})
	case cdi.Clones(src), src.Blank != nil:
		return credentials.Files{}, nil
	}
	return nil, errors.New("cannot import: the source has no member")
}

func mayCreate(cr *v1alpha1.DiskImport) bool { return wiring.May(cr, xpv2.ManagementActionCreate) }
func mayUpdate(cr *v1alpha1.DiskImport) bool { return wiring.May(cr, xpv2.ManagementActionUpdate) }
