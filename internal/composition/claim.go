// SPDX-License-Identifier: Apache-2.0

package composition

import (
	"fmt"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/resource"

	vmv1alpha1 "github.com/novasphere/provider-wukong/apis/vm/v1alpha1"
)

// claimKey is the key of a disk's empty claim among the composed resources.
// It differs from importKey, so that one is never taken for the other.
func claimKey(d vmv1alpha1.Disk) string { return "claim-" + d.Name }

// blankDisk decides about a disk without a source: an empty claim.
func blankDisk(in Input, d vmv1alpha1.Disk, size resource.Quantity) outcome {
	want := desiredClaim(in, d, size)
	have := in.Claims[claimKey(d)]
	if have == nil {
		return beginClaim(in, d, want)
	}
	if d.StorageClassName != "" && class(have) != string(d.StorageClassName) {
		return refuse(in, d, fmt.Sprintf(
			"storageClassName cannot change: claim %s is there with %s; add a disk with another name, or delete the claim and what is on it",
			have.GetName(), className(have)))
	}
	if size.Cmp(have.Spec.Resources.Requests[corev1.ResourceStorage]) > 0 {
		return growClaim(in, d, have, want)
	}
	o := observeClaim(in, have)
	o.desire(claimKey(d), Desired{Object: want, Ready: o.done()})
	return o
}

// growClaim decides about a claim that is to become larger. Where the API
// server would refuse that, so does this: its refusal holds up all the other
// disks.
func growClaim(in Input, d vmv1alpha1.Disk, have, want *corev1.PersistentVolumeClaim) outcome {
	if have.Status.Phase != corev1.ClaimBound {
		return refuse(in, d, fmt.Sprintf("size cannot grow before claim %s is bound", have.GetName()))
	}
	need := classNeed(have)
	c, known := in.Classes[need]
	o := observeClaim(in, have)
	switch {
	case !known:
		want = keepClaim(in, d, have)
	case c == nil || c.AllowVolumeExpansion == nil || !*c.AllowVolumeExpansion:
		o = refuse(in, d, fmt.Sprintf("size cannot grow: %s does not allow expansion; add a larger disk with another name", className(have)))
		want = keepClaim(in, d, have)
	}
	// Asked for whether it is known or not: Crossplane calls again until what
	// is needed stays the same.
	o.needs = append(o.needs, need)
	o.desire(claimKey(d), Desired{Object: want, Ready: o.done()})
	return o
}

// beginClaim is the outcome of a disk whose claim is not there yet.
func beginClaim(in Input, d vmv1alpha1.Disk, want *corev1.PersistentVolumeClaim) outcome {
	need := Need{GVK: want.GroupVersionKind(), Namespace: in.Wukong.GetNamespace(), Name: want.GetName()}
	is, known := free(in, need)
	if known && !is {
		o := refuse(in, d, fmt.Sprintf(
			"a claim %s that does not belong to this Wukong is there already; rename the disk or delete that claim", want.GetName()))
		o.needs = []Need{need}
		return o
	}
	o := outcome{state: pending, needs: []Need{need}, waiting: "waiting for its claim to be made"}
	if known {
		o.desire(claimKey(d), Desired{Object: want})
	}
	return o
}

// desiredClaim is the empty claim that a disk asks for.
func desiredClaim(in Input, d vmv1alpha1.Disk, size resource.Quantity) *corev1.PersistentVolumeClaim {
	c := newClaim(in, d)
	c.Spec.AccessModes = []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce}
	c.Spec.Resources.Requests = corev1.ResourceList{corev1.ResourceStorage: size}
	if d.StorageClassName != "" {
		name := string(d.StorageClassName)
		c.Spec.StorageClassName = &name
	}
	return c
}

func newClaim(in Input, d vmv1alpha1.Disk) *corev1.PersistentVolumeClaim {
	c := &corev1.PersistentVolumeClaim{ObjectMeta: objectMeta(in, d)}
	c.SetGroupVersionKind(corev1.SchemeGroupVersion.WithKind("PersistentVolumeClaim"))
	return c
}

// keepClaim is the claim as it was composed earlier.
func keepClaim(in Input, d vmv1alpha1.Disk, have *corev1.PersistentVolumeClaim) *corev1.PersistentVolumeClaim {
	c := newClaim(in, d)
	c.Spec.AccessModes = have.Spec.AccessModes
	c.Spec.Resources = have.Spec.Resources
	c.Spec.StorageClassName = have.Spec.StorageClassName
	return c
}

// observeClaim says where a disk stands whose claim is there.
func observeClaim(in Input, have *corev1.PersistentVolumeClaim) outcome {
	o := outcome{state: preparing}
	o.volume.PVCName = have.GetName()
	switch {
	case have.Status.Phase == corev1.ClaimBound:
		o.state, o.volume.Bound = bound, true
	case have.Status.Phase == corev1.ClaimLost:
		o.fail(fmt.Sprintf("claim %s has lost its volume %s; restore the volume, or delete the claim to start with an empty one",
			have.GetName(), have.Spec.VolumeName))
	case class(have) == "":
		o.fail(fmt.Sprintf("claim %s names no StorageClass and the cluster has no default one; write storageClassName", have.GetName()))
	default:
		o.awaitVolume(in, have)
	}
	return o
}

// awaitVolume says what a claim waits for: that depends on its StorageClass.
func (o *outcome) awaitVolume(in Input, have *corev1.PersistentVolumeClaim) {
	need := classNeed(have)
	o.needs = append(o.needs, need)
	c, known := in.Classes[need]
	switch {
	case known && c == nil:
		o.fail(fmt.Sprintf("there is no %s; make it, or use one that is there", className(have)))
	case known && c.VolumeBindingMode != nil && *c.VolumeBindingMode == storagev1.VolumeBindingWaitForFirstConsumer:
		o.state = idle
		o.waiting = fmt.Sprintf("its claim is bound when a pod uses it first, as %s has it", className(have))
	default:
		o.waiting = fmt.Sprintf("waiting for a volume of %s", className(have))
	}
}

func (o *outcome) fail(sentence string) {
	o.state = failed
	o.problems = append(o.problems, sentence)
}

func classNeed(c *corev1.PersistentVolumeClaim) Need {
	return Need{GVK: storagev1.SchemeGroupVersion.WithKind("StorageClass"), Name: class(c)}
}

func class(c *corev1.PersistentVolumeClaim) string {
	if c.Spec.StorageClassName == nil {
		return ""
	}
	return *c.Spec.StorageClassName
}

func className(c *corev1.PersistentVolumeClaim) string {
	if class(c) == "" {
		return "no StorageClass"
	}
	return "StorageClass " + class(c)
}
