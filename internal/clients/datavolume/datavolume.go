// SPDX-License-Identifier: Apache-2.0

// Package datavolume starts, inspects and cancels one DataVolume of CDI, known
// by one key, and finds what a DataSource points to. The claim that CDI makes
// for a DataVolume has its name and goes with it.
//
// A cluster without CDI has none of its kinds, which is no error.
package datavolume

import (
	"context"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	cdiv1 "kubevirt.io/containerized-data-importer-api/pkg/apis/core/v1beta1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"
)

// A Client manages DataVolumes in one cluster.
type Client struct {
	kube client.Client
}

// New returns a Client. kube must read from the API server itself.
func New(kube client.Client) *Client { return &Client{kube: kube} }

// A Run is one DataVolume as it should be.
type Run struct {
	DataVolume *cdiv1.DataVolume

	// Trust is a ConfigMap of the same name with the certificate authorities
	// that the DataVolume refers to, or nil. Whoever owns it removes it.
	Trust *corev1.ConfigMap
}

// A State is one DataVolume as it is.
type State struct {
	// DataVolume is nil when it does not exist.
	DataVolume *cdiv1.DataVolume

	// Pods of CDI that fill its claim, the oldest first.
	Pods []corev1.Pod

	// Events are the warnings about the DataVolume.
	Events []corev1.Event
}

// Exists reports whether there is a DataVolume.
func (s State) Exists() bool { return s.DataVolume != nil }

// Deleting reports whether it is about to go.
func (s State) Deleting() bool {
	return s.DataVolume != nil && s.DataVolume.GetDeletionTimestamp() != nil
}

// Succeeded reports whether its claim is filled.
func (s State) Succeeded() bool {
	return s.DataVolume != nil && s.DataVolume.Status.Phase == cdiv1.Succeeded
}

// Condition returns its condition of the given type, or an empty one.
func (s State) Condition(t cdiv1.DataVolumeConditionType) cdiv1.DataVolumeCondition {
	if s.DataVolume != nil {
		for _, c := range s.DataVolume.Status.Conditions {
			if c.Type == t {
				return c
			}
		}
	}
	return cdiv1.DataVolumeCondition{}
}

// Installed reports whether the cluster has CDI's kinds.
func (c *Client) Installed() (bool, error) {
	_, err := c.kube.RESTMapper().RESTMapping(cdiv1.Kind("DataVolume"), cdiv1.SchemeGroupVersion.Version)
	if meta.IsNoMatchError(err) {
		return false, nil
	}
	return err == nil, errors.Wrap(err, "cannot ask whether the cluster has CDI")
}

// Inspect returns the DataVolume as it is, with those pods of its namespace
// that have the given labels.
func (c *Client) Inspect(ctx context.Context, key types.NamespacedName, pods map[string]string) (State, error) {
	dv := &cdiv1.DataVolume{}
	err := c.kube.Get(ctx, key, dv)
	switch {
	case kerrors.IsNotFound(err), meta.IsNoMatchError(err):
		return State{}, nil
	case err != nil:
		return State{}, errors.Wrap(err, "cannot get DataVolume")
	}
	l := &corev1.PodList{}
	if err := c.kube.List(ctx, l, client.InNamespace(key.Namespace), client.MatchingLabels(pods)); err != nil {
		return State{}, errors.Wrap(err, "cannot list pods of DataVolume")
	}
	slices.SortFunc(l.Items, func(a, b corev1.Pod) int { return a.CreationTimestamp.Compare(b.CreationTimestamp.Time) })
	events := &corev1.EventList{}
	err = c.kube.List(ctx, events, client.InNamespace(key.Namespace),
		client.MatchingFields{"involvedObject.uid": string(dv.GetUID()), "type": corev1.EventTypeWarning})
	return State{DataVolume: dv, Pods: l.Items, Events: events.Items}, errors.Wrap(err, "cannot list events of DataVolume")
}

// DryRun asks the API server, and CDI's webhooks, whether they would accept
// the DataVolume, and makes none. The error is the API server's own.
func (c *Client) DryRun(ctx context.Context, r Run) error {
	return ignoreExists(c.kube.Create(ctx, r.DataVolume.DeepCopy(), client.DryRunAll))
}

// Start makes the ConfigMap and then the DataVolume, or what is missing of
// them. It may be called again after any failure.
func (c *Client) Start(ctx context.Context, r Run) error {
	if r.Trust != nil {
		if err := c.trust(ctx, r.Trust); err != nil {
			return err
		}
	}
	return errors.Wrap(ignoreExists(c.kube.Create(ctx, r.DataVolume.DeepCopy())), "cannot create DataVolume")
}

// trust makes a ConfigMap, or gives one that is left of a start that was
// interrupted the contents that it should have.
func (c *Client) trust(ctx context.Context, want *corev1.ConfigMap) error {
	err := c.kube.Create(ctx, want.DeepCopy())
	if !kerrors.IsAlreadyExists(err) {
		return errors.Wrap(err, "cannot create ConfigMap of DataVolume")
	}
	m := &corev1.ConfigMap{}
	if err := c.kube.Get(ctx, client.ObjectKeyFromObject(want), m); err != nil {
		return errors.Wrap(err, "cannot get ConfigMap of DataVolume")
	}
	if maps.Equal(m.Data, want.Data) {
		return nil
	}
	m.Data = want.Data
	return errors.Wrap(c.kube.Update(ctx, m), "cannot update ConfigMap of DataVolume")
}

// Cancel asks for the removal of the DataVolume, and with it of its claim and
// of CDI's pods. It does not wait: Inspect says when it is gone.
func (c *Client) Cancel(ctx context.Context, key types.NamespacedName) error {
	err := c.kube.Delete(ctx, &cdiv1.DataVolume{ObjectMeta: metav1.ObjectMeta{Namespace: key.Namespace, Name: key.Name}},
		client.PropagationPolicy(metav1.DeletePropagationBackground))
	if kerrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil
	}
	return errors.Wrap(err, "cannot delete DataVolume")
}

func ignoreExists(err error) error {
	if kerrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
