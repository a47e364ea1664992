// SPDX-License-Identifier: Apache-2.0

package snapshot

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	kerrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/crossplane/crossplane-runtime/v2/pkg/errors"

	"github.com/novasphere/provider-wukong/internal/clients/volume"
)

const (
	// Group of the kinds of snapshots.
	Group   = "snapshot.storage.k8s.io"
	version = "v1"

	kindSnapshot = "VolumeSnapshot"
	kindContent  = "VolumeSnapshotContent"
	kindClass    = "VolumeSnapshotClass"
)

// A Client manages snapshots, and the claims that are restored from them, in
// one cluster.
type Client struct {
	kube client.Client
}

// New returns a Client. kube must read from the API server itself.
func New(kube client.Client) *Client { return &Client{kube: kube} }

// A Copy names a snapshot, and the claim restored from it.
type Copy struct {
	Namespace, Name string

	// Owner is the UID of the resource that they are made for.
	Owner types.UID
}

// A Snapshot is a VolumeSnapshot as it is.
type Snapshot struct {
	Name string
	UID  types.UID

	// Ours says that it carries the owner's label.
	Ours, Deleting, Ready bool

	// Error says why it is not ready.
	Error string

	// RestoreSize is the least size of a claim that is restored from it; zero
	// when it is not known.
	RestoreSize resource.Quantity

	// Claim that it was taken of, and the content that it is bound to. Either
	// may be empty.
	Claim, Content string
}

// A State is what exists of a copy. Whatever does not is nil.
type State struct {
	Snapshot *Snapshot
	Claim    *corev1.PersistentVolumeClaim

	// Events are the warnings about a claim that is not bound.
	Events []corev1.Event
}

// Exists reports whether anything of a copy is left.
func (s State) Exists() bool { return s.Snapshot != nil || s.Claim != nil }

// Deleting reports whether anything of a copy is about to go.
func (s State) Deleting() bool {
	return s.Snapshot != nil && s.Snapshot.Deleting || s.Claim != nil && s.Claim.GetDeletionTimestamp() != nil
}

// Inspect returns what exists of a copy. An object with its name that was not
// made for its owner is none of it.
func (c *Client) Inspect(ctx context.Context, k Copy) (State, error) {
	s := State{}
	found, err := c.Find(ctx, types.NamespacedName{Namespace: k.Namespace, Name: k.Name}, k.Owner)
	if err != nil {
		return s, err
	}
	if found != nil && found.Ours {
		s.Snapshot = found
	}
	p := &corev1.PersistentVolumeClaim{}
	err = c.kube.Get(ctx, types.NamespacedName{Namespace: k.Namespace, Name: k.Name}, p)
	if kerrors.IsNotFound(err) || err == nil && p.GetLabels()[volume.LabelOwner] != string(k.Owner) {
		return s, nil
	}
	if err != nil {
		return s, errors.Wrap(err, "cannot get restored claim")
	}
	s.Claim = p
	if p.Status.Phase != corev1.ClaimPending {
		return s, nil
	}
	l := &corev1.EventList{}
	err = c.kube.List(ctx, l, client.InNamespace(k.Namespace),
		client.MatchingFields{"involvedObject.uid": string(p.GetUID()), "type": corev1.EventTypeWarning})
	s.Events = l.Items
	return s, errors.Wrap(err, "cannot list events of restored claim")
}

// Find returns a snapshot, or nil if it does not exist.
func (c *Client) Find(ctx context.Context, key types.NamespacedName, owner types.UID) (*Snapshot, error) {
	u, err := c.get(ctx, kindSnapshot, key)
	if err != nil || u == nil {
		return nil, err
	}
	typed := struct {
		Spec struct {
			Source struct {
				Claim string `json:"persistentVolumeClaimName"`
			} `json:"source"`
		} `json:"spec"`
		Status struct {
			Content string `json:"boundVolumeSnapshotContentName"`
			Ready   bool   `json:"readyToUse"`
			Size    string `json:"restoreSize"`
			Error   struct {
				Message string `json:"message"`
			} `json:"error"`
		} `json:"status"`
	}{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &typed); err != nil {
		return nil, errors.Wrapf(err, "cannot read VolumeSnapshot %q", key.Name)
	}
	s := &Snapshot{
		Name: u.GetName(), UID: u.GetUID(),
		Ours: u.GetLabels()[volume.LabelOwner] == string(owner), Deleting: u.GetDeletionTimestamp() != nil,
		Ready: typed.Status.Ready, Error: typed.Status.Error.Message,
		Claim: typed.Spec.Source.Claim, Content: typed.Status.Content,
	}
	if typed.Status.Size != "" {
		s.RestoreSize, err = resource.ParseQuantity(typed.Status.Size)
	}
	return s, errors.Wrapf(err, "cannot read size of VolumeSnapshot %q", key.Name)
}

