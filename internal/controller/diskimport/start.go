// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"context"
	"slices"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"
	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/utils/ptr"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// start makes what a mover needs, and the mover. It may be called again after
// any failure.
func (e *external) start(ctx context.Context, cr *v1alpha1.DiskImport) error {
	in, f, err := e.inputs(ctx, cr)
	if err != nil {
		return err
	}
	if f != nil {
		return errors.New(f.Message)
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
		return conflict(cr), nil
	}
	in, f, err := e.inputs(ctx, cr)
	if err != nil || f != nil {
		return f, err
	}
	run, err := desiredRun(cr, in)
	if err != nil {
		return nil, err
	}
	staging := desiredStaging(cr, in)
	want := diagnosis.Demand(in.profile.Class, staging.Spec.Resources.Requests[corev1.ResourceStorage])
	if f, err := e.refusal(ctx, cr, e.disks.DryRun(ctx, staging), want, "", "persistentvolumeclaims"); err != nil || f != nil {
		return f, err
	}
	return e.refusal(ctx, cr, e.movers.DryRun(ctx, run), want, "batch", "jobs")
}

// refusal finds out why the API server refuses to create something.
func (e *external) refusal(ctx context.Context, cr *v1alpha1.DiskImport, refused error, want corev1.ResourceList, resource ...string) (*diagnosis.Finding, error) {
	if refused == nil {
		return nil, nil //nolint:nilnil // No refusal is no finding.
	}
	var quotas []corev1.ResourceQuota
	permitted := true
	if kerrors.IsForbidden(refused) {
		var err error
		if permitted, err = e.target.MayCreate(ctx, cr.GetNamespace(), resource[0], resource[1]); err != nil {
			return nil, err
		}
		if quotas, err = e.target.Quotas(ctx, cr.GetNamespace()); err != nil {
			return nil, err
		}
	}
	f := diagnosis.Refusal(refused, permitted, quotas, want)
	if f == nil {
		return nil, errors.Wrap(refused, "cannot ask whether the import can begin")
	}
	return f, nil
}

// inputs gathers what a mover depends on beside its DiskImport, or what is
// missing of it.
func (e *external) inputs(ctx context.Context, cr *v1alpha1.DiskImport) (inputs, *diagnosis.Finding, error) {
	in := inputs{settings: e.target.Settings, image: e.moverImage()}
	if in.image == "" {
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
	in.networks, err = e.target.Networks(ctx)
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
	src := cr.Spec.ForProvider.Source.HTTP
	if src == nil {
		return nil, errors.New("cannot import: the source has no member")
	}
	return credentials.HTTP(ctx, e.local, cr.GetNamespace(), src)
}

func may(cr *v1alpha1.DiskImport, a xpv2.ManagementAction) bool {
	ps := cr.GetManagementPolicies()
	return len(ps) == 0 || slices.Contains(ps, xpv2.ManagementActionAll) || slices.Contains(ps, a)
}

func mayCreate(cr *v1alpha1.DiskImport) bool { return may(cr, xpv2.ManagementActionCreate) }
func mayUpdate(cr *v1alpha1.DiskImport) bool { return may(cr, xpv2.ManagementActionUpdate) }
