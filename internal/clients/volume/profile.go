// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"math"
	"strconv"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

const (
	annotationDefaultClass = "storageclass.kubernetes.io/is-default-class"
	// annotationDefaultVirtClass is CDI's and KubeVirt's; it comes first.
	annotationDefaultVirtClass = "storageclass.kubevirt.io/is-default-virt-class"

	// defaultOverhead is CDI's default: the part of a file system that its own
	// tables take.
	defaultOverhead = 0.06

	// leastOverhead is what a file system takes at least. Measured with
	// mkfs.ext4 -m0: 42 MiB of 511 MiB, 51 MiB of 1 GiB, and less than
	// defaultOverhead above; XFS has a log of 64 MiB and reserves 32 MiB.
	leastOverhead = 128 << 20

	mebibyte = 1 << 20
)

// A Profile is what a claim of a storage class should look like.
type Profile struct {
	Class       string
	AccessModes []corev1.PersistentVolumeAccessMode
	VolumeMode  corev1.PersistentVolumeMode

	// Overhead is the part of a file system that its own tables take.
	Overhead float64

	// Waits reports whether a claim of the class is bound to the first pod that
	// uses it, and not before.
	Waits bool
}

// A ClassError is a storage class that does not exist. An empty Name means
// that the cluster has no default class.
type ClassError struct{ Name string }

// Error implements error.
func (e *ClassError) Error() string {
	if e.Name == "" {
		return "the cluster has no default StorageClass"
	}
	return "StorageClass " + strconv.Quote(e.Name) + " does not exist"
}

// Profile returns the profile of a storage class, or of the default class if
// name is empty. What CDI knows of the class comes first.
func (c *Client) Profile(ctx context.Context, name string) (Profile, error) {
	p := Profile{
		AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
		VolumeMode:  corev1.PersistentVolumeFilesystem,
		Overhead:    defaultOverhead,
	}
	class, err := c.class(ctx, name)
	if err != nil {
		return p, err
	}
	p.Class = class.GetName()
	p.Waits = ptr.Deref(class.VolumeBindingMode, storagev1.VolumeBindingImmediate) == storagev1.VolumeBindingWaitForFirstConsumer
	if err := c.storageProfile(ctx, &p); err != nil {
		return p, err
	}
	err = c.overhead(ctx, &p)
	return p, err
}

// Expands reports whether a claim may grow once it is bound: its class permits
// it.
func (c *Client) Expands(ctx context.Context, p *corev1.PersistentVolumeClaim) (bool, error) {
	name := ptr.Deref(p.Spec.StorageClassName, "")
	if name == "" {
		return false, nil
	}
	class, err := c.class(ctx, name)
	var missing *ClassError
	if errors.As(err, &missing) {
		return false, nil
	}
	return err == nil && ptr.Deref(class.AllowVolumeExpansion, false), err
}

func (c *Client) class(ctx context.Context, name string) (*storagev1.StorageClass, error) {
	if name != "" {
		class := &storagev1.StorageClass{}
		err := c.kube.Get(ctx, types.NamespacedName{Name: name}, class)
		if kerrors.IsNotFound(err) {
			return nil, &ClassError{Name: name}
		}
		return class, errors.Wrapf(err, "cannot get StorageClass %q", name)
	}
	l := &storagev1.StorageClassList{}
	if err := c.kube.List(ctx, l); err != nil {
		return nil, errors.Wrap(err, "cannot list StorageClasses")
	}
	for _, annotation := range []string{annotationDefaultVirtClass, annotationDefaultClass} {
		if d := newestWith(l.Items, annotation); d != nil {
			return d, nil
		}
	}
	return nil, &ClassError{}
}

// newestWith returns the class that has the annotation, or nil. As in Kubernetes the
// newest counts if there are several.
func newestWith(cs []storagev1.StorageClass, annotation string) *storagev1.StorageClass {
	var newest *storagev1.StorageClass
	for i := range cs {
		if cs[i].GetAnnotations()[annotation] != "true" {
			continue
		}
		if newest == nil || newest.CreationTimestamp.Before(&cs[i].CreationTimestamp) {
			newest = &cs[i]
		}
	}
	return newest
}

// storageProfile reads the first claim property set that CDI has for a class.
func (c *Client) storageProfile(ctx context.Context, p *Profile) error {
	u, err := c.cdi(ctx, "StorageProfile", p.Class)
	if err != nil || u == nil {
		return err
	}
	sets, _, err := unstructured.NestedSlice(u.Object, "status", "claimPropertySets")
	if err != nil || len(sets) == 0 {
		return errors.Wrapf(err, "cannot read StorageProfile %q", p.Class)
	}
	set, ok := sets[0].(map[string]any)
	if !ok {
		return nil
	}
	typed := struct {
		AccessModes []corev1.PersistentVolumeAccessMode `json:"accessModes"`
		VolumeMode  corev1.PersistentVolumeMode         `json:"volumeMode"`
	}{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(set, &typed); err != nil {
		return errors.Wrapf(err, "cannot read StorageProfile %q", p.Class)
	}
	if len(typed.AccessModes) > 0 {
		p.AccessModes = typed.AccessModes[:1]
	}
	if typed.VolumeMode != "" {
		p.VolumeMode = typed.VolumeMode
	}
	return nil
}

// overhead reads the file system overhead that CDI assumes for a class.
func (c *Client) overhead(ctx context.Context, p *Profile) error {
	u, err := c.cdi(ctx, "CDIConfig", "config")
	if err != nil || u == nil {
		return err
	}
	global, _, err := unstructured.NestedString(u.Object, "status", "filesystemOverhead", "global")
	if err != nil {
		return errors.Wrap(err, "cannot read CDIConfig")
	}
	of, _, err := unstructured.NestedStringMap(u.Object, "status", "filesystemOverhead", "storageClass")
	if err != nil {
		return errors.Wrap(err, "cannot read CDIConfig")
	}
	for _, s := range []string{global, of[p.Class]} {
		if v, err := strconv.ParseFloat(s, 64); err == nil && v >= 0 && v < 1 {
			p.Overhead = v
		}
	}
	return nil
}

// cdi returns one object of CDI, or nil if it or CDI is not there.
func (c *Client) cdi(ctx context.Context, kind, name string) (*unstructured.Unstructured, error) {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: "cdi.kubevirt.io", Version: "v1beta1", Kind: kind})
	err := c.kube.Get(ctx, types.NamespacedName{Name: name}, u)
	if kerrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil //nolint:nilnil // A cluster without CDI is no error.
	}
	return u, errors.Wrapf(err, "cannot get %s %q", kind, name)
}

// Request returns the size of a claim that a disk of the given size fits:
// with room for the file system's own tables, and a whole number of MiB.
func (p Profile) Request(disk int64, mode corev1.PersistentVolumeMode) resource.Quantity {
	n := disk
	if mode != corev1.PersistentVolumeBlock {
		n = max(disk+leastOverhead, int64(math.Ceil(float64(disk)/(1-p.Overhead))))
	}
	n = (n + mebibyte - 1) / mebibyte * mebibyte
	return *resource.NewQuantity(n, resource.BinarySI)
}
