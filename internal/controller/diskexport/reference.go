// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/bucketref"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
)

// references are how a DiskExport refers to an ImageBucket.
func references() bucketref.Kind[*v1alpha1.DiskExport] {
	return bucketref.Kind[*v1alpha1.DiskExport]{
		Place:  func(cr *v1alpha1.DiskExport) *v1alpha1.S3Object { return cr.Spec.ForProvider.Target.S3 },
		Used:   func(cr *v1alpha1.DiskExport) **v1alpha1.UsedBucket { return &cr.Status.AtProvider.Bucket },
		Begun:  func(cr *v1alpha1.DiskExport) bool { return cr.Status.AtProvider.StartTime != nil },
		Copy:   (*v1alpha1.DiskExport).DeepCopy,
		Report: func(from, to *v1alpha1.DiskExport) { to.Status = from.Status },
		Block: func(cr *v1alpha1.DiskExport, f *diagnosis.Finding) {
			phase := cr.Status.AtProvider.Phase
			block(cr, f)
			if cr.GetAnnotations()[annotationMade] != "" {
				// A status that was lost is still to be filled from the note.
				cr.Status.AtProvider.Phase = phase
			}
		},
	}
}

// resolved are the parameters of a DiskExport with the bucket that the status
// says they lead to. It is the same before and after references are followed.
func resolved(cr *v1alpha1.DiskExport) v1alpha1.DiskExportParameters {
	p := cr.Spec.ForProvider.DeepCopy()
	bucketref.Apply(p.Target.S3, cr.Status.AtProvider.Bucket)
	return *p
}
