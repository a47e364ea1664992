// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"maps"
	"math/big"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

// finalMetadata is what the published claim should say, and the size that it
// should have at least.
func finalMetadata(cr *v1alpha1.DiskImport, s volume.State) volume.Metadata {
	m := volume.Metadata{Labels: labels(cr), Annotations: annotations(cr)}
	t := cr.Spec.ForProvider.Target
	maps.Copy(m.Labels, t.Labels)
	maps.Copy(m.Annotations, t.Annotations)
	maps.Copy(m.Labels, labels(cr))
	m.Labels[workload.LabelComponent] = "disk"
	if f := cr.Status.AtProvider.Source; f != nil && f.Digest != "" {
		m.Annotations[annotationDigest], m.Annotations[annotationFormat] = f.Digest, f.Format
	}
	if size := diskBytes(cr); s.Ours() && size > diskSize(s.Final) {
		m.Annotations[annotationSize] = strconv.FormatInt(size, 10)
		m.Request = grown(s.Final, size)
	}
	return m
}

// diskSize is the size in bytes of the disk in a claim. A claim that does not
// say holds a disk of any size.
func diskSize(p *corev1.PersistentVolumeClaim) int64 {
	n, err := strconv.ParseInt(p.GetAnnotations()[annotationSize], 10, 64)
	if err != nil || n <= 0 {
		return 1<<63 - 1
	}
	return n
}

// grown is the request of a claim when its disk grows to the given size: by
// the same factor, so that the file system's part grows with it.
func grown(p *corev1.PersistentVolumeClaim, size int64) resource.Quantity {
	const mebibyte = 1 << 20
	request := p.Spec.Resources.Requests[corev1.ResourceStorage]
	n := new(big.Int).Mul(big.NewInt(request.Value()), big.NewInt(size))
	n.Div(n, big.NewInt(diskSize(p)))
	return *resource.NewQuantity((n.Int64()+mebibyte-1)/mebibyte*mebibyte, resource.BinarySI)
}
