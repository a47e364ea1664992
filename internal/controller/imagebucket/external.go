// SPDX-License-Identifier: Apache-2.0

package imagebucket

import (
	"context"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/event"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/reconciler/managed"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/clients/credentials"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/wiring"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

// reasonAdopted is that of an event about a bucket that was there before.
const reasonAdopted event.Reason = "BucketAdopted"

// external manages the bucket of an ImageBucket.
type external struct {
	wiring.Means

	// emptyLimit bounds how many objects and uploads one Delete removes.
	emptyLimit int
}

// A place is a bucket with the store that it is in.
type place struct {
	*bucket.Bucket
	store store
	files credentials.Files
}

// open finds the way to the bucket. What is missing on it is a finding.
func (e *external) open(ctx context.Context, cr *v1alpha1.ImageBucket) (*place, *diagnosis.Finding, error) {
	p := cr.Spec.ForProvider
	files, err := credentials.S3(ctx, e.Local, cr.GetNamespace(), credentials.References{Secret: &p.SecretRef, CABundle: p.CABundleRef})
	var missing *credentials.Problem
	if errors.As(err, &missing) {
		return nil, &diagnosis.Finding{Reason: missing.Reason, Message: missing.Message}, nil
	}
	if err != nil {
		return nil, nil, err
	}
	networks, err := e.Target.Networks(ctx)
	if err != nil {
		return nil, nil, err
	}
	s := storeOf(p, e.Target.Settings.S3)
	b, err := bucket.Open(ctx, bucket.Options{
		Endpoint: s.endpoint, Region: s.region, Name: bucketName(cr), Generic: s.generic,
		Files: files, Policy: workload.Policy(e.Target.Settings, networks),
	})
	return &place{Bucket: b, store: s, files: files}, nil, err
}

// Observe reports what there is of the bucket. What somebody has to change is a
// state, in which it waits.
func (e *external) Observe(ctx context.Context, cr *v1alpha1.ImageBucket) (managed.ExternalObservation, error) {
	if meta.WasDeleted(cr) && untouched(cr) {
		return managed.ExternalObservation{}, nil
	}
	p, f, err := e.open(ctx, cr)
	if err != nil {
		return managed.ExternalObservation{}, e.denied(cr, err)
	}
	if f != nil {
		return e.without(cr, f), nil
	}
	defer p.Close()
	s, err := e.look(ctx, cr, p)
	if f := findingOf(err); f != nil {
		block(cr, f)
		return managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true}, nil
	}
	if err != nil || !s.Exists {
		return managed.ExternalObservation{}, err
	}
	if manages(cr) && ownershipOf(cr, s) == foreign {
		// Nothing of it is ours to delete.
		block(cr, conflict(cr, s))
		return managed.ExternalObservation{ResourceExists: !meta.WasDeleted(cr), ResourceUpToDate: true}, nil
	}
	describe(cr, p.store, s)
	return managed.ExternalObservation{
		ResourceExists:    true,
		ResourceUpToDate:  len(pending(cr)) == 0,
		ConnectionDetails: connectionDetails(cr, p.store, p.files),
	}, nil
}

// look asks for the bucket as it is wanted. One that is only observed is not
// asked for whose it is.
func (e *external) look(ctx context.Context, cr *v1alpha1.ImageBucket, p *place) (bucket.State, error) {
	want := wanted(cr)
	if meta.WasDeleted(cr) {
		// What it was set to matters no more.
		want = bucket.Settings{}
	}
	if !manages(cr) {
		return p.Look(ctx, want)
	}
	// Which tags it should have depends on those that it has.
	want.Owner = map[string]string{}
	s, err := p.Look(ctx, want)
	if err != nil || !s.Exists {
		return s, err
	}
	if s.TagsUnsupported {
		s.Features[bucket.FeatureOwner] = bucket.Unsupported
		return s, nil
	}
	s.Features[bucket.FeatureOwner] = bucket.Same
	for k, v := range ownerTags(cr, s) {
		if s.Tags[k] != v {
			s.Features[bucket.FeatureOwner] = bucket.Differs
		}
	}
	return s, nil
}

// without is the observation of a bucket that nobody can be asked for. One that
// is to be deleted stays: a Secret that is gone is not coming back to a namespace
// that goes.
func (e *external) without(cr *v1alpha1.ImageBucket, f *diagnosis.Finding) managed.ExternalObservation {
	if meta.WasDeleted(cr) && f.Reason == v1alpha1.ReasonSecretNotFound {
		e.Record.Event(cr, event.Warning(wiring.ReasonLeftBehind, errors.Errorf("bucket %q is left as it is, because the Secret with the credentials for it is gone", bucketName(cr))))
		return managed.ExternalObservation{}
	}
	block(cr, f)
	return managed.ExternalObservation{ResourceExists: true, ResourceUpToDate: true}
}

