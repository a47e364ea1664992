// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"context"

	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"
	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

const (
	// annotationName leads from an object of ours to its DiskImport: a label
	// value is too short for every name.
	annotationName = "wukong.m.novasphere.dev/disk-import"

	// annotationDigest and annotationFormat tell what a claim holds.
	annotationDigest = "wukong.m.novasphere.dev/source-digest"
	annotationFormat = "wukong.m.novasphere.dev/source-format"

	// annotationSize is the size in bytes of the disk in a claim.
	annotationSize = "wukong.m.novasphere.dev/disk-size"

	// componentDisk is what the label of components says of a published claim.
	componentDisk = "disk"
)

// moverName is the name of the Job, its Secret and the staging claim. It fits
// a label value, because Kubernetes labels the pods with it.
func moverName(cr *v1alpha1.DiskImport) string {
	return workload.Name(cr.GetName(), cr.GetUID(), "")
}

// claimName is the name under which the disk is published.
func claimName(cr *v1alpha1.DiskImport) string {
	if n := cr.Spec.ForProvider.Target.Name; n != "" {
		return n
	}
	if n := meta.GetExternalName(cr); n != "" {
		return n
	}
	return cr.GetName()
}

// externalNamer writes the claim's name into the external name, where people
// and Crossplane's tools look for it.
type externalNamer struct{ client client.Client }

// Initialize implements managed.Initializer.
func (n externalNamer) Initialize(ctx context.Context, mg resource.Managed) error {
	cr, ok := mg.(*v1alpha1.DiskImport)
	if !ok || meta.WasDeleted(mg) || meta.GetExternalName(mg) == claimName(cr) {
		return nil
	}
	meta.SetExternalName(mg, claimName(cr))
	return errors.Wrap(n.client.Update(ctx, mg), "cannot set external name")
}

func moverKey(cr *v1alpha1.DiskImport) types.NamespacedName {
	return types.NamespacedName{Namespace: cr.GetNamespace(), Name: moverName(cr)}
}

func diskOf(cr *v1alpha1.DiskImport) volume.Disk {
	return volume.Disk{
		Namespace: cr.GetNamespace(),
		Staging:   moverName(cr),
		Final:     claimName(cr),
		Owner:     cr.GetUID(),
	}
}

// labels are those of every object that is made for a DiskImport.
func labels(cr *v1alpha1.DiskImport) map[string]string {
	return workload.Labels(cr.GetUID())
}

func annotations(cr *v1alpha1.DiskImport) map[string]string {
	return map[string]string{annotationName: cr.GetName()}
}
