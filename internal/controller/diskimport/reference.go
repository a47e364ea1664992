// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/controller/bucketref"
)

// references are how a DiskImport refers to an ImageBucket.
func references() bucketref.Kind[*v1alpha1.DiskImport] {
	return bucketref.Kind[*v1alpha1.DiskImport]{
		Place: func(cr *v1alpha1.DiskImport) *v1alpha1.S3Object {
			if s := cr.Spec.ForProvider.Source.S3; s != nil {
				return &s.S3Object
			}
			return nil
		},
		Used:   func(cr *v1alpha1.DiskImport) **v1alpha1.UsedBucket { return &cr.Status.AtProvider.Bucket },
		Begun:  func(cr *v1alpha1.DiskImport) bool { return cr.Status.AtProvider.StartTime != nil },
		Copy:   (*v1alpha1.DiskImport).DeepCopy,
		Report: func(from, to *v1alpha1.DiskImport) { to.Status = from.Status },
		Block:  block,
	}
}
