// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/crossplane/crossplane-runtime/v2/pkg/meta"

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

// annotate writes the claim's name into the external name, where people and
// Crossplane's tools look for it.
func annotate(cr *v1alpha1.DiskImport) error {
	meta.SetExternalName(cr, claimName(cr))
	return nil
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
