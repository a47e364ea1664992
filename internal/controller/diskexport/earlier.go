// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/transfer"
)

// schemeImage begins the URI of an image.
const schemeImage = "docker://"

// earlier is the image that was made last of the same source in the same registry,
// by this DiskExport or by another one of its namespace: if the disk is the same
// still, it need not be sent. Nil: there is none.
func (e *external) earlier(ctx context.Context, cr *v1alpha1.DiskExport) (*transfer.EarlierImage, error) {
	all := &v1alpha1.DiskExportList{}
	if err := e.Local.List(ctx, all, client.InNamespace(cr.GetNamespace())); err != nil {
		return nil, errors.Wrap(err, "cannot list DiskExports of the namespace")
	}
	return newest(cr, all.Items), nil
}

func newest(cr *v1alpha1.DiskExport, all []v1alpha1.DiskExport) *transfer.EarlierImage {
	var found *transfer.EarlierImage
	var at *metav1.Time
	for i := range all {
		d := &all[i]
		made, when := d.Status.AtProvider.Artifact, succeeded(d)
		switch {
		case made == nil || made.ContentDigest == "" || !strings.HasPrefix(made.URI, schemeImage):
		case registryOf(d) != registryOf(cr) || !equality.Semantic.DeepEqual(d.Spec.ForProvider.Source, cr.Spec.ForProvider.Source):
		case at != nil && !at.Before(when):
		default:
			found = &transfer.EarlierImage{Image: strings.TrimPrefix(made.URI, schemeImage), ContentDigest: made.ContentDigest}
			at = when
		}
	}
	return found
}

// succeeded is when the last run ended that succeeded.
func succeeded(d *v1alpha1.DiskExport) *metav1.Time {
	for _, run := range d.Status.AtProvider.History {
		if run.Phase == v1alpha1.ExportPhaseSucceeded {
			return run.CompletionTime
		}
	}
	return nil
}

// registryOf is the registry of a target, or "" of another one.
func registryOf(d *v1alpha1.DiskExport) string {
	r := d.Spec.ForProvider.Target.Registry
	if r == nil {
		return ""
	}
	host, _, _ := strings.Cut(r.Image, "/")
	return host
}