// A Content is what a snapshot's content says of the volume that it was taken
// of.
type Content struct {
	Driver string
	Mode   corev1.PersistentVolumeMode
}

// Content returns the content of a snapshot, or nil if it does not exist.
func (c *Client) Content(ctx context.Context, name string) (*Content, error) {
	u, err := c.get(ctx, kindContent, types.NamespacedName{Name: name})
	if err != nil || u == nil {
		return nil, err
	}
	driver, _, err := unstructured.NestedString(u.Object, "spec", "driver")
	if err != nil {
		return nil, errors.Wrapf(err, "cannot read VolumeSnapshotContent %q", name)
	}
	mode, _, err := unstructured.NestedString(u.Object, "spec", "sourceVolumeMode")
	if mode == "" {
		mode = string(corev1.PersistentVolumeFilesystem)
	}
	return &Content{Driver: driver, Mode: corev1.PersistentVolumeMode(mode)}, errors.Wrapf(err, "cannot read VolumeSnapshotContent %q", name)
}

// Take makes a snapshot of a claim, or accepts the one that is there.
func (c *Client) Take(ctx context.Context, m metav1.ObjectMeta, claim, class string) error {
	u := object(kindSnapshot)
	u.SetNamespace(m.Namespace)
	u.SetName(m.Name)
	u.SetLabels(m.Labels)
	u.SetAnnotations(m.Annotations)
	u.Object["spec"] = map[string]any{
		"volumeSnapshotClassName": class,
		"source":                  map[string]any{"persistentVolumeClaimName": claim},
	}
	return errors.Wrap(ignoreExists(c.kube.Create(ctx, u)), "cannot create VolumeSnapshot")
}

// Restore makes the claim, or accepts the one that is there.
func (c *Client) Restore(ctx context.Context, p *corev1.PersistentVolumeClaim) error {
	return errors.Wrap(ignoreExists(c.kube.Create(ctx, p.DeepCopy())), "cannot create restored claim")
}

// DryRun asks the API server whether it would accept a claim, and makes none.
// The error is the API server's own.
func (c *Client) DryRun(ctx context.Context, p *corev1.PersistentVolumeClaim) error {
	return ignoreExists(c.kube.Create(ctx, p.DeepCopy(), client.DryRunAll))
}

// Discard asks for the removal of claim and snapshot. It does not wait:
// Inspect says when they are gone.
func (c *Client) Discard(ctx context.Context, k Copy, s State) error {
	if s.Claim != nil && s.Claim.GetDeletionTimestamp() == nil {
		uid := s.Claim.GetUID()
		err := c.kube.Delete(ctx, s.Claim, client.Preconditions{UID: &uid})
		if err := client.IgnoreNotFound(err); err != nil {
			return errors.Wrap(err, "cannot delete restored claim")
		}
	}
	if s.Snapshot == nil || s.Snapshot.Deleting {
		return nil
	}
	u := object(kindSnapshot)
	u.SetNamespace(k.Namespace)
	u.SetName(s.Snapshot.Name)
	err := c.kube.Delete(ctx, u, client.Preconditions{UID: &s.Snapshot.UID})
	return errors.Wrap(client.IgnoreNotFound(err), "cannot delete VolumeSnapshot")
}

func object(kind string) *unstructured.Unstructured {
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(schema.GroupVersionKind{Group: Group, Version: version, Kind: kind})
	return u
}

// get returns one object, or nil if it or its kind is not there.
func (c *Client) get(ctx context.Context, kind string, key types.NamespacedName) (*unstructured.Unstructured, error) {
	u := object(kind)
	err := c.kube.Get(ctx, key, u)
	if kerrors.IsNotFound(err) || meta.IsNoMatchError(err) {
		return nil, nil //nolint:nilnil // A cluster without snapshots is no error.
	}
	return u, errors.Wrapf(err, "cannot get %s %q", kind, key.Name)
}

func ignoreExists(err error) error {
	if kerrors.IsAlreadyExists(err) {
		return nil
	}
	return err
}
