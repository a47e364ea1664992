// SPDX-License-Identifier: Apache-2.0

package imagebucket

import (
	"cmp"
	"fmt"
	"strings"

	xpv2 "github.com/crossplane/crossplane/apis/v2/core/v2"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/bucket"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// describe writes what was found of the bucket into the status.
func describe(cr *v1alpha1.ImageBucket, st store, s bucket.State) {
	at := &cr.Status.AtProvider
	at.Endpoint, at.Region, at.Bucket = st.endpoint, st.region, bucketName(cr)
	at.Origin = cmp.Or(originOf(s), at.Origin)
	if meta.WasDeleted(cr) {
		return
	}
	at.Features = featuresOf(cr, s.Features)
	at.Emptied = nil
	conclude(cr)
}

// conclude writes what the features are into message and conditions.
func conclude(cr *v1alpha1.ImageBucket) {
	at := &cr.Status.AtProvider
	unsupported, refused := inState(cr, v1alpha1.FeatureUnsupported), inState(cr, v1alpha1.FeatureRefused)
	at.Message = fmt.Sprintf("Bucket %q is there.", bucketName(cr))
	switch {
	case len(refused) > 0:
		f := &diagnosis.Finding{Reason: v1alpha1.ReasonSettingRefused, Message: featureOf(cr, refused[0]).Message}
		block(cr, f)
		cr.SetConditions(v1alpha1.FeaturesNotApplied(f.Reason, f.Message))
		return
	case len(unsupported) > 0:
		m := fmt.Sprintf("The store cannot do: %s.", strings.Join(unsupported, ", "))
		at.Message += " " + m
		cr.SetConditions(v1alpha1.FeaturesNotApplied(v1alpha1.ReasonUnsupported, m+" Leave that out, or use a store that can."))
	case len(pending(cr)) > 0:
		cr.SetConditions(v1alpha1.FeaturesNotApplied(v1alpha1.ReasonPending, ""))
	default:
		cr.SetConditions(v1alpha1.FeaturesApplied(v1alpha1.ReasonApplied))
	}
	cr.SetConditions(xpv2.Available(), v1alpha1.NotStalled(v1alpha1.ReasonComplete))
}

// conflict is what is in the way when a bucket is somebody else's.
func conflict(cr *v1alpha1.ImageBucket, s bucket.State) *diagnosis.Finding {
	f := &diagnosis.Finding{Reason: v1alpha1.ReasonBucketConflict,
		Message: fmt.Sprintf("A bucket named %q exists already, and was not made by this ImageBucket; it is left alone. Choose another name, or name it in the annotation %s to adopt it.", bucketName(cr), meta.AnnotationKeyExternalName)}
	if other := s.Tags[tagResource]; other != "" {
		f.Message = fmt.Sprintf("Bucket %q says by its tags that it belongs to ImageBucket %q; it is left alone. Choose another name; or, if that ImageBucket is no more, remove the tags that begin with wukong.m.novasphere.dev/ from the bucket.", bucketName(cr), other)
	}
	return f
}

// block writes into the status that an ImageBucket cannot go on. Ready of one
// that is being deleted is as the runtime has it, lest each look change it twice.
func block(cr *v1alpha1.ImageBucket, f *diagnosis.Finding) {
	cr.Status.AtProvider.Message = f.Message
	ready := v1alpha1.NotReady(f.Reason, f.Message)
	if meta.WasDeleted(cr) {
		ready = xpv2.Deleting()
	}
	cr.SetConditions(ready, v1alpha1.Stalled(f.Reason, f.Message))
}

// count adds what a pass has removed.
func count(cr *v1alpha1.ImageBucket, r bucket.Removed) {
	at := &cr.Status.AtProvider
	if at.Emptied == nil {
		at.Emptied = &v1alpha1.Emptied{}
	}
	at.Emptied.Objects += r.Objects
	at.Emptied.Uploads += r.Uploads
	at.Message = fmt.Sprintf("The bucket is being emptied: %d objects and versions and %d unfinished uploads are removed.", at.Emptied.Objects, at.Emptied.Uploads)
}
