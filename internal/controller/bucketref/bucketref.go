// SPDX-License-Identifier: Apache-2.0

// Package bucketref lets an external client know nothing of references to
// ImageBuckets, nor of the store that a configuration names: it wraps one, which
// sees the bucket itself in the resource's place.
//
// Where a reference led stands in the status, and never in the spec: a transfer
// goes on when the ImageBucket is gone, and what is noted of an artifact names
// the same place in every reconciliation.
package bucketref

import (
	"cmp"
	"context"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
)

// A Kind is a kind of resource that may have a place in S3.
type Kind[T resource.ModernManaged] struct {
	// Place in S3 of a resource, or nil.
	Place func(T) *v1alpha1.S3Object

	// Used is where the status says where the place is.
	Used func(T) **v1alpha1.UsedBucket

	// Begun reports whether the resource has begun to use its place.
	Begun func(T) bool

	// Copy is a deep copy of a resource.
	Copy func(T) T

	// Report copies the status.
	Report func(from, to T)

	// Block writes into the status that a resource cannot go on.
	Block func(T, *diagnosis.Finding)
}

// Apply puts the bucket that a reference or a configuration led to into a place.
func Apply(o *v1alpha1.S3Object, u *v1alpha1.UsedBucket) {
	if o == nil || u == nil {
		return
	}
	if o.Bucket != "" {
		if o.Endpoint == "" {
			o.Endpoint, o.Region = u.Endpoint, cmp.Or(o.Region, u.Region)
		}
		return
	}
	o.BucketRef, o.BucketSelector = nil, nil
	o.Endpoint, o.Region, o.Bucket, o.CABundleRef = u.Endpoint, u.Region, u.Name, u.CABundleRef
	o.SecretRef = &v1alpha1.SecretReference{Name: u.SecretName}
}

// Wrap returns an external client for which the places of resources are
// resolved.
func Wrap[T resource.ModernManaged](k Kind[T], m wiring.Means, next managed.TypedExternalClient[T]) managed.TypedExternalClient[T] {
	return &resolver[T]{kind: k, means: m, next: next}
}

type resolver[T resource.ModernManaged] struct {
	kind  Kind[T]
	means wiring.Means
	next  managed.TypedExternalClient[T]
}

// resolved is the resource with its place resolved: itself, if there is nothing
// to resolve.
func (r *resolver[T]) resolved(ctx context.Context, cr T) (T, error) {
	o := r.kind.Place(cr)
	if o == nil {
		*r.kind.Used(cr) = nil
		return cr, nil
	}
	u, err := r.used(ctx, cr, *o)
	if err != nil {
		return cr, err
	}
	*r.kind.Used(cr) = u
	if u == nil {
		return cr, nil
	}
	out := r.kind.Copy(cr)
	Apply(r.kind.Place(out), u)
	return out, nil
}

// used is the bucket that a place leads to, or nil if it names everything
// itself.
func (r *resolver[T]) used(ctx context.Context, cr T, o v1alpha1.S3Object) (*v1alpha1.UsedBucket, error) {
	if o.Bucket != "" {
		s := r.means.Target.Settings.S3
		if s == nil || o.Endpoint != "" {
			return nil, nil //nolint:nilnil // Nothing to resolve is no error.
		}
		return &v1alpha1.UsedBucket{Name: o.Bucket, Endpoint: s.Endpoint, Region: cmp.Or(o.Region, s.Region)}, nil
	}
	before := *r.kind.Used(cr)
	stays := before != nil && before.ImageBucket != "" && r.kind.Begun(cr) && (o.BucketRef == nil || o.BucketRef.Name == before.ImageBucket)
	if stays {
		// What has begun in a bucket goes on there, whatever a selector fits now.
		o = v1alpha1.S3Object{BucketRef: &v1alpha1.BucketReference{Name: before.ImageBucket}}
	}
	u, err := credentials.Bucket(ctx, r.means.Local, cr.GetNamespace(), o, before)
	var p *credentials.Problem
	if stays && errors.As(err, &p) {
		return before, nil
	}
	return u, err
}

// Observe observes a resource whose place is known. One whose place is not waits
// for it.
func (r *resolver[T]) Observe(ctx context.Context, cr T) (managed.ExternalObservation, error) {
	in, err := r.resolved(ctx, cr)
	var p *credentials.Problem
	switch {
	case errors.As(err, &p) && !meta.WasDeleted(cr):
		r.kind.Block(cr, &diagnosis.Finding{Reason: p.Reason, Message: p.Message})
		return managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true}, nil
	case err != nil && p == nil:
		return managed.ExternalObservation{}, err
	}
	o, err := r.next.Observe(ctx, in)
	r.report(in, cr)
	return o, err
}

// Create creates, at a place that is known.
func (r *resolver[T]) Create(ctx context.Context, cr T) (managed.ExternalCreation, error) {
	in, err := r.resolved(ctx, cr)
	if err != nil {
		return managed.ExternalCreation{}, err
	}
	c, err := r.next.Create(ctx, in)
	r.report(in, cr)
	return c, err
}

// Update updates, at a place that is known.
func (r *resolver[T]) Update(ctx context.Context, cr T) (managed.ExternalUpdate, error) {
	in, err := r.resolved(ctx, cr)
	if err != nil {
		return managed.ExternalUpdate{}, err
	}
	u, err := r.next.Update(ctx, in)
	r.report(in, cr)
	return u, err
}

// Delete deletes. A place that is not known any more has nothing.
func (r *resolver[T]) Delete(ctx context.Context, cr T) (managed.ExternalDelete, error) {
	in, err := r.resolved(ctx, cr)
	var p *credentials.Problem
	if err != nil && !errors.As(err, &p) {
		return managed.ExternalDelete{}, err
	}
	d, err := r.next.Delete(ctx, in)
	r.report(in, cr)
	return d, err
}

// Disconnect disconnects what is wrapped.
func (r *resolver[T]) Disconnect(ctx context.Context) error { return r.next.Disconnect(ctx) }

// report copies the status of a resolved resource to the resource itself.
func (r *resolver[T]) report(from, to T) {
	if any(from) == any(to) {
		return
	}
	used := *r.kind.Used(to)
	r.kind.Report(from, to)
	*r.kind.Used(to) = used
}
