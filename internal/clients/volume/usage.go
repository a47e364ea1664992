// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// A Usage is what is known of a claim that is there already: its volume, and
// which pods use it.
type Usage struct {
	// Claim is nil when it does not exist; Volume, when it is not bound.
	Claim  *corev1.PersistentVolumeClaim
	Volume *corev1.PersistentVolume

	// Writers are the pods that can write to the volume.
	Writers []Writer

	// Nodes are those with a pod that uses the volume, to read or to write.
	Nodes []string
}

// A Writer is a pod that can write to a volume.
type Writer struct {
	Pod   string
	Since time.Time

	// Began is when the first of its containers began to run, zero until then.
	Began time.Time
}

// Driver is the CSI driver of the volume, or "" when it has none.
func (u Usage) Driver() string {
	if u.Volume == nil || u.Volume.Spec.CSI == nil {
		return ""
	}
	return u.Volume.Spec.CSI.Driver
}

// Mode of the volume.
func (u Usage) Mode() corev1.PersistentVolumeMode {
	if u.Claim == nil || u.Claim.Spec.VolumeMode == nil {
		return corev1.PersistentVolumeFilesystem
	}
	return *u.Claim.Spec.VolumeMode
}

// Shared reports whether pods on several nodes can use the volume at once.
func (u Usage) Shared() bool {
	return u.Claim != nil && (slices.Contains(u.Claim.Spec.AccessModes, corev1.ReadWriteMany) ||
		slices.Contains(u.Claim.Spec.AccessModes, corev1.ReadOnlyMany))
}

// Exclusive reports whether no more than one pod can use the volume.
func (u Usage) Exclusive() bool {
	return u.Claim != nil && slices.Contains(u.Claim.Spec.AccessModes, corev1.ReadWriteOncePod)
}

// Usage returns what is known of a claim. Pods of the given owner, which are
// our own, do not count.
func (c *Client) Usage(ctx context.Context, key types.NamespacedName, owner types.UID) (Usage, error) {
	u := Usage{}
	var err error
	if u.Claim, err = c.claim(ctx, key.Namespace, key.Name); err != nil || u.Claim == nil {
		return u, err
	}
	if name := u.Claim.Spec.VolumeName; name != "" {
		v := &corev1.PersistentVolume{}
		err := c.kube.Get(ctx, types.NamespacedName{Name: name}, v)
		if err != nil && !kerrors.IsNotFound(err) {
			return u, errors.Wrap(err, "cannot get volume of claim")
		}
		if err == nil {
			u.Volume = v
		}
	}
	pods := &corev1.PodList{}
	if err := c.kube.List(ctx, pods, client.InNamespace(key.Namespace)); err != nil {
		return u, errors.Wrap(err, "cannot list pods")
	}
	for i := range pods.Items {
		if pods.Items[i].GetLabels()[LabelOwner] != string(owner) {
			u.count(&pods.Items[i])
		}
	}
	slices.SortFunc(u.Writers, func(a, b Writer) int { return strings.Compare(a.Pod, b.Pod) })
	slices.Sort(u.Nodes)
	u.Nodes = slices.Compact(u.Nodes)
	return u, nil
}

// count adds a pod that uses the claim. One that has ended uses nothing.
func (u *Usage) count(p *corev1.Pod) {
	if p.Status.Phase == corev1.PodSucceeded || p.Status.Phase == corev1.PodFailed {
		return
	}
	uses, writes := false, false
	for i := range p.Spec.Volumes {
		v := &p.Spec.Volumes[i]
		if claimOf(p, v) != u.Claim.GetName() {
			continue
		}
		uses = true
		readOnly := v.PersistentVolumeClaim != nil && v.PersistentVolumeClaim.ReadOnly
		writes = writes || !readOnly && writable(p, v.Name)
	}
	if uses && p.Spec.NodeName != "" {
		u.Nodes = append(u.Nodes, p.Spec.NodeName)
	}
	if writes {
		u.Writers = append(u.Writers, Writer{Pod: p.GetName(), Since: p.GetCreationTimestamp().Time, Began: began(p)})
	}
}

// began is when the first container of a pod began to run, as far as it still does.
func began(p *corev1.Pod) time.Time {
	first := time.Time{}
	for i := range p.Status.ContainerStatuses {
		r := p.Status.ContainerStatuses[i].State.Running
		if r != nil && (first.IsZero() || r.StartedAt.Time.Before(first)) {
			first = r.StartedAt.Time
		}
	}
	return first
}

// claimOf is the claim behind a volume of a pod, or "".
func claimOf(p *corev1.Pod, v *corev1.Volume) string {
	switch {
	case v.PersistentVolumeClaim != nil:
		return v.PersistentVolumeClaim.ClaimName
	case v.Ephemeral != nil:
		return p.GetName() + "-" + v.Name
	}
	return ""
}

// writable reports whether a container of a pod has a volume such that it can
// write to it.
func writable(p *corev1.Pod, volume string) bool {
	for _, c := range slices.Concat(p.Spec.InitContainers, p.Spec.Containers) {
		for _, m := range c.VolumeMounts {
			if m.Name == volume && !m.ReadOnly {
				return true
			}
		}
		for _, d := range c.VolumeDevices {
			if d.Name == volume {
				return true
			}
		}
	}
	return false
}
