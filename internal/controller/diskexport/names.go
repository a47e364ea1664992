// SPDX-License-Identifier: Apache-2.0

package diskexport

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume/snapshot"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

const (
	// annotationName leads from an object of ours to its DiskExport: a label
	// value is too short for every name.
	annotationName = "wukong.m.novasphere.dev/disk-export"

	// annotationConsistency tells how a mover reads.
	annotationConsistency = "wukong.m.novasphere.dev/consistency"

	// annotationMade notes on a DiskExport what its last run made.
	annotationMade = "wukong.m.novasphere.dev/export-made"

	// suffixRemover is what the name of the mover ends in that removes.
	suffixRemover = "-remove"
)

// moverName is the name of the Job, its Secret, the snapshot and the claim
// restored from it.
func moverName(cr *v1alpha1.DiskExport) string {
	return workload.Name(cr.GetName(), cr.GetUID(), "")
}

func moverKey(cr *v1alpha1.DiskExport) types.NamespacedName {
	return types.NamespacedName{Namespace: cr.GetNamespace(), Name: moverName(cr)}
}

func removerKey(cr *v1alpha1.DiskExport) types.NamespacedName {
	return types.NamespacedName{Namespace: cr.GetNamespace(), Name: workload.Name(cr.GetName(), cr.GetUID(), suffixRemover)}
}

func copyOf(cr *v1alpha1.DiskExport) snapshot.Copy {
	return snapshot.Copy{Namespace: cr.GetNamespace(), Name: moverName(cr), Owner: cr.GetUID()}
}

func objectMeta(cr *v1alpha1.DiskExport, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace:   cr.GetNamespace(),
		Name:        name,
		Labels:      workload.Labels(cr.GetUID()),
		Annotations: map[string]string{annotationName: cr.GetName()},
	}
}

// place is where the artifact goes, for people: it is the external name. It is
// "" for a bucket that is not known yet.
func place(t v1alpha1.ExportTarget) string {
	switch {
	case t.S3 != nil && t.S3.Bucket == "":
		return ""
	case t.S3 != nil:
		return "s3://" + t.S3.Bucket + "/" + t.S3.Key
	case t.Registry != nil:
		return "docker://" + t.Registry.Image
	case t.HTTP != nil:
		return t.HTTP.URL
	case t.PVC != nil:
		return "pvc://" + t.PVC.Name + "/" + t.PVC.Path
	}
	return ""
}