// Create makes the bucket, and says whose it is. Its features follow.
func (e *external) Create(ctx context.Context, cr *v1alpha1.ImageBucket) (managed.ExternalCreation, error) {
	p, err := e.reach(ctx, cr)
	if err != nil {
		return managed.ExternalCreation{}, err
	}
	defer p.Close()
	want := wanted(cr)
	want.Owner = ownerTags(cr, bucket.State{})
	if err := p.Create(ctx, want); err != nil {
		return managed.ExternalCreation{}, e.told(cr, err)
	}
	meta.SetExternalName(cr, bucketName(cr))
	return managed.ExternalCreation{ConnectionDetails: connectionDetails(cr, p.store, p.files)}, nil
}

// Update makes the features as they are wanted.
func (e *external) Update(ctx context.Context, cr *v1alpha1.ImageBucket) (managed.ExternalUpdate, error) {
	p, err := e.reach(ctx, cr)
	if err != nil {
		return managed.ExternalUpdate{}, err
	}
	defer p.Close()
	want, names := wanted(cr), pending(cr)
	if names[bucket.FeatureOwner] {
		s, err := e.look(ctx, cr, p)
		if err != nil {
			return managed.ExternalUpdate{}, e.told(cr, err)
		}
		want.Owner = ownerTags(cr, s)
	}
	done, err := p.Apply(ctx, want, names)
	record(cr, done)
	if want.Owner[tagAdoptedBy] != "" && done[bucket.FeatureOwner].Verdict == bucket.Same {
		e.Record.Event(cr, event.Normal(reasonAdopted, "The bucket was there before, and is adopted by its external name"))
		cr.Status.AtProvider.Origin = originAdopted
	}
	if err != nil {
		return managed.ExternalUpdate{}, e.told(cr, err)
	}
	conclude(cr)
	return managed.ExternalUpdate{}, nil
}

// Delete takes the next step of a deletion: it removes what is in the bucket, a
// bounded number at a time, if that is asked for; and then the bucket. What
// somebody has to change before is a state, in which it waits.
func (e *external) Delete(ctx context.Context, cr *v1alpha1.ImageBucket) (managed.ExternalDelete, error) {
	p, f, err := e.open(ctx, cr)
	if err != nil {
		return managed.ExternalDelete{}, e.denied(cr, err)
	}
	if f != nil {
		block(cr, f)
		return managed.ExternalDelete{}, nil
	}
	defer p.Close()
	err = e.remove(ctx, cr, p)
	if f := findingOf(err); f != nil {
		block(cr, f)
		return managed.ExternalDelete{}, nil
	}
	return managed.ExternalDelete{}, err
}

func (e *external) remove(ctx context.Context, cr *v1alpha1.ImageBucket, p *place) error {
	empty := cr.Spec.ForProvider.Deletion.Policy == v1alpha1.DeletionEmpty
	if empty {
		removed, err := p.Empty(ctx, e.emptyLimit)
		count(cr, removed)
		if err != nil {
			return err
		}
		if !removed.Done {
			cr.SetConditions(v1alpha1.NotStalled(v1alpha1.ReasonProgressing))
			return nil
		}
	}
	err := p.Delete(ctx)
	if f := findingOf(err); empty && f != nil && f.Reason == v1alpha1.ReasonBucketNotEmpty {
		return errors.Errorf("cannot delete bucket %q: something was put into it after it was emptied", bucketName(cr))
	}
	if err == nil {
		cr.SetConditions(v1alpha1.NotStalled(v1alpha1.ReasonComplete))
	}
	return err
}

// Disconnect does nothing: each verb has connections of its own.
func (e *external) Disconnect(context.Context) error { return nil }

// reach is open for a verb that cannot do without.
func (e *external) reach(ctx context.Context, cr *v1alpha1.ImageBucket) (*place, error) {
	p, f, err := e.open(ctx, cr)
	if f != nil {
		block(cr, f)
		return nil, errors.New(f.Message)
	}
	return p, e.denied(cr, err)
}

// told writes what somebody has to change into the status, and returns the
// error.
func (e *external) told(cr *v1alpha1.ImageBucket, err error) error {
	if f := findingOf(err); f != nil {
		block(cr, f)
	}
	return err
}

// denied writes lack of rights into the status, and returns the error.
func (e *external) denied(cr *v1alpha1.ImageBucket, err error) error {
	if f := diagnosis.Denied(err); f != nil {
		block(cr, f)
	}
	return err
}

// findingOf is what somebody has to change, or nil.
func findingOf(err error) *diagnosis.Finding {
	var p *bucket.Problem
	if !errors.As(err, &p) {
		return nil
	}
	return &diagnosis.Finding{Reason: v1alpha1.Reason(p.Reason), Message: p.Message}
}

// untouched reports whether nothing was ever made or adopted.
func untouched(cr *v1alpha1.ImageBucket) bool {
	return meta.GetExternalName(cr) == "" && meta.GetExternalCreatePending(cr).IsZero()
}

// manages reports whether the bucket is to be this ImageBucket's, and not only
// looked at.
func manages(cr *v1alpha1.ImageBucket) bool {
	return wiring.May(cr, xpv2.ManagementActionCreate) || wiring.May(cr, xpv2.ManagementActionUpdate) || wiring.May(cr, xpv2.ManagementActionDelete)
}
