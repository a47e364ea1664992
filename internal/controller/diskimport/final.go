// SPDX-License-Identifier: Apache-2.0

package diskimport

import (
	"context"
	"fmt"
	"maps"
	"math/big"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/utils/ptr"

	"github.com/novasphere/provider-wukong/apis/disk/v1alpha1"
	"github.com/novasphere/provider-wukong/internal/clients/volume"
	"github.com/novasphere/provider-wukong/internal/controller/diagnosis"
	"github.com/novasphere/provider-wukong/internal/controller/workload"
)

// lookAtFinal finds out whether the published claim is as it should be, and
// whether it can be.
func (e *external) lookAtFinal(ctx context.Context, cr *v1alpha1.DiskImport, v *view) error {
	v.final = finalMetadata(cr)
	if size := diskBytes(cr); size > diskSize(v.volume.Final) {
		expands, err := e.disks.Expands(ctx, v.volume.Final)
		if err != nil {
			return err
		}
		if expands {
			v.final.Annotations[annotationSize] = strconv.FormatInt(size, 10)
			v.final.Request = grown(v.volume.Final, size)
		} else {
			v.ungrown = unexpandable(v.volume.Final)
		}
	}
	v.fresh = v.volume.Fresh(v.final)
	return nil
}

// unexpandable says that a claim cannot grow.
func unexpandable(p *corev1.PersistentVolumeClaim) *diagnosis.Finding {
	return &diagnosis.Finding{
		Reason: v1alpha1.ReasonExpansionRefused,
		Message: fmt.Sprintf("Claim %q cannot grow: StorageClass %q does not allow expansion. Set its allowVolumeExpansion, if its driver can do it, or add a larger disk with another name.",
			p.GetName(), ptr.Deref(p.Spec.StorageClassName, "")),
	}
}

// finalMetadata is what the published claim should say.
func finalMetadata(cr *v1alpha1.DiskImport) volume.Metadata {
	m := volume.Metadata{Labels: labels(cr), Annotations: annotations(cr)}
	t := cr.Spec.ForProvider.Target
	maps.Copy(m.Labels, t.Labels)
	maps.Copy(m.Annotations, t.Annotations)
	maps.Copy(m.Labels, labels(cr))
	m.Labels[workload.LabelComponent] = componentDisk
	if f := cr.Status.AtProvider.Source; f != nil && f.Digest != "" {
		m.Annotations[annotationDigest], m.Annotations[annotationFormat] = f.Digest, f.Format
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
