// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"cmp"
	"context"
	"slices"

	corev1 "k8s.io/api/core/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

const (
	annotationDefault      = "snapshot.storage.kubernetes.io/is-default-class"
	annotationDefaultClass = "storageclass.kubernetes.io/is-default-class"
)

// Class returns the name of a VolumeSnapshotClass for a CSI driver, or "" if
// there is none. One whose snapshots go when they are deleted comes before one
// that keeps them: a snapshot that is taken for an export is not to stay.
func (c *Client) Class(ctx context.Context, driver string) (string, error) {
	if driver == "" {
		return "", nil
	}
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(object(kindClass + "List").GroupVersionKind())
	if err := c.kube.List(ctx, l); err != nil {
		if meta.IsNoMatchError(err) {
			return "", nil
		}
		return "", errors.Wrap(err, "cannot list VolumeSnapshotClasses")
	}
	return bestClass(l.Items, driver), nil
}

func bestClass(classes []unstructured.Unstructured, driver string) string {
	rank := func(u unstructured.Unstructured) int {
		n := 0
		if policy, _, _ := unstructured.NestedString(u.Object, "deletionPolicy"); policy == "Delete" {
			n -= 2
		}
		if u.GetAnnotations()[annotationDefault] == "true" {
			n--
		}
		return n
	}
	fitting := slices.DeleteFunc(slices.Clone(classes), func(u unstructured.Unstructured) bool {
		d, _, _ := unstructured.NestedString(u.Object, "driver")
		return d != driver
	})
	if len(fitting) == 0 {
		return ""
	}
	best := slices.MinFunc(fitting, func(a, b unstructured.Unstructured) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.GetName(), b.GetName()))
	})
	return best.GetName()
}

// StorageClass returns the name of a StorageClass whose volumes a CSI driver
// makes, or "" if there is none; the cluster's default comes first.
func (c *Client) StorageClass(ctx context.Context, driver string) (string, error) {
	l := &storagev1.StorageClassList{}
	if err := c.kube.List(ctx, l); err != nil {
		return "", errors.Wrap(err, "cannot list StorageClasses")
	}
	best := ""
	for _, s := range l.Items {
		if s.Provisioner != driver {
			continue
		}
		if s.GetAnnotations()[annotationDefaultClass] == "true" {
			return s.GetName(), nil
		}
		if best == "" || s.GetName() < best {
			best = s.GetName()
		}
	}
	return best, nil
}

// Warning is the newest of the warnings about a restored claim, or "".
func (s State) Warning() string {
	var newest *corev1.Event
	for i := range s.Events {
		if newest == nil || newest.LastTimestamp.Before(&s.Events[i].LastTimestamp) {
			newest = &s.Events[i]
		}
	}
	if newest == nil {
		return ""
	}
	return newest.Message
}
