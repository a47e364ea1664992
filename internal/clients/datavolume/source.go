// SPDX-License-Identifier: Apache-2.0

package datavolume

import (
	"context"

	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/types"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// maxReferences is how many DataSources may stand one behind the other. CDI
// permits one that points to another, and no more.
const maxReferences = 2

// A Pointer is what a DataSource points to: one of its members is set, or none
// when it points to nothing.
type Pointer struct {
	Claim    types.NamespacedName
	Snapshot types.NamespacedName
}

// None reports whether it points to nothing.
func (p Pointer) None() bool { return p == Pointer{} }

// Resolve returns what a DataSource points to. One that does not exist points
// to nothing. CDI lets a DataSource refer to another of its own namespace.
func (c *Client) Resolve(ctx context.Context, key types.NamespacedName) (Pointer, error) {
	for range maxReferences {
		ds := &cdiv1.DataSource{}
		err := c.kube.Get(ctx, key, ds)
		if kerrors.IsNotFound(err) || meta.IsNoMatchError(err) {
			return Pointer{}, nil
		}
		if err != nil {
			return Pointer{}, errors.Wrapf(err, "cannot get DataSource %q", key.Name)
		}
		switch s := ds.Spec.Source; {
		case s.PVC != nil:
			return Pointer{Claim: within(key.Namespace, s.PVC.Namespace, s.PVC.Name)}, nil
		case s.Snapshot != nil:
			return Pointer{Snapshot: within(key.Namespace, s.Snapshot.Namespace, s.Snapshot.Name)}, nil
		case s.DataSource == nil:
			return Pointer{}, nil
		case s.DataSource.Namespace != "" && s.DataSource.Namespace != key.Namespace:
			return Pointer{}, nil
		default:
			key.Name = s.DataSource.Name
		}
	}
	return Pointer{}, nil
}

// within is the key of an object that may leave its namespace out.
func within(own, namespace, name string) types.NamespacedName {
	if namespace == "" {
		namespace = own
	}
	return types.NamespacedName{Namespace: namespace, Name: name}
}
